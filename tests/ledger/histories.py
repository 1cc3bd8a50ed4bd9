"""Histories of customers, as the services write them: every kind of entry, flag and hold."""

import random
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from django.db import transaction

from customers.details import CustomerDetails
from customers.models import (
    Account,
    Customer,
    CustomerImport,
    Document,
    DuplicateReview,
    ImportFile,
)
from customers.services import blocking, customers, imports, kyc, reviews
from customers.services.notes import add_note
from limits.models import Adjustment, LedgerEntry, LimitCheck
from limits.services import adjustments, findings, rules
from limits.services.adjustments import Correction
from limits.services.openings import Opening, record_openings
from ppims.core import calendar, clock
from ppims.core.errors import Conflict, Malformed
from ppims.models import FourEyes, Operation, Processor, User
from ppims.services import key_rotations, processor_changes, staff_changes
from ppims.services.idempotency import Call
from ppims.services.staff_changes import NewPerson
from tests.factories import (
    ToldFactory,
    draw_ref,
    ensure_roles,
    make_check,
    make_customer,
    make_posting,
    make_processor,
    refuse,
    set_blocked,
)
from tests.two_people import merge_customers, unmerge_customer

APPROVED_STATE = FourEyes.State.APPROVED
START = datetime(2026, 1, 5, 6, 30, tzinfo=UTC)


def make_maker_and_checker() -> tuple[User, User]:
    """Make a maker and a checker of adjustments."""
    names = ("maker", "checker")
    return tuple(User.objects.get_or_create(username=name)[0] for name in names)


def adjust(
    unique_id: int, month: int, paise: int, direction: str = "D", posting_id: int | None = None
) -> Adjustment:
    maker, checker = make_maker_and_checker()
    correction = Correction(unique_id, month, direction, paise, "counted twice", posting_id)
    proposed = adjustments.propose(correction=correction, user=maker)
    return adjustments.decide(proposal_id=proposed.pk, state=APPROVED_STATE, user=checker)


class History:
    """One customer's history, drawn: each step what a processor, or staff, may do next."""

    def __init__(self, draw: random.Random, ent: Processor, cbs: Processor) -> None:
        self.draw, self.processors = draw, (ent, cbs)
        number = f"7{draw_ref()[1:]:0>11}"
        papers = {"ovid_type": "ADR", "ovid_value": number, "card_number": f"6088{number}"}
        self.customer = make_customer(ent, cbs, kyc_flag=draw.choice("NP"), **papers)
        self.at = START + timedelta(seconds=draw.uniform(0, 86_400))
        self.together = [self]  # with whom it is one person, and so has one clock
        self.passing_seconds = [1, 60, 1_200, 86_400, 20 * 86_400]  # between two steps
        self.asked: list[LimitCheck] = []
        self.posted: list[LedgerEntry] = []

    def step(self) -> None:
        steps = (
            self.ask,
            self.ask,
            self.settle,
            self.settle,
            self.fail,
            self.undo,
            self.post_alone,
        )
        passed = self.draw.choice(self.passing_seconds)
        self.at = max(each.at for each in self.together) + timedelta(seconds=passed)
        with clock.freeze(self.at):
            self.draw.choice((*steps, self.correct, self.correct_one))()

    def ask(self) -> None:
        paise = self.draw.choice([1, 150_000, 400_000, 1_000_000, 1_000_001])
        answer, _ = make_check(
            self._choose_processor(), self.customer, paise, direction=self.draw.choice("DC")
        )
        self.asked.append(answer)

    def settle(self) -> None:
        self._note_answer("S", self.draw.choice([0, 0, 0, 50]))

    def fail(self) -> None:
        self._note_answer("F", 0)

    def post_alone(self) -> None:
        """Post without a check, at times over the limit."""
        paise = self.draw.choice([7, 90_000, 900_000])
        tran_id = self.draw.choice([None, draw_ref()])
        self._post(self._choose_processor(), paise, "S", self.draw.choice("DC"), tran_id=tran_id)

    def undo(self) -> None:
        """Reverse some of a posting, however long ago it was."""
        named = [entry for entry in self.posted if entry.tran_id]
        if named:
            entry = self.draw.choice(named)
            paise = self.draw.randint(1, entry.amount_paise)
            self._post(entry.processor, paise, "R", entry.direction, tran_id=entry.tran_id)

    def correct(self) -> None:
        if self.posted:
            entry = self.draw.choice(self.posted)
            with suppress(Conflict):  # more than may be taken away
                adjust(self.customer, entry.month, self.draw.choice([-7, 90, 1_100_000]))

    def correct_one(self) -> None:
        """Take away of one posting."""
        if self.posted:
            entry = self.draw.choice(self.posted)
            paise = -self.draw.choice([1, 7, entry.amount_paise])
            with suppress(Conflict, Malformed):  # more than is left
                adjust(self.customer, entry.month, paise, entry.direction, entry.pk)

    def _note_answer(self, kind: str, more: int) -> None:
        if self.asked:
            asked = self.draw.choice(self.asked)
            paise = asked.amount_paise + more
            refs = {"enquiry": asked.ref_id, "tran_id": draw_ref()}
            self._post(asked.processor, paise, kind, asked.direction, **refs)

    def _post(self, processor: Processor, paise: int, kind: str, direction: str, **refs) -> None:
        with suppress(Conflict):  # settled already, or reversed
            entry, _ = make_posting(processor, self.customer, paise, kind, direction, **refs)
            if kind == "S":
                self.posted.append(entry)

    def _choose_processor(self) -> Processor:
        return self.draw.choice(self.processors)


def add_all_kinds(histories: list[History]) -> None:
    """Let staff and processors do, to some of the customers, all else that the audit proves."""
    one, other, third = histories[:3]
    maker, checker = make_maker_and_checker()
    ent = one.processors[0]
    at = max(history.at for history in histories)
    for history in histories:
        history.at = at + timedelta(days=1)
    with clock.freeze(at + timedelta(hours=1)):
        add_note(customer_id=one.customer, text="Called", user=maker)
        set_blocked(one.customer, blocked=True)
        make_posting(ent, one.customer, 700)
        set_blocked(one.customer, blocked=False)
        blocking.block(customer_id=third.customer, reason="Asked to", user=maker)
        blocking.propose_unblocking(customer_id=third.customer, reason="Asked to", user=maker)
        pan = CustomerDetails(
            kyc_flag="F", kyc_updated_channel="BRN", ovid_type="PAN", ovid_value="ABCPE1234F"
        )
        details = kyc.change(customer_id=other.customer, details=pan, reason="Came in", user=maker)
        kyc.decide(proposal_id=details.pk, state=APPROVED_STATE, user=checker)
        _freeze(ent, one.customer)
        _claim_for_strangers(ent, [one.customer, other.customer], user=maker)
        for history, finding in ((one, ""), (one, "GENUINE"), (other, "REPORTED")):
            entry, _ = make_posting(ent, history.customer, 800, direction="C")
            findings.note(entry, finding=finding, note="Asked", user=maker)
        _add_rules(maker, checker)
        tran_id = draw_ref()
        make_posting(ent, other.customer, 900, tran_id=tran_id)
        report = refuse(ent, other.customer, 901, tran_id)
        findings.note(report, finding="", note="Asked", user=maker)


def merge_some(histories: list[History]) -> None:
    """Merge some of the customers: two who are two again, and two who stay one. Of these the merged
    one's processors go on naming it. Each step has a minute of its own.
    """
    ent, at = histories[0].processors[0], max(history.at for history in histories)
    for history in histories:
        history.at = at + timedelta(hours=1)
    *_, one, other, third = histories
    with clock.freeze(at):
        merge = merge_customers(one.customer, other.customer)
    survivor, parted = merge.customer_id, merge.merged_id
    asked, tran_id = draw_ref(), draw_ref()
    steps = (
        lambda: make_check(ent, parted, 300, ref_id=asked),
        lambda: make_posting(ent, parted, 300, enquiry=asked),
        lambda: make_posting(ent, parted, 700, tran_id=tran_id),
        lambda: make_check(ent, parted, 200),
        lambda: unmerge_customer(parted),
        lambda: make_posting(ent, parted, 50, "R", tran_id=tran_id),
        lambda: merge_customers(survivor, third.customer),
    )
    for minutes, step in enumerate(steps, start=1):
        with clock.freeze(at + timedelta(minutes=minutes)):
            step()
    kept = one if survivor == one.customer else other
    kept.together = third.together = [kept, third]


def change_staff_and_processors(ent: Processor, at: datetime) -> None:
    """Let two admins change somebody and a processor, and propose more."""
    ensure_roles()
    one, two = (User.objects.create(username=f"admin {each}", password="!") for each in "12")
    with clock.freeze(at):
        for number in (1, 2):
            person = NewPerson(f"person{number}", "viewer")
            added = staff_changes.propose_adding(person=person, reason="Joins", user=one)
            edited = processor_changes.propose_password(
                processor_id=ent.pk, keep_days=number, reason="Yearly", user=one
            )
            if number == 1:
                for change, proposals in (
                    (added, staff_changes.STAFF_PROPOSALS),
                    (edited, processor_changes.PROCESSOR_PROPOSALS),
                ):
                    proposals.decide(proposal_id=change.pk, state=APPROVED_STATE, user=two)
                processor_changes.open_sheet(change_id=edited.pk, user=one)
        rotate_keys(one, two)
        propose_imports(ent, one, two)


def propose_imports(ent: Processor, one: User, two: User) -> None:
    """Let two people agree on a file, and one propose another; of the first comes what two had used
    before.
    """
    approved, _ = (
        propose_import_of(file, one)
        for file in (make_import_file(ent, one), make_import_file(ent, one))
    )
    imports.IMPORT_PROPOSALS.decide(proposal_id=approved.pk, state=APPROVED_STATE, user=two)
    rows = [
        Opening(unique_id, calendar.number_ist_month(clock.now()), direction, 12_300)
        for unique_id in Customer.objects.order_by("pk").values_list("pk", flat=True)[:2]
        for direction in "DC"
    ]
    approved.refresh_from_db()
    with transaction.atomic():
        record_openings(approved, rows)


def propose_import_of(file: ImportFile, maker: User) -> CustomerImport:
    return imports.propose(file_id=file.pk, reason="They move to us", user=maker)


def make_import_file(processor: Processor, user: User) -> ImportFile:
    """Put a file with one new customer on record, without the file itself."""
    stored = {"stored_as": "0" * 32, "key_id": "00000000", "digest": "0" * 64, "size_bytes": 100}
    file = imports.keep_file(processor=processor, name="list.csv", stored=stored, user=user)
    imports.keep_reading(file_id=file.pk, counts={"new_count": 1})
    return file


def rotate_keys(one: User, two: User) -> None:
    """Let two admins decide on a new key that is in use by now, and propose another."""
    approved, _ = (
        key_rotations.propose(purpose=purpose, reason="Yearly", user=one)
        for purpose in ("document", "session")
    )
    key_rotations.KEY_PROPOSALS.decide(proposal_id=approved.pk, state=APPROVED_STATE, user=two)
    key_rotations.begin(rotation_id=approved.pk, key_id="0a1b2c3d")
    key_rotations.make_first(rotation_id=approved.pk)


def tell(processor: Processor, unique_id: int, **details: str) -> None:
    """Tell, as a processor, what is new about a customer."""
    call = Call(processor, Operation.UPDATE_CUSTOMER, draw_ref(), details)
    customers.update_customer(call=call, details=CustomerDetails(unique_id=unique_id, **details))


def _freeze(processor: Processor, unique_id: int) -> None:
    account = Account.objects.filter(customer=unique_id, processor=processor).get().number
    card = f"6088{Document.objects.filter(customer=unique_id).first().reveal()}"
    named = {"account_number": account, "card_number": card, "cif_id": "CIF-9"}
    tell(processor, unique_id, account_status="F", card_status="F", **named)


def _claim_for_strangers(processor: Processor, holders: list[int], user: User) -> None:
    """Claim each one's number for a stranger; the first claim is decided, the other waits."""
    for holder in holders:
        mobile = Customer.objects.get(pk=holder).mobile
        stranger = ToldFactory(
            mobile_number=mobile, customer_name="Xu", date_of_birth=date(1961, 1, 1)
        )
        with suppress(Conflict):
            call = Call(processor, Operation.ADD_CUSTOMER, draw_ref(), {})
            customers.add_customer(call=call, details=stranger)
    review = DuplicateReview.objects.get(customer=holders[0])
    passed_on = reviews.decide(
        review_id=review.pk, outcome="NUMBER_PASSED_ON", reason="Seen", user=user
    )
    checker = make_maker_and_checker()[1]
    reviews.NUMBER_PROPOSALS.decide(proposal_id=passed_on.pk, state=APPROVED_STATE, user=checker)


def _add_rules(maker: User, checker: User) -> None:
    wanted = [rules.Proposal("F", way, "TRANSACTION", 10**9, "a test") for way in "DC"]
    proposed = [rules.propose(proposals=wanted, user=maker) for _ in range(2)]
    rules.decide(proposal_id=proposed[0].pk, state=APPROVED_STATE, user=checker)
    effect = {"months": [202601], "checks": 0}
    rules.keep_effect(rule_set_id=proposed[1].pk, effect=effect, user=checker)


def write(seed: int, customers: int, steps: int) -> list[History]:
    """Write histories of some customers, one step of each in turn."""
    draw = random.Random(seed)
    ent, cbs = (
        Processor.objects.filter(system_id=name).first() or make_processor(name)
        for name in ("ENT", "CBS")
    )
    histories = [History(draw, ent, cbs) for _ in range(customers)]
    for _ in range(steps):
        for history in histories:
            history.step()
    return histories
