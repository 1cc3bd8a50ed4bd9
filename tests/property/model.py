"""The ledger as docs/ledger.md tells it, in dictionaries: written apart from the code, to compare
with it.
"""

from collections import Counter
from datetime import timedelta

INDIA = timedelta(hours=5, minutes=30)
HOLD_MINUTES = {"ENT": 15, "CBS": 60}


class Refused(Exception):
    """What was refused and the names of the fields it is about."""


def number_month(at):
    return int((at + INDIA).strftime("%Y%m"))


def number_year(month):
    return month // 100 - (month % 100 < 4)


class Model:
    def __init__(self, limits):
        self.limits = limits  # {(tier, direction): {window: paise}}
        self.people = {}  # uid: {"tier", "blocked", "at": processors, "last"}
        self.answers = {}  # (operation, processor, ref): (content, answer)
        self.checks = {}  # (processor, ref): {...}
        self.entries = {}  # uid: [...], of what was posted, released and reversed

    # What stands.

    def sum_used(self, uid, direction):
        """What is used, by month."""
        months = Counter()
        for e in self.entries.get(uid, []):
            if e["direction"] == direction:
                months[e["month"]] += {"S": 1, "R": -1, "F": 0, "A": 1}[e["kind"]] * e["amount"]
        return months

    def open_holds(self, uid, at):
        own = (c for c in self.checks.values() if c["uid"] == uid)
        return [c for c in own if self.is_open(c, at)]

    def is_open(self, check, at):
        return check["allowed"] and not check["closed"] and at < check["until"]

    def find_gauge(self, uid, direction, month, at):
        """The total, what is left and the window that has least left; no limit: None."""
        months = self.sum_used(uid, direction)
        for c in self.open_holds(uid, at):
            months[c["month"]] += c["amount"] * (c["direction"] == direction)
        year = sum(months[m] for m in [*months] if number_year(m) == number_year(month))
        total = {"MONTH": months[month], "FINANCIAL_YEAR": year}
        limits = self.limits.get((self.people[uid]["tier"], direction), {})
        left = [(limits[w] - total[w], w != "MONTH", w) for w in limits]
        if not left:
            return total["MONTH"], None, None
        least, _, window = min(left)
        return total[window], least, window

    def find_figures(self, uid, direction, at):
        total, left, _ = self.find_gauge(uid, direction, number_month(at), at)
        return total, None if left is None else max(0, left)

    # What is asked.

    def check(self, processor, ref, uid, direction, amount, *, now):
        content = {"unique_id": uid, "direction": direction, "amount_paise": amount}
        first = self._find_first("check", processor, ref, content)
        if first:
            return self._check_again(self.checks[processor, ref], first, now)
        at = self._take_instant(processor, uid, now)
        _, left, window = self.find_gauge(uid, direction, number_month(at), at)
        reason = "WITHIN_LIMITS" if left is None or amount <= left else f"{window}_LIMIT"
        reason = "CUSTOMER_BLOCKED" if self.people[uid]["blocked"] else reason
        allowed = reason == "WITHIN_LIMITS"
        until = at + timedelta(minutes=HOLD_MINUTES[processor])
        if until.microsecond:
            until = until.replace(microsecond=0) + timedelta(seconds=1)
        check = {"uid": uid, "direction": direction, "amount": amount, "at": at}
        check |= {"month": number_month(at), "allowed": allowed, "until": until}
        self.checks[processor, ref] = check | dict.fromkeys(
            ("closed", "answered", "settled"), False
        )
        shown = self.find_figures(uid, direction, at)
        self.people[uid]["last"] = at
        answer = (allowed, reason, *shown, until if allowed else None)
        self.answers["check", processor, ref] = content, answer
        return *answer, False

    def _check_again(self, check, first, now):
        if not check["allowed"]:
            return *first, True
        at = self._move_past_last(check["uid"], now)
        if self.is_open(check, at):
            return *first, True
        reason = "HOLD_CLOSED" if check["answered"] else "HOLD_EXPIRED"
        return (
            False,
            reason,
            *self.find_figures(check["uid"], check["direction"], at),
            None,
            False,
        )

    def update(self, processor, ref, *said, now):
        uid, kind, direction, amount, tran, enquiry = said
        names = ("unique_id", "kind", "direction", "amount_paise", "tran_id", "enquiry_ref_id")
        content = dict(zip(names, said, strict=True))
        first = self._find_first("update", processor, ref, content)
        if first:
            return *first, True
        at = self._take_instant(processor, uid, now)
        own = self.entries.setdefault(uid, [])
        ids = ("S", processor, tran)
        posted = [e for e in own if tran and (e["kind"], e["processor"], e["tran"]) == ids]
        other_way = [e for e in posted if e["direction"] != direction]
        posted = [e for e in posted if e["direction"] == direction]
        named = self.checks.get((processor, enquiry))
        check = named if named and (named["uid"], named["direction"]) == (uid, direction) else None
        if kind == "R" and other_way and not posted:
            raise Refused("conflict", ["tran_type"])
        place = {"S": self._post, "F": self._release, "R": self._reverse}[kind]
        month, flags = place(at, amount, posted, named, check)
        entry = {"uid": uid, "processor": processor, "kind": kind, "direction": direction,
                 "amount": amount, "month": month, "tran": tran, "of": posted[:1]}  # fmt: skip
        own.append(entry)
        left = self.find_gauge(uid, direction, month, at)[1]
        if kind == "S":
            flags += ["OVER_LIMIT"] * (left is not None and left < 0)
            flags += ["BLOCKED"] * self.people[uid]["blocked"]
        self.people[uid]["last"] = at
        answer = (month, flags, *self.find_figures(uid, direction, at))
        self.answers["update", processor, ref] = content, answer
        return *answer, False

    def _post(self, at, amount, posted, named, check):
        if posted:
            raise Refused("conflict", ["tran_id"])
        if check is None or check["settled"]:
            return number_month(at), ["UNCHECKED"]
        flags = [] if check["allowed"] else ["DECLINED"]
        flags += ["LATE"] * (check["allowed"] and not self.is_open(check, at))
        flags += ["AMOUNT_DIFFERS"] * (amount != check["amount"])
        check.update(closed=True, answered=True, settled=True)
        soon = check["allowed"] and at - check["at"] <= timedelta(days=30)
        return check["month"] if soon else number_month(at), flags

    def _release(self, at, amount, posted, named, check):
        names = ["enquiry_ref_id"] * bool(named and (check is None or check["settled"]))
        names += ["tran_id"] * bool(posted)
        if names:
            raise Refused("conflict", names)
        if check:
            check.update(closed=True, answered=True)
        return check["month"] if check else number_month(at), []

    def _reverse(self, at, amount, posted, named, check):
        if not posted:
            raise Refused("conflict", ["tran_id"])
        own = self.entries[posted[0]["uid"]]
        undone = sum(e["amount"] for e in own if e["kind"] == "R" and e["of"] == posted)
        if undone + amount > posted[0]["amount"]:
            raise Refused("conflict", ["amount"])
        return posted[0]["month"], []

    def adjust(self, uid, month, amount, direction, *, now):
        """By two people; nothing that a processor may still reverse is taken away."""
        at = self._move_past_last(uid, now)
        own = self.entries.setdefault(uid, [])
        here = [e for e in own if (e["month"], e["direction"]) == (month, direction)]
        undoable = sum(e["amount"] for e in here if e["kind"] == "S" and e["tran"])
        undoable -= sum(e["amount"] for e in here if e["kind"] == "R")
        if amount < 0 and self.sum_used(uid, direction)[month] + amount < undoable:
            raise Refused("conflict", ["amount_paise"])
        own.append({"uid": uid, "processor": None, "kind": "A", "direction": direction,
                    "amount": amount, "month": month, "tran": None, "of": []})  # fmt: skip
        left = self.find_gauge(uid, direction, month, at)[1]
        self.people[uid]["last"] = at
        return month, ["OVER_LIMIT"] * (amount > 0 and left is not None and left < 0)

    # Who asks, and when.

    def _find_first(self, operation, processor, ref, content):
        before, answer = self.answers.get((operation, processor, ref), ({}, None))
        if answer and before != content:
            names = sorted(name for name in content if content[name] != before[name])
            raise Refused("conflict", names)
        return answer

    def _take_instant(self, processor, uid, now):
        if uid not in self.people:
            raise Refused("unknown", [])
        at = self._move_past_last(uid, now)
        if processor not in self.people[uid]["at"]:
            raise Refused("unknown", [])
        return at

    def _move_past_last(self, uid, now):
        last = self.people[uid]["last"] or now
        if last - now > timedelta(seconds=60):
            raise Refused("unavailable", [])
        return max(now, last)
