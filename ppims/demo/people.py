"""One customer of each kind that a system which calls the API should be tried with: made anew
through the services, as of the clock's now, and known to a processor.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial

from django.utils.translation import gettext_lazy as _

from customers.choices import Tier
from customers.details import CustomerDetails
from customers.services import blocking, customers
from limits import queries
from limits.decision import CREDIT_STOP, MONTH_WINDOW
from limits.known import Ask, Report
from limits.models import Direction
from limits.services import checks, updates
from ppims.core import calendar, clock
from ppims.core.errors import Conflict
from ppims.db.transaction import run_in_transaction
from ppims.demo.names import FIRST_NAMES, LAST_NAMES
from ppims.models import AuditEntry, Operation, Processor, User
from ppims.services import audit
from ppims.services.idempotency import Call

PEOPLE_MADE = "demo's people made"
MAKERS_ROLE = "maker"
BIRTH_DATE, ANOTHER_BIRTH_DATE = date(1990, 7, 9), date(2001, 5, 17)
# Of each kind, in order: what it is called, and what to try.
KINDS: Mapping[str, tuple[object, object]] = {
    "new": (
        _("New"),
        _("Min KYC, nothing used yet: a check within the limit is allowed."),
    ),
    "at-80-percent": (
        _("At 80 %"),
        _(
            "Has spent 80 % of this month’s limit: a check of a tenth of the limit is allowed, one"
            " of a quarter is declined (MONTH_LIMIT)."
        ),
    ),
    "at-the-limit": (
        _("At the limit"),
        _(
            "Has spent all of this month’s limit: every check of a spend is declined (MONTH_LIMIT),"
            " a load is allowed."
        ),
    ),
    "blocked": (
        _("Blocked"),
        _("Blocked by staff: every check is declined (CUSTOMER_BLOCKED)."),
    ),
    "account-frozen": (
        _("Account frozen"),
        _("A check that names Account_Number is declined (ACCOUNT_NOT_ACTIVE)."),
    ),
    "loading-stopped": (
        _("Loading stopped"),
        _(
            "Min KYC for too long: every check of a load is declined (KYC_EXPIRED), a spend is"
            " allowed."
        ),
    ),
    "reissued-mobile": (
        _("Mobile reissued"),
        _(
            "The mobile number is of the customer with this Unique_Id, who was born on another day."
            " Add a customer with the other values given here: 409, and staff review it."
        ),
    ),
    "known-to-both": (
        _("Known to both"),
        _("Known to two processors: what one of them books counts at the other."),
    ),
}


@dataclass(frozen=True)
class Person:
    """One of a set: the kind, what to try, and the values to send, by their names on the wire."""

    kind: str
    values: Mapping[str, str]

    @property
    def name(self) -> str:
        return str(KINDS[self.kind][0])

    @property
    def about(self) -> str:
        return str(KINDS[self.kind][1])

    def write_fields(self) -> dict[str, str]:
        return {"Kind": self.kind, "About": self.about, **self.values}


@dataclass(frozen=True)
class Maker:
    """Makes the people of one set, inside its transaction."""

    number: int  # of the set
    processor: Processor
    at: datetime

    def make_each(self) -> dict[str, int]:
        """Make one person of each kind that can be had: Unique_Ids by kind."""
        made: dict[str, int] = {}
        for place, kind in enumerate(KINDS):
            details = _draft_details(self.number, place)
            unique_id = MAKE_BY_KIND[kind](self, details)
            if unique_id:
                made[kind] = unique_id
        return made

    def add(self, details: CustomerDetails, processor: Processor | None = None) -> int:
        call = self._call(Operation.ADD_CUSTOMER, details, processor)
        return customers.add_customer(call=call, details=details)[0].unique_id

    def add_who_has_spent(self, details: CustomerDetails, percent: int) -> int:
        """Add one who has used so much of the month's limit. 0: there is no such limit."""
        limit = self._find_amount(Direction.DEBIT, MONTH_WINDOW)
        if not limit:
            return 0
        unique_id, amount = self.add(details), limit * percent // 100
        call = self._call(Operation.CHECK_LIMIT, details)
        checks.check_limit(call=call, ask=Ask(unique_id, Direction.DEBIT, amount))
        report = Report(
            unique_id, "S", Direction.DEBIT, amount, None, f"T-{call.ref_id}", call.ref_id
        )
        updates.update_limit(call=self._call(Operation.UPDATE_LIMIT, details), report=report)
        return unique_id

    def add_blocked(self, details: CustomerDetails) -> int:
        unique_id = self.add(details)
        reason = "Made blocked, to be tried with"
        blocking.block(customer_id=unique_id, reason=reason, user=_find_maker())
        return unique_id

    def add_with_frozen_account(self, details: CustomerDetails) -> int:
        return self.add(replace(details, account_status="F"))

    def add_whose_loading_stopped(self, details: CustomerDetails) -> int:
        """Add one who had no better KYC for long enough. 0: no rule stops loading."""
        months = self._find_amount(Direction.CREDIT, CREDIT_STOP)
        if not months:
            return 0
        since = calendar.add_months(self.at, -months - 1)
        return self.add(replace(details, kyc_updated_on=since))

    def add_known_to_both(self, details: CustomerDetails) -> int:
        """Add one whom two processors know. 0: there is no second one."""
        active = Processor.objects.filter(state=Processor.State.ACTIVE).order_by("pk")
        other = active.exclude(pk=self.processor.pk).first()
        if other is None:
            return 0
        self.add(details)
        return self.add(details, other)

    def _find_amount(self, direction: str, window: str) -> int:
        rules = queries.find_rules(Tier.MIN, direction, self.at)
        return next((rule.amount for rule in rules if rule.window == window), 0)

    def _call(
        self, operation: Operation, details: CustomerDetails, processor: Processor | None = None
    ) -> Call:
        return Call(processor or self.processor, operation, f"PEOPLE-{details.customer_id}", {})


MAKE_BY_KIND: Mapping[str, Callable[[Maker, CustomerDetails], int]] = {
    "new": Maker.add,
    "at-80-percent": partial(Maker.add_who_has_spent, percent=80),
    "at-the-limit": partial(Maker.add_who_has_spent, percent=100),
    "blocked": Maker.add_blocked,
    "account-frozen": Maker.add_with_frozen_account,
    "loading-stopped": Maker.add_whose_loading_stopped,
    "reissued-mobile": Maker.add,
    "known-to-both": Maker.add_known_to_both,
}


def make_people(*, processor: Processor, user: User | None = None) -> list[Person]:
    """Make one person of each kind, known to a processor: all or none. `user` is who asked, where
    it was not the processor.

    Raises Conflict where nobody may block a customer; Unavailable.
    """

    def work() -> list[Person]:
        at, number = clock.now(), _find_last_number() + 1
        made = Maker(number, processor, at).make_each()
        # The numbers of a set follow from this one entry: they are kept nowhere else.
        entry = audit.record(
            PEOPLE_MADE,
            at=at,
            user=user,
            processor=None if user else processor,
            detail={"set": number, "system_id": processor.system_id, "people": made},
        )
        return _list_people(entry)

    return run_in_transaction(work)


def list_newest() -> tuple[str, list[Person]]:
    """List the people that were made last, and the System_Id of whom they are known to; nobody
    where none were made.
    """
    entry = _find_last_entry()
    return (_read_system_id(entry), _list_people(entry)) if entry else ("", [])


def _find_last_entry() -> AuditEntry | None:
    made = AuditEntry.objects.filter(subject=audit.NO_CUSTOMER, action=PEOPLE_MADE)
    return made.order_by("-number").first()


def _find_last_number() -> int:
    entry = _find_last_entry()
    return int(json.loads(entry.detail)["set"]) if entry else 0


def _read_system_id(entry: AuditEntry) -> str:
    return str(json.loads(entry.detail)["system_id"])


def _list_people(entry: AuditEntry) -> list[Person]:
    detail = json.loads(entry.detail)
    return [
        Person(kind, _write_values(kind, detail["people"][kind], detail["set"], place))
        for place, kind in enumerate(KINDS)
        if kind in detail["people"]
    ]


def _write_values(kind: str, unique_id: int, number: int, place: int) -> dict[str, str]:
    known = _draft_details(number, place)
    sent, born = known, BIRTH_DATE
    if kind == "reissued-mobile":  # whoever has the number now is nobody on record yet
        sent, born = _draft_details(number, place + len(KINDS)), ANOTHER_BIRTH_DATE
    return {
        "Unique_Id": str(unique_id),
        "Customer_Id": str(sent.customer_id),
        "Customer_Name": str(sent.customer_name),
        "Account_Number": str(sent.account_number),
        "Card_Number": str(sent.card_number),
        "Mobile_Number": str(known.mobile_number),
        "Date_Of_Birth": born.strftime("%d-%m-%Y"),
    }


def _draft_details(number: int, place: int) -> CustomerDetails:
    """Draft a person of a set: always the same one, and nobody of the story, the samples or
    made-up data.
    """
    serial = f"{number:06d}{place:02d}"
    name_number = number * len(KINDS) + place
    return CustomerDetails(
        customer_id=f"7702{serial}",
        customer_name=f"{FIRST_NAMES[name_number % len(FIRST_NAMES)]}"
        f" {LAST_NAMES[name_number % len(LAST_NAMES)]}",
        mobile_number=f"9180{serial}",
        date_of_birth=BIRTH_DATE,
        account_number=f"6602{serial}",
        account_status="A",
        card_number=f"60770000{serial}",
        card_status="A",
        kyc_flag=Tier.MIN.value,
        kyc_updated_channel="MOB",
        customer_type="N",
    )


def _find_maker() -> User:
    """Find in whose name a customer is blocked. Raises Conflict where there is nobody."""
    makers = User.objects.filter(is_active=True, groups__name=MAKERS_ROLE).order_by("pk")
    maker: User | None = makers.first()
    if maker:
        return maker
    raise Conflict([("", "needs somebody of the staff who may block a customer")])
