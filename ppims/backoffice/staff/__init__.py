"""The pages about people of the staff: for admins alone."""
