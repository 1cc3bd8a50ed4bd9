"""A year of a few hundred people at two processors, that looks real: written through the services.

The same every time but for dates, which end today; never any of the numbers that fixtures/wire
uses.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from itertools import count, cycle

from customers.details import CustomerDetails
from customers.models import Customer, DuplicateReview, KycProposal
from customers.services import blocking, customers, kyc, notes
from limits import queries
from limits.known import Ask, Report
from limits.models import LedgerEntry, PostingFinding
from limits.services import adjustments, checks, findings, updates
from ppims.core import calendar, clock
from ppims.core.errors import Conflict
from ppims.demo.decided_reviews import decide_review
from ppims.demo.names import FIRST_NAMES, LAST_NAMES, PLACES, STREETS
from ppims.models import Operation, Processor, User
from ppims.services.idempotency import Call

PEOPLE_COUNT = 240
SPENDER_COUNT = 12
NEARLY_ALL = (836_000, 912_500, 1_000_000, 964_000, 887_300)  # of ₹10,000 a month
STILL_OPEN = 8
EXPERIENCES = (
    # what becomes of a payment, and in how many of a hundred
    ("settled", 84),
    ("failed", 6),
    ("reversed", 3),
    ("other amount", 2),
    ("without a check", 2),
    ("after its hold ended", 2),
    ("though declined", 1),
)
NOTES = (
    "Called: asked why a payment was declined. Explained the month’s limit.",
    "Wants full KYC; will come to the branch with the PAN card.",
    "Moved house; the new address comes with the next KYC update.",
    "Asked for a statement of the financial year. Sent by post.",
    "Travels next month, and asked what may be spent abroad: nothing.",
    "Called back about the reversal: it has arrived.",
    "Prefers to be called after 6 PM.",
    "The second registration is the same person: seen by the document.",
)
FINDINGS = (
    # what a flagged posting was found to be, what was noted, and in how many of a hundred
    ("GENUINE", "The processor confirms it: sent from its stand-in during a time-out", 42),
    ("GENUINE", "The holder confirms the purchase", 33),
    ("REPORTED", "Same shop, same amount, three times: told the fraud desk", 7),
)
PUT_RIGHT = ("PUT_RIGHT", "The processor reversed it the same day", 0)


@dataclass
class Person:
    """Someone of the story, and the processors that know them."""

    unique_id: int
    processors: list[Processor]
    monthly_paise: int
    tier: str
    days_known: int


@dataclass
class Story:
    """A year of people joining, paying and being paid; `random` draws the same story every time."""

    random: random.Random
    today: datetime
    processors: list[Processor] = field(
        default_factory=lambda: list(Processor.objects.order_by("pk"))
    )
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    planned: list[tuple[datetime, Callable[[], object]]] = field(default_factory=list)

    def tell(self) -> None:
        """Draw what happens, then let it happen in the order of time.

        The order of the draws is the story: another order, and the same seed tells another one.
        """
        people = [self._add_person(number) for number in range(PEOPLE_COUNT)]
        self._claim_for_strangers(people[40:46])
        self._decide_reviews()
        spenders = _list_of_tier("N", people[50:], SPENDER_COUNT)
        for person in people:
            if person not in spenders:
                self._live(person)
        for person, used in zip(spenders, cycle(NEARLY_ALL), strict=False):
            self._spend_to_the_limit(person, used)
        self._ask_in_vain(spenders[0])
        self._decline_yesterday(_list_of_tier("N", people[70:], 4))
        self._pay_just_now(_list_of_tier("P", people[60:], 10))
        self._block(people[20:23])
        self._propose(people[24:40])
        self._write_notes([spenders[0], *self.random.sample(people, len(NOTES) - 1)])
        for at, happens in sorted(self.planned, key=lambda planned: planned[0]):
            with clock.freeze(at):
                happens()
        self._close_flagged()

    def _plan_event(self, at: datetime, happens: Callable[..., object], **what: object) -> None:
        self.planned.append((at, partial(happens, **what)))

    def _draw_instant(self, days_ago: int) -> datetime:
        """Draw an instant of a day, when people are awake."""
        day = calendar.find_ist_day(self.today - timedelta(days=days_ago))
        seconds = timedelta(seconds=self.random.randrange(7 * 3600, 22 * 3600))
        return calendar.find_midnight(day) + seconds

    def _find_instant_this_month(self, part: float) -> datetime:
        """Give the instant when this part of the month so far was over."""
        local = self.today.astimezone(calendar.IST)
        first = local.replace(day=1, hour=0, minute=0, second=0)
        return first + (local - first) * part

    def _draw_past_instant(self, **what: float) -> datetime:
        return self.today - timedelta(**what)

    def _draw_later_instant(self, at: datetime, **what: float) -> datetime:
        return min(at + timedelta(**what), self.today)

    def _call(self, processor: Processor, operation: Operation) -> Call:
        return Call(processor, operation, f"DEMO-{next(self.numbers):08d}", {})

    def _add_person(self, number: int) -> Person:
        tier = self.random.choices("NPF", [45, 40, 15])[0]
        details = self._make_details(number, tier)
        known_by = self.random.sample(self.processors, self.random.choice([1, 1, 2]))
        unique_id = self.random.randrange(10**14, 10**15)
        days_ago = self.random.randrange(361, 399) if number % 8 else self.random.randrange(31, 60)
        with clock.freeze(self._draw_instant(days_ago)):
            for processor in known_by:
                customers.add_customer(
                    call=self._call(processor, Operation.ADD_CUSTOMER),
                    details=details,
                    draw_unique_id=lambda: unique_id,
                )
        budget = self.random.choice([90_000, 250_000, 450_000, 700_000])
        monthly_paise = budget if tier != "F" else budget * 4
        return Person(unique_id, known_by, monthly_paise, tier, days_ago)

    def _make_details(self, number: int, tier: str) -> CustomerDetails:
        first, last = self.random.choice(FIRST_NAMES), self.random.choice(LAST_NAMES)
        city, state, pincode = self.random.choice(PLACES)
        has_document = tier == "F" or number % 3 == 0
        return CustomerDetails(
            customer_id=f"7700{number:08d}",
            customer_name=f"{first} {last}",
            mobile_number=f"917{number:04d}{self.random.randrange(10**5):05d}",
            date_of_birth=date(1955 + number % 50, 1 + number % 12, 1 + number % 28),
            email_id=f"{first}.{last}{number}@example.in".lower(),
            address_line1=f"{self.random.randrange(1, 200)} {self.random.choice(STREETS)}",
            city=city,
            state=state,
            pincode=pincode,
            account_number=f"6600{number:08d}",
            account_status="A",
            card_number=f"60{self.random.randrange(10**10):010d}{number:04d}",
            card_status="A",
            kyc_flag=tier,
            kyc_updated_channel=self.random.choice(["PGO", "BRN", "MOB"]),
            ovid_type="ADR" if has_document else None,
            ovid_value=f"7{number:04d}{self.random.randrange(10**7):07d}" if has_document else None,
            cif_id=f"CIF-{number:05d}",
            customer_type="N",
        )

    def _claim_for_strangers(self, people: list[Person]) -> None:
        for person in people:
            held = Customer.objects.get(pk=person.unique_id)
            stranger = CustomerDetails(
                customer_id="770099999999",
                customer_name=f"{self.random.choice(FIRST_NAMES)} {self.random.choice(LAST_NAMES)}",
                mobile_number=held.mobile,
                date_of_birth=date(2001, 5, 17),
                account_number="660099999999",
                account_status="A",
                kyc_flag="N",
                kyc_updated_channel="MOB",
                customer_type="N",
            )
            with clock.freeze(self._draw_instant(self.random.randrange(3, 20))):
                call = self._call(person.processors[0], Operation.ADD_CUSTOMER)
                with suppress(Conflict):  # as it should be: what remains of it is the review item
                    customers.add_customer(call=call, details=stranger)

    def _decide_reviews(self) -> None:
        last, before = DuplicateReview.objects.order_by("-pk")[:2]
        said = {last: ("NUMBER_PASSED_ON", "The number is new to its owner: seen in its papers")}
        said[before] = ("DIFFERENT_PEOPLE", "A slip of a digit: both were called")
        for hours, (review, (outcome, reason)) in enumerate(said.items(), start=20):
            self._plan_event(
                self._draw_past_instant(hours=hours),
                decide_review,
                review_id=review.pk,
                outcome=outcome,
                reason=reason,
            )

    def _live(self, person: Person) -> None:
        """Pay and be paid on a few days since being known, half of the last thirty; some today."""
        days = self.random.randrange(2, 7)
        recent = self.random.sample(range(1, 30), (days + 1) // 2)
        earlier = range(31, min(360, person.days_known))
        for day in recent + self.random.sample(earlier, min(days // 2, len(earlier))):
            self._pay_something(person, self._draw_instant(day))
        if self.random.randrange(10) == 0 and 1 not in recent:
            self._pay_something(
                person, self._draw_past_instant(minutes=self.random.randrange(50, 500))
            )

    def _pay_something(self, person: Person, at: datetime) -> None:
        most = person.monthly_paise
        kinds, weights = zip(*EXPERIENCES, strict=True)
        becomes = self.random.choices(kinds, weights)[0]
        amount = self.random.randrange(most // 40, most // 5) // 100 * 100
        self._plan_event(
            at,
            self._pay,
            person=person,
            direction=self.random.choices("DC", [70, 30])[0],
            amount=max(amount, 1_100_000) if becomes == "though declined" else amount,
            becomes=becomes,
        )

    def _pay(self, person: Person, direction: str, amount: int, becomes: str) -> None:
        processor = person.processors[amount // 100 % len(person.processors)]
        at = clock.now()
        call = self._call(processor, Operation.CHECK_LIMIT)
        if becomes != "without a check":
            asked = Ask(person.unique_id, direction, amount)
            check, _ = checks.check_limit(call=call, ask=asked)
            if not check.is_allowed and becomes != "though declined":
                return
        seconds = 2_400 if becomes == "after its hold ended" else 20
        if becomes == "other amount":
            amount -= 100
        tran_id = f"T{next(self.numbers):09d}"
        kind = "F" if becomes == "failed" else "S"
        report = Report(person.unique_id, kind, direction, amount, None, tran_id, call.ref_id)
        with clock.freeze(self._draw_later_instant(at, seconds=seconds)):
            updates.update_limit(call=self._call(processor, Operation.UPDATE_LIMIT), report=report)
        is_mistake = becomes == "without a check" and amount % 300 == 0
        if becomes == "reversed" or is_mistake:
            undone = amount if is_mistake else amount // 2
            undo = Report(person.unique_id, "R", direction, undone, None, tran_id)
            with clock.freeze(self._draw_later_instant(at, minutes=40)):
                updates.update_limit(
                    call=self._call(processor, Operation.UPDATE_LIMIT), report=undo
                )

    def _spend_to_the_limit(self, person: Person, used: int) -> None:
        """Use most of this month's limit, or all of it, in a few payments; then ask for more."""
        moments = sorted(self.random.uniform(0.05, 0.95) for _ in range(5))
        first, second, third = used * 22 // 100, used * 41 // 100, used * 13 // 100
        amounts = [first, second, third, used - first - second - third]
        for moment, amount in zip(moments, amounts, strict=False):
            self._plan_event(
                self._find_instant_this_month(moment),
                self._pay,
                person=person,
                direction="D",
                amount=amount,
                becomes="settled",
            )
        asked = self.random.choice([199_900, 218_000, 250_000, 274_950, 320_000])
        at = self._find_instant_this_month(moments[-1])
        self._plan_event(at, self._ask, person=person, direction="D", amount=asked)

    def _ask_in_vain(self, person: Person) -> None:
        """Have something on hold, and be declined for more than is left beside it."""
        for way, minutes, amount in (("D", 6, 37_500), ("C", 5, 150_000), ("D", 4, 184_900)):
            at = max(self._draw_past_instant(minutes=minutes), self._find_instant_this_month(0.96))
            self._plan_event(at, self._ask, person=person, direction=way, amount=amount)

    def _decline_yesterday(self, people: list[Person]) -> None:
        """Be declined for more than the whole limit of a month."""
        for person in people:
            amount = self.random.choice([1_049_900, 1_150_000, 1_250_000, 1_500_000])
            self._plan_event(
                self._draw_instant(1), self._ask, person=person, direction="D", amount=amount
            )

    def _pay_just_now(self, people: list[Person]) -> None:
        """Have every other one on hold, and the rest settled."""
        for number, person in enumerate(people):
            amount, way = self.random.randrange(90, 900) * 100, self.random.choice("DDC")
            at = self._draw_past_instant(minutes=1 + number + number // 2)
            what = {"person": person, "direction": way, "amount": amount}
            if number % 2:
                self._plan_event(at, self._ask, **what)
            else:
                self._plan_event(at, self._pay, becomes="settled", **what)

    def _ask(self, person: Person, direction: str, amount: int) -> None:
        """Check an amount, and never say what became of it."""
        call = self._call(person.processors[0], Operation.CHECK_LIMIT)
        checks.check_limit(call=call, ask=Ask(person.unique_id, direction, amount))

    def _block(self, people: list[Person]) -> None:
        maker = User.objects.get(username="farhan")
        for days, person in zip((9, 4, 1), people, strict=True):
            self._plan_event(
                self._draw_past_instant(days=days, minutes=73 * days),
                blocking.block,
                customer_id=person.unique_id,
                reason="Reported lost by its holder",
                user=maker,
            )
        self._plan_event(
            self._draw_past_instant(hours=21),
            blocking.propose_unblocking,
            customer_id=people[0].unique_id,
            reason="Found again; identity confirmed by phone",
            user=maker,
        )

    def _propose(self, people: list[Person]) -> None:
        """Full KYC, approved for one and proposed for another; and a correction that waits."""
        raised, waiting, corrected = [person for person in people if person.tier != "F"][:3]
        self._plan_event(
            self._draw_past_instant(days=3, minutes=41), self._raise_kyc, person=raised, place=0
        )
        self._plan_event(self._draw_past_instant(days=2, minutes=17), self._approve, person=raised)
        self._plan_event(
            self._draw_past_instant(hours=7, minutes=12), self._raise_kyc, person=waiting, place=1
        )
        at = self._draw_past_instant(hours=28, minutes=6)
        month = calendar.number_ist_month(at)
        self._plan_event(
            at,
            adjustments.propose,
            correction=adjustments.Correction(
                corrected.unique_id, month, "D", 25_000, "Paid at a counter"
            ),
            user=User.objects.get(username="farhan"),
        )

    def _raise_kyc(self, person: Person, place: int) -> None:
        kyc.change(
            customer_id=person.unique_id,
            details=CustomerDetails(
                kyc_flag="F",
                kyc_updated_channel="BRN",
                ovid_type="PAN",
                ovid_value=f"BCDPE100{place}F",
            ),
            reason="Original PAN card seen at the branch",
            user=User.objects.get(username="lakshmi"),
        )

    def _approve(self, person: Person) -> None:
        kyc.decide(
            proposal_id=KycProposal.objects.get(customer_id=person.unique_id).pk,
            state="APPROVED",
            user=User.objects.get(username="gurpreet"),
        )

    def _write_notes(self, people: list[Person]) -> None:
        authors = User.objects.in_bulk(["farhan", "lakshmi"], field_name="username")
        for days, (person, text) in enumerate(zip(people, NOTES, strict=True)):
            self._plan_event(
                self._draw_past_instant(days=days * 3, hours=1, minutes=11 * days),
                notes.add_note,
                customer_id=person.unique_id,
                text=text,
                user=self.random.choice(list(authors.values())),
            )

    def _close_flagged(self) -> None:
        """Close what was flagged, a day or so later, but for the last few."""
        closers = list(User.objects.filter(username__in=["farhan", "lakshmi"]).order_by("pk"))
        entries = LedgerEntry.objects.exclude(flags="").order_by("-at")[STILL_OPEN:]
        for entry in sorted(entries, key=lambda entry: entry.at):
            drawn = self.random.choices(FINDINGS, [share for *_, share in FINDINGS])[0]
            finding, note, _ = PUT_RIGHT if queries.sum_given_back([entry]) else drawn
            with clock.freeze(
                self._draw_later_instant(entry.at, minutes=self.random.randrange(300, 2_800))
            ):
                findings.note(
                    entry,
                    finding=PostingFinding.Finding(finding),
                    note=note,
                    user=self.random.choice(closers),
                )


def _list_of_tier(tier: str, people: list[Person], most: int) -> list[Person]:
    return [person for person in people if person.tier == tier][:most]
