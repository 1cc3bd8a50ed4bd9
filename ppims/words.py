"""What codes are called on a screen. What a model's own choices name is named there; raw codes are
shown only in a row's detail.
"""

from collections.abc import Mapping

from django.utils.text import get_text_list
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.kinds import InstrumentStatus
from limits.models import LedgerEntry

# How well a customer is known, where "KYC" is said already.
TIERS: Mapping[str, object] = {"N": _("Min"), "P": _("New Min"), "F": _("Full KYC")}

# Why a check was answered as it was.
REASONS: Mapping[str, object] = {
    "WITHIN_LIMITS": _("Within the limits"),
    "MONTH_LIMIT": _("Over the month’s limit"),
    "FINANCIAL_YEAR_LIMIT": _("Over the financial year’s limit"),
    "TRANSACTION_LIMIT": _("Over the limit for one transaction"),
    "BALANCE_LIMIT": _("Over the limit for the balance"),
    "KYC_EXPIRED": _("Loading has stopped at this KYC"),
    "CUSTOMER_BLOCKED": _("Blocked by us"),
    "ACCOUNT_NOT_ACTIVE": _("Account not active"),
    "CARD_NOT_ACTIVE": _("Card not active"),
    "HOLD_EXPIRED": _("Its hold has ended"),
    "HOLD_CLOSED": _("Its hold is closed"),
}


def tier(code: str) -> str:
    """Say a KYC tier in a table: "Min", "New Min", "Full KYC"."""
    return str(TIERS[code])


def reason(code: str) -> str:
    """Say a decision's reason; a code that has no words as it is."""
    return str(REASONS.get(code, code))


def flags(codes: str) -> str:
    """Say a posting's flags, "LATE,OVER_LIMIT", as a list: "after its hold ended and over the
    limit".
    """
    said = [str(LedgerEntry.Flag(code).label) for code in codes.split(",") if code]
    return get_text_list(said, gettext("and"))


def account(status: str, system_id: str) -> str:
    """Say an account's state at its processor: "Account frozen (ENT)". A customer who is blocked by
    us is another thing.
    """
    label = str(InstrumentStatus(status).label).lower()
    return gettext("Account %(status)s (%(processor)s)") % {
        "status": label,
        "processor": system_id,
    }


def card(status: str, system_id: str) -> str:
    """Say a card's state at its processor: "Card closed (ENT)"."""
    label = str(InstrumentStatus(status).label).lower()
    return gettext("Card %(status)s (%(processor)s)") % {"status": label, "processor": system_id}
