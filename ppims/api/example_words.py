"""The words of the API's own page: when each operation is called, what each code means, and when
each golden answer comes. What a field means stands with the field, in the apps' schemas.
"""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

# In the order in which they are called.
WHEN_CALLED: Mapping[str, object] = {
    "customer-registration-status": _("Before on-boarding: is the person known already?"),
    "add-customer": _("To on-board: it answers with the Unique_Id that all other calls need."),
    "update-customer": _("When a mobile number, an account, a card or the KYC has changed."),
    "check-customer-kyc": _("To see the KYC that is on record."),
    "check-customer-limit": _("Before each transaction: may the customer spend or load this?"),
    "update-customer-limit": _("After each transaction: it happened, it failed, or it is undone."),
}
WHAT_CODES_MEAN: tuple[tuple[str, int, object], ...] = (
    ("000", 200, _("Done. After a check, read Allow_Customer.")),
    ("200", 200, _("add-customer alone: the customer is registered through you already.")),
    ("400", 400, _("A field is missing or malformed. Meta.Errors names each. Mend it.")),
    ("400", 413, _("The body is over 64 KiB.")),
    ("401", 401, _("Username or Password is wrong, or you are disabled.")),
    ("403", 403, _("Not your System_Id, not open to you now, or not by HTTPS.")),
    ("404", 404, _("There is no such operation: look at the address.")),
    ("405", 405, _("Not a POST.")),
    ("409", 409, _("The Ref_Id had other content, or the record says otherwise. See Meta.Errors.")),
    ("429", 429, _("Too many log-ins have failed, or too many calls. Wait: see Retry-After.")),
    ("500", 200, _("No such customer, as far as you can see. No fault of the server.")),
    ("503", 503, _("Busy. Send the same again after Retry-After: it has one effect.")),
    ("999", 500, _("A fault of ours. Send the same again: it has one effect.")),
)
# In the order in which they are shown: those of one operation alone, then of any that has such.
WHEN_ANSWERED: Mapping[str, object] = {
    "customer-registration-status.known": _("The person is on record, through any processor."),
    "customer-registration-status.unknown": _(
        "Nobody is found. The figures are those of a new Min KYC customer."
    ),
    "add-customer.new": _("A new person, and a new Unique_Id. Keep it."),
    "add-customer.already-registered": _("The same person again, through you. Nothing changes."),
    "add-customer.another-person": _(
        "The mobile number of somebody else on record. Staff decide; then the same request goes"
        " through."
    ),
    "check-customer-kyc.known": _("A customer whom you have added."),
    "check-customer-limit.allowed": _("Go ahead: the amount is on hold until Hold_Until."),
    "check-customer-limit.declined": _("One paisa over the month’s limit. Nothing is on hold."),
    "check-customer-limit.load": _("A load, which has limits of its own."),
    "check-customer-limit.other-content": _("The Ref_Id of another check, with another amount."),
    "update-customer.changed": _("Recorded. What was not sent stays as it is."),
    "update-customer.full-kyc-without-document": _(
        "KYC_Flag F needs a document, in the message or on record."
    ),
    "update-customer.lower-kyc": _("The KYC on record is higher. Only staff can lower it."),
    "update-customer-limit.posted": _("It happened. What was on hold is spent now."),
    "update-customer-limit.failed": _("It failed. The hold is released; nothing is booked."),
    "update-customer-limit.reversed": _("An S is undone, by its Tran_Id. A refund is sent so."),
    "update-customer-limit.transfer": _("The credit of a transfer, by the Tran_Id of its debit."),
    "update-customer-limit.without-a-check": _(
        "It happened without a check: booked, and flagged for staff."
    ),
    "update-customer-limit.posted-already": _(
        "Another Ref_Id for a Tran_Id that is posted. Nothing is booked twice."
    ),
    "update-customer-limit.posted-with-another-amount": _(
        "The Tran_Id is posted with another amount. Not booked; staff will ask you."
    ),
    "update-customer-limit.retried-with-a-fresh-balance": _(
        "A repeat that differs. It is booked already: send the first content again."
    ),
    "malformed": _("A field is missing or malformed. All of them are named."),
    "wrong-password": _("The Username or the Password is wrong, unknown or disabled."),
    "not-your-system-id": _("The System_Id is not the one of this Username."),
    "unknown-customer": _("No such customer, or none that you have added."),
    "too-large": _("The body is over 64 KiB."),
    "winding-down": _("You are winding down: updates and reads go on, this does not."),
    "too-many-attempts": _("Too many log-ins have failed. Wait as long as Retry-After says."),
    "too-many-requests": _("More calls a second than you may make. An S is never refused so."),
    "busy": _("Not known to be recorded. Send the same again: it has one effect."),
    "fault": _("A fault of ours. Send the same again: it has one effect."),
}
PLACES = {name: place for place, name in enumerate(WHEN_ANSWERED)}


def name_words(operation: str, case: str) -> str:
    """Name the words of a golden answer: its own, or those of all operations."""
    own = f"{operation}.{case}"
    return own if own in WHEN_ANSWERED else case
