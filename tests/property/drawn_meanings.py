"""What a drawn request means in a story that is under way: what is sent, as the model takes it."""

from typing import Any, NamedTuple

from tests.property.drawn_groups import (
    LEFT_PAISE,
    OTHER_WAY,
    PEOPLE,
    STRANGER,
    Again,
    Correct,
    CorrectPosting,
    NewCheck,
    OfCheck,
    OfPosting,
    Unasked,
)
from tests.property.model import number_month


class Sending(NamedTuple):
    """An operation, by which processor and under which Ref_Id, and what is said, in the model's
    order.
    """

    operation: str
    by: str | None
    ref: str | None
    said: tuple
    more: dict[str, Any]


SIMPLEST = NewCheck("ENT", 1, "D", 1, {})


class Meanings:
    """Finds what drawn requests mean, as the model stands at an instant."""

    def __init__(self, model):
        self.model, self.sent, self.refs = model, [], 0
        self.entry_ids = {}  # by person: of the entries of earlier groups, in their order

    def find(self, drawn, now):
        """Find what is sent; what names something while there is nothing yet is the simplest."""
        find = {
            NewCheck: self._find_check,
            OfCheck: self._find_of_check,
            OfPosting: self._find_of_posting,
            Unasked: self._find_unasked,
            Again: self._find_again,
            Correct: self._find_correction,
            CorrectPosting: self._find_correction_of_posting,
        }[type(drawn)]
        return find(drawn, now) or self.find(SIMPLEST, now)

    def note(self, sending):
        """Note what was sent: it may be sent again."""
        if sending.ref:
            self.sent.append(sending)

    def _draw_ref(self):
        self.refs += 1
        return f"R{self.refs}"

    def _find_check(self, drawn, now):
        by, person, direction, paise, more = drawn
        paise = self._find_paise(person, direction, paise, now)
        return Sending("check", by, self._draw_ref(), (person, direction, paise), more)

    def _find_of_check(self, drawn, now):
        checks = [*self.model.checks.items()]
        if not checks:
            return None
        (by, ref), check = pick_newest(checks, drawn.ago)
        by, person, way = change_one(drawn.twist, by, check["uid"], check["direction"])
        paise = check["amount"] + (drawn.twist == "paise")
        said = person, drawn.kind, way, paise, self._find_tran_id(drawn.tran), ref
        return Sending("update", by, self._draw_ref(), said, {})

    def _find_of_posting(self, drawn, now):
        entries = [e for own in self.model.entries.values() for e in own]
        postings = [e for e in entries if e["kind"] == "S" and e["tran"]]
        if not postings:
            return None
        e = pick_newest(postings, drawn.ago)
        left = e["amount"] - self.model.sum_given_back(e)
        parts = {"whole": e["amount"], "third": e["amount"] // 3, "left": left, "more": left + 1}
        by, person, way = change_one(drawn.twist, e["processor"], e["uid"], e["direction"])
        said = person, drawn.kind, way, max(1, parts[drawn.paise]), e["tran"], None
        return Sending("update", by, self._draw_ref(), said, {})

    def _find_unasked(self, drawn, now):
        paise = self._find_paise(drawn.person, drawn.direction, drawn.paise, now)
        said = drawn.person, drawn.kind, drawn.direction, paise
        tran = self._find_tran_id(drawn.tran)
        return Sending("update", drawn.by, self._draw_ref(), (*said, tran, drawn.enquiry), {})

    def _find_again(self, drawn, now):
        if not self.sent:
            return None
        sending = pick_newest(self.sent, drawn.ago)
        said, is_update = [*sending.said], sending.operation == "update"
        if drawn.twist == "paise":
            said[3 if is_update else 2] += 1
        if drawn.twist == "person":
            said[0] = said[0] % len(PEOPLE) + 1
        if drawn.twist == "tran" and is_update:
            said[4] = "T-other"
        return sending._replace(said=tuple(said))

    def _find_correction(self, drawn, now):
        if drawn.person == STRANGER:
            return None
        month = number_month(now)
        for _ in range(drawn.months_ago):
            month -= 89 if month % 100 == 1 else 1
        said = drawn.person, month, drawn.paise, drawn.direction
        return Sending("adjust", None, None, said, {})

    def _find_correction_of_posting(self, drawn, _now):
        kept = [
            (e, row_id)
            for person, ids in self.entry_ids.items()
            for e, row_id in zip(self.model.entries.get(person, []), ids, strict=False)
            if e["kind"] == "S"
        ]
        if not kept:
            return None
        e, row_id = pick_newest(kept, drawn.ago)
        left = e["amount"] - self.model.sum_given_back(e)
        paise = {"third": e["amount"] // 3, "left": left, "more": left + 1}[drawn.paise]
        said = e["uid"], e["month"], -max(1, paise), e["direction"]
        return Sending("adjust", None, None, said, {"named": e, "posting_id": row_id})

    def _find_paise(self, person, direction, paise, now):
        if paise not in LEFT_PAISE:
            return paise
        if person == STRANGER:
            return 1
        at = self.model.find_instant(person, now)
        left = self.model.find_figures(person, direction, at)[1]
        return max(1, (left or 0) + (0, 1, -1)[LEFT_PAISE.index(paise)])

    def _find_tran_id(self, tran):
        known = [e["tran"] for own in self.model.entries.values() for e in own if e["tran"]]
        return {"new": f"T{self.refs}", "known": known[-1] if known else None}.get(tran)


def pick_newest(rows, ago):
    return rows[-1 - min(ago, len(rows) - 1)]


def change_one(what, by, person, direction):
    """Change one of the three into another one."""
    return (
        {"ENT": "CBS", "CBS": "ENT"}[by] if what == "by" else by,
        person % len(PEOPLE) + 1 if what == "person" else person,
        OTHER_WAY[direction] if what == "direction" else direction,
    )
