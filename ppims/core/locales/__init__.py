"""How Django itself writes and reads dates, where no page of ours says it."""
