"""What codes are called on a screen. What a model's own choices name is named there; raw codes are
shown only in a row's detail.
"""

from collections.abc import Mapping

from django.utils.text import get_text_list
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.choices import KycChannel
from customers.models import Customer
from limits.models import LedgerEntry
from ppims.reports.records import Kind

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
OF_REPEATS = ("HOLD_EXPIRED", "HOLD_CLOSED")  # answered to a repeated Ref_Id, and not kept

# What was unusual about an entry, by flag: with its amounts.
FLAG_TEXTS: Mapping[LedgerEntry.Flag, object] = {
    LedgerEntry.Flag.LATE: _("Its hold had ended, or been released, before it was reported."),
    LedgerEntry.Flag.DECLINED: _("Its check had been declined; it happened all the same."),
    LedgerEntry.Flag.UNCHECKED: _("No open check for this %(type)s."),
    LedgerEntry.Flag.AMOUNT_DIFFERS: _("%(amount)s was posted, where %(checked)s was checked."),
    LedgerEntry.Flag.OVER_LIMIT: _(
        "With it %(used)s was used and %(held)s on hold, over the limit of %(limit)s."
    ),
    LedgerEntry.Flag.BLOCKED: _(
        "The customer was blocked by us, or the account of its check not active."
    ),
}

# By which channel a processor, or staff, came to know of the KYC; others have codes of their own.
CHANNELS: Mapping[str, object] = dict(KycChannel.choices)

YES_OR_NO: Mapping[str, object] = {"Y": _("Yes"), "N": _("No")}

# What a processor calls for.
OPERATIONS: Mapping[str, object] = {
    "customer-registration-status": _("Registration status"),
    "add-customer": _("Add customer"),
    "update-customer": _("Update customer"),
    "check-customer-kyc": _("Check KYC"),
    "check-customer-limit": _("Check limit"),
    "update-customer-limit": _("Report transaction"),
}

# What happened, in a list of transactions.
KINDS: Mapping[Kind, object] = {
    Kind.ADDED: _("Customer added"),
    Kind.KNOWN: _("Customer known already"),
    Kind.UPDATED: _("Customer updated"),
    Kind.REFUSED: _("Report refused"),
    Kind.KYC: _("KYC changed"),
    Kind.CHECK: _("Check"),
    Kind.POSTED: LedgerEntry.Kind.POST.label,
    Kind.RELEASED: LedgerEntry.Kind.RELEASE.label,
    Kind.REVERSED: LedgerEntry.Kind.REVERSE.label,
    Kind.ADJUSTED: LedgerEntry.Kind.ADJUST.label,
    Kind.MOVED: LedgerEntry.Kind.MOVE.label,
    Kind.OPENED: LedgerEntry.Kind.OPENING.label,
    Kind.STAFF: _("Staff"),
}

# What the fields of a change are called, within a sentence; others by their own name.
FIELD_NAMES: Mapping[str, object] = {
    "customer_name": _("name"),
    "date_of_birth": _("birth date"),
    "email_id": _("email"),
    "address_line1": _("address"),
    "address_line2": _("address"),
    "mobile_number": _("mobile"),
    "kyc_flag": _("KYC"),
    "kyc_updated_channel": _("KYC channel"),
    "cif_id": _("CIF id"),
    "customer_id": _("Customer id"),
    "ppi_type": _("PPI type"),
    "nri_flag": _("NRI"),
}


def name_tier(code: str) -> str:
    """Say a KYC tier in a table: "Min", "New Min", "Full KYC"."""
    return str(TIERS[code])


def name_customer_status(code: str) -> str:
    """Say whether a customer is active, or blocked by us."""
    return str(Customer.Status(code).label)


def name_reason(code: str) -> str:
    """Say a decision's reason; a code that has no words as it is."""
    return str(REASONS.get(code, code))


def name_channel(code: str) -> str:
    """Say a KYC channel; a code that has no words as it is."""
    return str(CHANNELS.get(code, code))


def name_yes_or_no(code: str) -> str:
    """Say what the wire tells by Y or N; "" where nothing was told."""
    return str(YES_OR_NO.get(code, code))


def name_operation(code: str) -> str:
    """Say what a processor called for; an operation that has no words as it is."""
    return str(OPERATIONS.get(code, code))


def name_outcome(is_allowed: bool, code: str) -> str:
    """Say a check's answer: "Allowed", "Declined: over the month’s limit"."""
    if is_allowed:
        return gettext("Allowed")
    why = name_reason(code)
    return gettext("Declined: %(reason)s") % {"reason": why if code == why else lower_first(why)}


def lower_first(text: str) -> str:
    """Begin a text within a sentence."""
    return text[:1].lower() + text[1:]


def name_flags(codes: str) -> str:
    """Say a posting's flags, "LATE,OVER_LIMIT", as a list: "after its hold ended and over the
    limit".
    """
    said = [str(LedgerEntry.Flag(code).label) for code in codes.split(",") if code]
    return get_text_list(said, gettext("and"))


def name_field(name: object) -> str:
    """Say a field within a sentence: "birth date"."""
    said = str(name)
    return str(FIELD_NAMES.get(said) or lower_first(said.replace("_", " ")))
