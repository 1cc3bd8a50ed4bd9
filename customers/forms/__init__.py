"""Forms about customers for staff, read by the rules of the API's messages, in words of their own
about what is wrong.
"""

from customers.forms.edit import EditForm
from customers.forms.fields import ReasonForm
from customers.forms.kyc import KycForm
from customers.forms.onboard import OnboardForm
from customers.forms.reading import refuse

__all__ = ["EditForm", "KycForm", "OnboardForm", "ReasonForm", "refuse"]
