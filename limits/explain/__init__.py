"""Explain why a check was answered, or an entry booked, as it was: worked out anew from what stood
then, and compared with what was recorded. It reads only. docs/operations.md, "Explain a decision".
"""

from limits.explain.explaining import explain_check, explain_entry
from limits.explain.results import Explained

__all__ = ["Explained", "explain_check", "explain_entry"]
