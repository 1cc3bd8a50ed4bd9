"""What staff fill in about limits, and about what is used of them."""

from limits.forms.corrections import CorrectionForm, PostingCorrectionForm
from limits.forms.limits import ChangeLimitsForm, EffectForm, list_next_months

__all__ = [
    "ChangeLimitsForm",
    "CorrectionForm",
    "EffectForm",
    "PostingCorrectionForm",
    "list_next_months",
]
