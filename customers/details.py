"""What a message or a form says about a customer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from stdnum.in_ import aadhaar, pan

from customers.choices import MOBILE_KIND, DocumentKind

# Documents whose numbers can be told from wrong ones; asked where PPIMS_STRICT_DOCUMENTS is set.
STRICT_CHECKS: dict[str, Callable[[str], bool]] = {
    DocumentKind.AADHAAR.value: aadhaar.is_valid,
    DocumentKind.PAN.value: pan.is_valid,
}


@dataclass(frozen=True)
class CustomerDetails:
    """What a message says about a customer, in the wire's words. None: it says nothing of that."""

    unique_id: int | None = None
    customer_id: str | None = None
    customer_name: str | None = None
    maiden_name: str | None = None
    mobile_number: str | None = None
    date_of_birth: date | None = None
    email_id: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    city: str | None = None
    state: str | None = None
    pincode: str | None = None
    account_number: str | None = None
    account_status: str | None = None
    card_number: str | None = None
    card_exp_date: str | None = None
    card_status: str | None = None
    kyc_flag: str | None = None
    kyc_updated_channel: str | None = None
    kyc_updated_on: datetime | None = None
    ovid_value: str | None = None
    ovid_type: str | None = None
    cif_id: str | None = None
    customer_type: str | None = None
    ppi_type: str | None = None
    nri_flag: str | None = None

    @property
    def document(self) -> tuple[str, str] | None:
        """Kind and number of the document; None where either is missing."""
        return (self.ovid_type, self.ovid_value) if self.ovid_type and self.ovid_value else None

    @property
    def identifiers(self) -> list[tuple[str, str]]:
        """What the person is found by: the kind and value of the mobile number and the document."""
        mobile = [(MOBILE_KIND, self.mobile_number)] if self.mobile_number else []
        return [*mobile, self.document] if self.document else mobile

    @property
    def passes_strict_checks(self) -> bool:
        kind, number = self.document or ("", "")
        check = STRICT_CHECKS.get(kind)
        return check is None or check(number)
