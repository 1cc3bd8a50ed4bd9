"""What customers who are brought by an import have used before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from customers.models import CustomerImport
from ppims.core import calendar
from ppims.models import Processor


@dataclass(frozen=True)
class Opening:
    unique_id: int
    month: int
    direction: str
    amount_paise: int


def split_usage(*, month_used: int, year_used: int, at: datetime) -> list[tuple[int, int]]:
    """Stands in for the ledger's own, which books by month: (month, paise)."""
    month = calendar.number_ist_month(at)
    rest = year_used - month_used
    before = month - 1 if month % 100 > 1 else month - 89
    return [(m, paise) for m, paise in ((month, month_used), (before, rest)) if paise]


def record_openings(
    *,
    customer_import: CustomerImport,
    processor: Processor,
    rows: Sequence[Opening],
    at: datetime,
) -> None:
    """Stands in for the ledger's own: records nothing."""
