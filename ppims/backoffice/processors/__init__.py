"""The pages about processors: open to all, and for admins the changes of them."""
