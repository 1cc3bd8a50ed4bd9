"""What a group of requests asks, what the database has of it, and what is to be written: plain data
between `limits.plan`, which decides, and `limits.stores`, which read and write. Pure.

`Check`, `Entry` and `Head` have the columns of their tables, in the tables' order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from limits.decision import FINANCIAL_YEAR, MONTH_WINDOW, Totals
from ppims.core import calendar
from ppims.core.errors import Conflict, Refusal, Unavailable
from ppims.core.keys import Key

CHECK_OPERATION, UPDATE_OPERATION = "CL", "UL"
DEBIT_DIRECTION, CREDIT_DIRECTION = "D", "C"
CLOCK_TOLERANCE = timedelta(seconds=60)

RefKey = tuple[str, int, str]  # an operation, a processor, a Ref_Id
UsageOfCustomer = dict[tuple[int, str], int]  # paise by month and direction
HoldsOfCustomer = dict["HoldPlace", int]  # paise


@dataclass(frozen=True)
class Ask:
    """A transaction that is about to happen. `balance_paise` is before it."""

    unique_id: int
    direction: str
    amount_paise: int
    balance_paise: int | None = None
    account_number: str | None = None
    card_number: str | None = None


@dataclass(frozen=True)
class Report:
    """A transaction that happened, failed or was undone. `balance_paise` is after it; `kind` is S,
    F or R.
    """

    unique_id: int
    kind: str
    direction: str
    amount_paise: int
    balance_paise: int | None = None
    tran_id: str | None = None
    enquiry_ref_id: str | None = None


class ApprovedCorrection(NamedTuple):
    """An adjustment that two people have made: what is added to a month; below zero, taken away. It
    may name the posting that it takes away of, with its Tran_Id.
    """

    unique_id: int
    month: int
    direction: str
    amount_paise: int
    adjustment_id: int
    posting_id: int | None = None
    tran_id: str = ""


class ApprovedOpening(NamedTuple):
    """What a customer had used of a month, above zero, before the import of this name came."""

    unique_id: int
    month: int
    direction: str
    amount_paise: int
    name: str


# What two people have made has no Ref_Id.
OPERATIONS: dict[type, str] = {Ask: CHECK_OPERATION, Report: UPDATE_OPERATION}


class ApprovedMove(NamedTuple):
    """A merge or an un-merge that two people have made: so much of what one customer has used, by
    month and direction, becomes another's, and with it these open holds, by their checks.
    docs/ledger.md, "Merges".
    """

    unique_id: int
    taker_id: int
    name: str
    amounts: tuple[tuple[int, str, int], ...]
    holds: "tuple[tuple[int, Hold], ...]" = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One request, by whom and under which Ref_Id. `digests` are of the fields `field_names`, in
    order (`core.field_digests`); what two people have made has neither, nor a Ref_Id or a
    processor.
    """

    said: Ask | Report | ApprovedCorrection | ApprovedMove | ApprovedOpening
    processor_id: int = 0
    ref_id: str = ""
    digests: bytes = b""
    field_names: tuple[str, ...] = ()
    hold_minutes: int = 0
    card_digests: tuple[bytes, ...] = ()  # by each key, the one in use first
    older_digests: Callable[[], Sequence[bytes]] = list  # as `digests`, by older keys

    key: RefKey | None = field(init=False)  # what is unique of it

    def __post_init__(self) -> None:
        operation = OPERATIONS.get(type(self.said))
        key = (operation, self.processor_id, self.ref_id) if operation else None
        object.__setattr__(self, "key", key)


class Check(NamedTuple):
    """One answered enquiry: a row of LimitCheck."""

    id: int
    customer_id: int
    number: int
    processor_id: int
    unique_id_sent: int
    ref_id: str
    at: datetime
    month: int
    direction: str
    amount_paise: int
    balance_paise: int | None
    account_number: str
    card_last_four: str
    tier: str
    is_allowed: bool
    reason: str
    rule_id: int | None
    limit: int | None
    used_paise: int | None
    held_paise: int | None
    remaining_paise: int | None
    resets_on: date | None
    hold_until: datetime | None
    unjudged: str
    cumulative_paise: int
    available_paise: int | None
    cif_id: str
    old_unique_id: int | None
    key_id: str
    mac: bytes


class Entry(NamedTuple):
    """One accepted update or adjustment: a row of LedgerEntry."""

    id: int
    customer_id: int
    number: int
    unique_id_sent: int
    processor_id: int | None
    ref_id: str
    at: datetime
    arrival_month: int
    month: int
    kind: str
    direction: str
    amount_paise: int
    balance_paise: int | None
    tran_id: str
    enquiry_ref_id: str
    limit_check_id: int | None
    reverses_id: int | None
    adjustment_id: int | None
    flags: str
    tier: str
    used_after_paise: int
    held_after_paise: int
    limit_paise: int | None
    rule_id: int | None
    cumulative_paise: int
    available_paise: int | None
    key_id: str
    digest: bytes


class Head(NamedTuple):
    """How far a customer's ledger goes: a row of LedgerHead, but for its signature."""

    customer_id: int
    entry_count: int = 0
    check_count: int = 0
    last_digest: bytes = b""
    last_at: datetime | None = None


class FirstAnswer(NamedTuple):
    """What a Ref_Id has led to: a row of ReplayKey."""

    customer_id: int
    row_id: int
    digests: bytes


class Person(NamedTuple):
    """What a decision rests on of a customer."""

    tier: str
    tier_since: datetime
    is_blocked: bool


class ApprovedRule(NamedTuple):
    """A limit rule, in force from an instant on; without an amount: no limit from then on."""

    id: int
    tier: str
    direction: str
    window: str
    amount: int | None
    in_force_from: datetime


class HoldPlace(NamedTuple):
    """Where the amount of a hold counts, and until when."""

    processor_id: int
    month: int
    direction: str
    expires_at: datetime


class Hold(NamedTuple):
    """One open hold: a row of Hold, but for its check."""

    customer_id: int
    place: HoldPlace
    amount_paise: int


class Posting(NamedTuple):
    """An S by its Tran_Id, as far as later reports ask for it."""

    id: int
    month: int
    amount_paise: int


class Usage(NamedTuple):
    """What a customer has used, by (month, direction), and holds open, by (month, direction,
    processor): paise.
    """

    used: Mapping[tuple[int, str], int]
    held: Mapping[tuple[int, str, int], int]

    def sum_totals(self, month: int, direction: str) -> dict[str, Totals]:
        """Sum up the month, and the financial year it belongs to, as far as it was read."""
        year = calendar.list_months_of_financial_year(month)
        return {
            MONTH_WINDOW: self._sum_months((month,), direction),
            FINANCIAL_YEAR: self._sum_months(year, direction),
        }

    def sum_held_credit(self, processor_id: int) -> int:
        """Sum one processor's open credit holds, whatever their month."""
        return sum(
            paise
            for (_, direction, holder), paise in self.held.items()
            if direction == CREDIT_DIRECTION and holder == processor_id
        )

    def _sum_months(self, months: tuple[int, ...], direction: str) -> Totals:
        used = held = 0
        for (month, way), paise in self.used.items():
            if way == direction and month in months:
                used += paise
        for (month, way, _), paise in self.held.items():
            if way == direction and month in months:
                held += paise
        return Totals(used, held, calendar.find_first_day_after_month(months[-1]))


@dataclass(slots=True)
class Known:
    """What the database has of all that a group's requests name, read under the locks of their
    customers, at one instant. What isn't there is not in the database, but for usage: a month that
    was not read is Missing.

    `settled` are checks that an S has settled. Of `answers`, which are read only where they are
    asked for: whether an S or F has come for a check. Accounts and cards are by Unique_Id as named,
    processor and number or digest: may it be used? Cif_Ids and postings are by it, too. Ids are of
    rows to come.

    Of those alone whom merges ever connected with others: `roots` says whom an id means now, and
    `kin` lists all that are so connected with an id that is named: itself first, then whom it
    means, then the oldest.
    """

    at: datetime
    key: Key
    check_ids: Sequence[int] = ()
    entry_ids: Sequence[int] = ()
    rules: Sequence[ApprovedRule] = ()
    heads: dict[int, Head] = field(default_factory=dict)
    people: dict[int, Person] = field(default_factory=dict)
    cif_ids: dict[tuple[int, int], str] = field(default_factory=dict)
    accounts: dict[tuple[int, int, str], bool] = field(default_factory=dict)
    cards: dict[tuple[int, int, bytes], bool] = field(default_factory=dict)
    used: dict[int, UsageOfCustomer] = field(default_factory=dict)
    holds: dict[int, HoldsOfCustomer] = field(default_factory=dict)
    keys: dict[RefKey, FirstAnswer] = field(default_factory=dict)
    checks: dict[int, Check] = field(default_factory=dict)
    entries: dict[int, Entry] = field(default_factory=dict)
    named_holds: dict[int, Hold] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)
    answers: dict[int, bool] = field(default_factory=dict)
    posted: dict[tuple[int, int, str, str], Posting] = field(default_factory=dict)
    reversed_paise: dict[int, int] = field(default_factory=dict)
    roots: dict[int, int] = field(default_factory=dict)
    kin: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def find_root(self, unique_id: int) -> int:
        """Find the customer whom a Unique_Id means now: in whose ledger its rows are written."""
        return self.roots.get(unique_id, unique_id)

    def list_kin(self, unique_id: int) -> tuple[int, ...]:
        """List the customers in whose ledgers rows may be that belong to a Unique_Id."""
        return self.kin.get(unique_id) or (unique_id,)

    def list_family(self, unique_id: int) -> list[int]:
        """List the Unique_Ids that mean the same customer as one, itself first."""
        root = self.find_root(unique_id)
        return [each for each in self.list_kin(unique_id) if self.find_root(each) == root]


@dataclass(slots=True)
class Rows:
    """What is to be written, all of it or nothing. Heads come with the name of their key and mac;
    of the customers in `expired` the holds that had ended at the group's instant are dropped.
    """

    checks: list[Check] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    opened: dict[int, Hold] = field(default_factory=dict)
    closed: list[tuple[int, int]] = field(default_factory=list)
    expired: set[int] = field(default_factory=set)
    usage: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    heads: list[tuple[Head, str, bytes]] = field(default_factory=list)
    keys: list[tuple[RefKey, FirstAnswer]] = field(default_factory=list)


class Missing(Exception):
    """What is known does not suffice: read these months of customers, and whether these checks of
    customers have been answered, and plan again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.months: set[tuple[int, int]] = set()
        self.answers: set[tuple[int, int]] = set()


class NotThereYet(Exception):
    """A Ref_Id is there, and its answer is not: where they are on two machines, they appear one
    after the other.
    """


class ClockBehind(Unavailable):
    """The clock is behind the customer's last instant, by more than what a clock may be off."""

    def __init__(self, behind: timedelta) -> None:
        super().__init__()
        self.behind_seconds = behind.total_seconds()


class OtherAmount(Conflict):
    """An S by a Tran_Id that is posted already, though with another amount: a 409 that staff have
    to look at, for a transaction of its own may stand behind it. docs/ledger.md, "Refused reports".
    """

    def __init__(self, posting: Posting) -> None:
        super().__init__([("tran_id", "is posted already, with another amount: staff look at it")])
        self.posting = posting


# The row of the answer and whether it is a replay; or why there is none.
Answer = tuple[Check | Entry, bool]
Outcome = tuple[Answer | None, Refusal | None]


def take_instant(reading: datetime, last_at: datetime | None) -> datetime:
    """Take the instant of a customer's next row: never earlier than the last one. Raises
    ClockBehind.
    """
    if last_at is None or reading >= last_at:
        return reading
    if last_at - reading > CLOCK_TOLERANCE:
        raise ClockBehind(last_at - reading)
    return last_at
