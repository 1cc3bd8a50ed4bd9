"""Histories of customers, as the services write them: every kind of entry, flag and hold."""

import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from limits.models import Adjustment, LedgerEntry, LimitCheck
from limits.services import adjustments
from limits.services.adjustments import Correction
from ppims import clock
from ppims.errors import Conflict
from ppims.models import FourEyes, Processor, User
from tests.factories import check, make_customer, make_processor, new_ref, post

START = datetime(2026, 1, 5, 6, 30, tzinfo=UTC)


def people() -> tuple[User, User]:
    """Make a maker and a checker of adjustments."""
    names = ("maker", "checker")
    return tuple(User.objects.get_or_create(username=name)[0] for name in names)


def adjust(unique_id: int, month: int, paise: int, direction: str = "D") -> Adjustment:
    maker, checker = people()
    correction = Correction(unique_id, month, direction, paise, "counted twice")
    proposed = adjustments.propose(correction=correction, user=maker)
    approved = FourEyes.State.APPROVED
    return adjustments.decide(adjustment_id=proposed.pk, state=approved, user=checker)


class History:
    """One customer's history, drawn: each step what a processor, or staff, may do next."""

    def __init__(self, draw: random.Random, ent: Processor, cbs: Processor) -> None:
        self.draw, self.processors = draw, (ent, cbs)
        self.customer = make_customer(ent, cbs, kyc_flag=draw.choice("NP"))
        self.at = START + timedelta(seconds=draw.uniform(0, 86_400))
        self.asked: list[LimitCheck] = []
        self.posted: list[LedgerEntry] = []

    def step(self) -> None:
        steps = (self.ask, self.ask, self.settle, self.settle, self.fail, self.undo, self.alone)
        self.at += timedelta(seconds=self.draw.choice([1, 60, 1_200, 86_400, 20 * 86_400]))
        with clock.frozen(self.at):
            self.draw.choice((*steps, self.correct))()

    def ask(self) -> None:
        paise = self.draw.choice([1, 150_000, 400_000, 1_000_000, 1_000_001])
        answer, _ = check(self._processor(), self.customer, paise, direction=self.draw.choice("DC"))
        self.asked.append(answer)

    def settle(self) -> None:
        self._answer("S", self.draw.choice([0, 0, 0, 50]))

    def fail(self) -> None:
        self._answer("F", 0)

    def alone(self) -> None:
        """Post without a check, at times over the limit."""
        paise = self.draw.choice([7, 90_000, 900_000])
        tran_id = self.draw.choice([None, new_ref()])
        self._post(self._processor(), paise, "S", self.draw.choice("DC"), tran_id=tran_id)

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

    def _answer(self, kind: str, more: int) -> None:
        if self.asked:
            asked = self.draw.choice(self.asked)
            paise = asked.amount_paise + more
            refs = {"enquiry": asked.ref_id, "tran_id": new_ref()}
            self._post(asked.processor, paise, kind, asked.direction, **refs)

    def _post(self, processor: Processor, paise: int, kind: str, direction: str, **refs) -> None:
        with suppress(Conflict):  # settled already, or reversed
            entry, _ = post(processor, self.customer, paise, kind, direction, **refs)
            if kind == "S":
                self.posted.append(entry)

    def _processor(self) -> Processor:
        return self.draw.choice(self.processors)


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
