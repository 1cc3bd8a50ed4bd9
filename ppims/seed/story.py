"""The story of each made-up person: who it is, through whom known, what was paid and received.

It depends on the plan and the person's number alone, and uses none of the numbers of the demo or of
fixtures/wire.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property, partial
from itertools import accumulate
from typing import TypeVar

from customers.details import CustomerDetails
from customers.schemas import AddCustomerIn, UpdateCustomerIn
from limits.known import Ask, Report
from ppims.core import calendar
from ppims.demo.names import FIRST_NAMES, LAST_NAMES, PLACES, STREETS
from ppims.models import Operation, Processor
from ppims.seed.writer import Writer
from ppims.services.idempotency import Call
from ppims.wire.envelope import Message

T = TypeVar("T")

# Instants and spans of time are microseconds.
SECOND_MICROS, MINUTE_MICROS, DAY_MICROS = 1_000_000, 60_000_000, 86_400_000_000
HOUR_MICROS, MONTH_MICROS = 60 * MINUTE_MICROS, 30 * DAY_MICROS
ADD_REF = "SA"
OUTCOME_WEIGHTS = (
    # what becomes of a payment, and of how many in a thousand
    ("settled", 850),
    ("failed", 40),
    ("reversed", 30),
    ("of another amount", 20),
    ("without a check", 20),
    ("late", 15),
    ("asked too much", 15),
    ("though declined", 4),
    ("abandoned", 6),
)
OUTCOME_KINDS, CUMULATED_WEIGHTS = (
    [kind for kind, _ in OUTCOME_WEIGHTS],
    list(accumulate(weight for _, weight in OUTCOME_WEIGHTS)),
)
PAYMENT_RATES, RATE_WEIGHTS = (0.25, 0.5, 1, 2, 4), (20, 30, 30, 15, 5)  # a month: 1 on average
TIER_CODES, TIER_WEIGHTS = "NPF", (45, 40, 15)
CHANNELS = ("PGO", "BRN", "MOB")
KNOWN_BY_ONE, JOINS_MEANWHILE, RISE_CHANCES, HAS_DOCUMENT = 0.7, 0.15, 0.06, 0.35
SPEND_CHANCES, TELLS_BALANCE, NAMES_ACCOUNT, NAMES_CARD = 0.7, 0.5, 0.7, 0.3
SCATTER_STEP = 61_803_398_877  # without a factor of ten's: it takes each number to another
BUDGETS_PAISE = (90_000, 250_000, 450_000, 700_000)
TOO_MUCH_PAISE = 1_100_000


@dataclass(frozen=True)
class Plan:
    """What is to be written: so many customers, with a history of so many months until 00:00 IST
    of a day.
    """

    customers: int
    months: int
    seed: int
    until: str

    @cached_property
    def ends_at(self) -> int:
        return calendar.to_microseconds(calendar.find_midnight(date.fromisoformat(self.until)))

    @cached_property
    def begins_at(self) -> int:
        ends = calendar.from_microseconds(self.ends_at)
        return calendar.to_microseconds(calendar.add_months(ends, -self.months))

    @property
    def ids_a_customer(self) -> int:
        """More than enough ids in each table, as an average over a batch of customers."""
        return max(4, 3 * self.months)


@dataclass(slots=True)
class Payment:
    """One transaction of the story, at one processor. `balance_paise` is before it."""

    processor: Processor
    becomes: str
    direction: str
    amount_paise: int
    balance_paise: int | None
    name: str
    is_declined: bool = False
    is_posted: bool = False


Step = tuple[int, int, Callable[[int], None]]  # its instant, a place among equals, what is told
Tell = Callable[[Writer, Payment, int], None]


class Story:
    """One person's: `random` draws the same each time."""

    def __init__(self, plan: Plan, number: int, processors: Sequence[Processor]) -> None:
        self.plan, self.number = plan, number
        self.random = random.Random(plan.seed * 2**40 + number)
        span = 9 * 10**14 // plan.customers
        self.unique_id = 10**14 + number * span + self._draw_below(span)
        self.known_by = processors
        if self.random.random() < KNOWN_BY_ONE:
            self.known_by = [self._choose(processors)]
        self.tier = self.random.choices(TIER_CODES, TIER_WEIGHTS)[0]
        self.budget_paise = self._choose(BUDGETS_PAISE) * (8 if self.tier == "F" else 1)
        self.reports = 0

    def tell(self, writer: Writer) -> None:
        """Tell all of it, in the order of time."""
        ready_at = self._join(writer)
        steps = self._plan_payments(writer, ready_at)
        if self.tier != "F" and self.random.random() < RISE_CHANCES:
            at = ready_at + self._draw_below(self.plan.ends_at - ready_at)
            steps.append((at, -1, partial(self._raise_kyc, writer)))
        for at, _, step in sorted(steps):
            if at < self.plan.ends_at:
                step(at)

    def _join(self, writer: Writer) -> int:
        """Be added through each processor: when payments may begin."""
        begins, ends = self.plan.begins_at, self.plan.ends_at
        at = begins - 5 * DAY_MICROS - self._draw_below(300 * DAY_MICROS)
        if self.random.random() < JOINS_MEANWHILE:
            at = begins + self._draw_below((ends - begins) * 2 // 3)
        details = self._make_details()
        for processor in self.known_by:
            call = Call(
                processor,
                Operation.ADD_CUSTOMER,
                f"{ADD_REF}{self.number:08d}",
                make_content(AddCustomerIn, details),
            )
            writer.add(call, details, at=at)
            at += DAY_MICROS + self._draw_below(3 * DAY_MICROS)
        return max(at, begins)

    def _make_details(self) -> CustomerDetails:
        first, last = self._choose(FIRST_NAMES), self._choose(LAST_NAMES)
        city, state, pincode = self._choose(PLACES)
        has_document = self.tier == "F" or self.random.random() < HAS_DOCUMENT
        number = self.number
        return CustomerDetails(
            customer_id=f"88{number:010d}",
            customer_name=f"{first} {last}",
            mobile_number=f"916{number * SCATTER_STEP % 10**9:09d}",
            date_of_birth=date(
                1955 + self._draw_below(50), 1 + self._draw_below(12), 1 + self._draw_below(28)
            ),
            email_id=f"{first}.{last}{number}@example.in".lower(),
            address_line1=f"{1 + self._draw_below(200)} {self._choose(STREETS)}",
            city=city,
            state=state,
            pincode=pincode,
            account_number=f"67{number:010d}",
            account_status="A",
            card_number=self._card_number,
            card_status="A",
            kyc_flag=self.tier,
            kyc_updated_channel=self._choose(CHANNELS),
            ovid_type="ADR" if has_document else None,
            ovid_value=f"8{number * SCATTER_STEP % 10**11:011d}" if has_document else None,
            cif_id=f"CIF-{number:08d}",
            customer_type="N",
        )

    @property
    def _card_number(self) -> str:
        return f"608888{self.number:010d}"

    def _raise_kyc(self, writer: Writer, at: int) -> None:
        to_full = self.tier == "P"
        details = CustomerDetails(
            unique_id=self.unique_id,
            kyc_flag="F" if to_full else "P",
            kyc_updated_channel=self._choose(CHANNELS),
            ovid_type="PAN" if to_full else None,
            ovid_value=f"SEEDP{self.number:08d}" if to_full else None,
        )
        call = Call(
            self.known_by[0],
            Operation.UPDATE_CUSTOMER,
            f"SR{self.number:08d}",
            make_content(UpdateCustomerIn, details),
        )
        writer.raise_kyc(call, details, at=at)

    def _plan_payments(self, writer: Writer, ready_at: int) -> list[Step]:
        span = self.plan.ends_at - ready_at
        rate = self.random.choices(PAYMENT_RATES, RATE_WEIGHTS)[0]
        steps: list[Step] = []
        for number in range(int(rate * span / MONTH_MICROS + self.random.random())):
            payment = self._plan_payment(number)
            at = ready_at + self._draw_below(span)
            for place, (after, step) in enumerate(self._list_steps(payment)):
                at += after
                steps.append((at, number * 3 + place, partial(step, writer, payment)))
        return steps

    def _plan_payment(self, number: int) -> Payment:
        # The order of the draws is the data: another order, and the same seed tells another story.
        direction = "D" if self.random.random() < SPEND_CHANCES else "C"
        becomes = self.random.choices(OUTCOME_KINDS, cum_weights=CUMULATED_WEIGHTS)[0]
        budget = self.budget_paise
        amount = (budget // 40 + self._draw_below(budget // 6)) // 100 * 100
        if becomes in {"asked too much", "though declined"}:
            amount += TOO_MUCH_PAISE
        balance = (
            amount + self._draw_below(budget) if self.random.random() < TELLS_BALANCE else None
        )
        name = f"{self.number:08d}{number:03d}"
        return Payment(self._choose(self.known_by), becomes, direction, amount, balance, name)

    def _list_steps(self, payment: Payment) -> list[tuple[int, Tell]]:
        """List what is told of a payment, each so long after the one before."""
        soon = 5 * SECOND_MICROS + self._draw_below(4 * MINUTE_MICROS)
        ask, report = (0, self._ask), (soon, self._report_outcome)
        match payment.becomes:
            case "without a check":
                return [(0, self._report_outcome)]
            case "abandoned" | "asked too much":
                return [ask]
            case "late":
                late = self._choose((HOUR_MICROS, DAY_MICROS, 20 * DAY_MICROS, 40 * DAY_MICROS))
                return [ask, (late + self._draw_below(HOUR_MICROS), self._report_outcome)]
            case "reversed":
                undone = HOUR_MICROS + self._draw_below(3 * DAY_MICROS)
                return [ask, report, (undone, self._reverse)]
        return [ask, report]

    def _ask(self, writer: Writer, payment: Payment, at: int) -> None:
        names_account = self.random.random() < NAMES_ACCOUNT
        names_card = self.random.random() < NAMES_CARD
        ask = Ask(
            self.unique_id,
            payment.direction,
            payment.amount_paise,
            payment.balance_paise,
            f"67{self.number:010d}" if names_account else None,
            self._card_number if names_card else None,
        )
        call = Call(
            payment.processor, Operation.CHECK_LIMIT, f"SC{payment.name}", make_ask_content(ask)
        )
        payment.is_declined = not writer.check(call, ask, at=at)

    def _report_outcome(self, writer: Writer, payment: Payment, at: int) -> None:
        if payment.is_declined and payment.becomes != "though declined":
            return  # so it never happened
        if payment.becomes == "of another amount":
            payment.amount_paise -= 100
        kind = "F" if payment.becomes == "failed" else "S"
        payment.is_posted = kind == "S"
        enquiry = None if payment.becomes == "without a check" else f"SC{payment.name}"
        self._send_report(writer, payment, kind, payment.amount_paise, enquiry, at)

    def _reverse(self, writer: Writer, payment: Payment, at: int) -> None:
        if payment.is_posted:
            part = 1 + self._draw_below(2)
            self._send_report(writer, payment, "R", payment.amount_paise // part, None, at)

    def _send_report(
        self, writer: Writer, payment: Payment, kind: str, paise: int, enquiry: str | None, at: int
    ) -> None:
        sign = -1 if payment.direction == "D" else 1
        balance = None if payment.balance_paise is None else payment.balance_paise + sign * paise
        report = Report(
            self.unique_id, kind, payment.direction, paise, balance, f"ST{payment.name}", enquiry
        )
        ref_id = f"SU{self.number:08d}{self.reports:03d}"
        self.reports += 1
        call = Call(payment.processor, Operation.UPDATE_LIMIT, ref_id, make_report_content(report))
        writer.update(call, report, at=at)

    def _draw_below(self, most: int) -> int:
        return int(self.random.random() * most)

    def _choose(self, things: Sequence[T]) -> T:
        return things[int(self.random.random() * len(things))]


def make_content(message: type[Message], details: CustomerDetails) -> dict[str, str | None]:
    """Say what a message with this told would say: Message.content."""
    values = ((name, getattr(details, name)) for name in _list_content_names(message))
    return {name: None if value is None else str(value) for name, value in values}


@cache
def _list_content_names(message: type[Message]) -> list[str]:
    return [name for name in message.model_fields if name not in {"ref_id", "system_id"}]


def make_ask_content(ask: Ask) -> dict[str, str | None]:
    return {
        "unique_id": str(ask.unique_id),
        "amount": str(ask.amount_paise),
        "tran_type": ask.direction,
        "account_number": ask.account_number,
        "card_number": ask.card_number,
        "avail_bal": None if ask.balance_paise is None else str(ask.balance_paise),
    }


def make_report_content(report: Report) -> dict[str, str | None]:
    return {
        "unique_id": str(report.unique_id),
        "amount": str(report.amount_paise),
        "tran_status": report.kind,
        "tran_type": report.direction,
        "avail_bal": None if report.balance_paise is None else str(report.balance_paise),
        "tran_id": report.tran_id,
        "enquiry_ref_id": report.enquiry_ref_id,
    }
