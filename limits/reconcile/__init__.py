"""A processor's file of what it has booked, read and held against our books: docs/operations.md,
"Reconcile a processor's file".
"""
