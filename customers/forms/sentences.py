"""What is wrong with a form about a customer, each a sentence that says what to enter.

The API's readers say it in the wire's words, for developers: "must be a date, DD-MM-YYYY".
"""

from collections.abc import Mapping

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

MISSING_SENTENCES: Mapping[str, object] = {
    "system_id": _("Choose the processor."),
    "customer_name": _("Enter the customer’s name."),
    "mobile_number": _("Enter the customer’s mobile number."),
    "date_of_birth": _("Enter the customer’s date of birth."),
    "customer_id": _("Enter the processor’s customer id."),
    "account_number": _("Enter the account number."),
    "account_status": _("Choose the account’s status."),
    "kyc_flag": _("Choose the KYC."),
    "kyc_updated_channel": _("Choose the KYC channel."),
    "customer_type": _("Enter the customer type, such as N."),
    "ovid_type": _("Choose the document."),
    "ovid_value": _("Enter the document’s number."),
    "reason": _("Enter the reason."),
}
# What a field may be, for each that the readers look at.
WRONG_SENTENCES: Mapping[str, object] = {
    "mobile_number": _("Enter a mobile number of 10 digits, the first of them 6, 7, 8 or 9."),
    "date_of_birth": _("Enter the date of birth as DD-MM-YYYY, not later than today."),
    "customer_id": _("Enter a customer id of at most 32 letters, digits, hyphens and underscores."),
    "account_number": _(
        "Enter an account number of at most 32 letters, digits, hyphens and underscores."
    ),
    "card_number": _("Enter a card number of at most 32 letters, digits, hyphens and underscores."),
    "cif_id": _("Enter a CIF id of at most 32 letters, digits, hyphens and underscores."),
    "card_exp_date": _("Enter when the card expires, such as 08/2030."),
    "customer_type": _("Enter one or two letters as the customer type, such as N."),
    "kyc_updated_on": _("Enter when the KYC was done as DD-MM-YYYY or DD-MM-YYYY HH:MM."),
    "email_id": _("Enter an e-mail address with one @, such as name@example.in."),
    "pincode": _("Enter a pincode of at most 10 digits."),
    "ovid_value": _("Enter 4 to 20 letters and digits as the document’s number."),
}
# What the readers and services say for a reason of its own: of a field, or of any, "".
OWN_SENTENCES: Mapping[tuple[str, str], object] = {
    ("ovid_value", "must have 12 digits"): _("Enter the 12 digits of the Aadhaar."),
    ("ovid_type", "is required for Full KYC"): _("Choose the document: Full KYC needs one."),
    ("ovid_value", "is required for Full KYC"): _(
        "Enter the document’s number: Full KYC needs one."
    ),
    ("ovid_type", "is required for Full KYC: no document is on record"): _(
        "Choose the document: Full KYC needs one, and no document is on record."
    ),
    ("ovid_value", "is required for Full KYC: no document is on record"): _(
        "Enter the document’s number: Full KYC needs one, and no document is on record."
    ),
    ("ovid_value", "is not a valid number of its kind"): _(
        "Check the document’s number: there is none like that."
    ),
    ("mobile_number", "is another customer's"): _(
        "Check the mobile number: it is another customer’s."
    ),
    ("mobile_number", "is another person's, as far as the record shows"): _(
        "Check the mobile number: it is another person’s, as far as the record shows."
    ),
    ("ovid_value", "is another customer's"): _("Check the document: it is another customer’s."),
    ("kyc_flag", "has an open proposal already"): _(
        "A KYC change is proposed already: it has to be approved or rejected first."
    ),
    ("", "has an open proposal already"): _(
        "It is proposed already: that has to be approved or rejected first."
    ),
    ("", "is blocked already"): _("The customer is blocked already."),
    ("", "is not blocked"): _("The customer is not blocked."),
    ("", "says nothing to change"): _("Nothing is changed: change something, or cancel."),
    ("", "must have at most 100 characters"): _("Enter at most 100 characters."),
    ("", "must have no control characters"): _("Type it anew: it has control characters."),
}


def write_sentence(name: str, message: str) -> str:
    """Write what is wrong with a field, of which the readers say `message`. Where there is no
    sentence for it, theirs is better than none.
    """
    said = OWN_SENTENCES.get((name, message)) or OWN_SENTENCES.get(("", message))
    if said is None:
        said = (MISSING_SENTENCES if message.startswith("is required") else WRONG_SENTENCES).get(
            name
        )
    return str(said or gettext(message))
