"""The ledger as docs/ledger.md tells it, in dictionaries: written apart from the code, to compare
with it.
"""

from calendar import monthrange
from collections import Counter
from datetime import date, datetime, time, timedelta

INDIA = timedelta(hours=5, minutes=30)
HOLD_MINUTES = {"ENT": 15, "CBS": 60}
SHOWN_WINDOWS = ("MONTH", "FINANCIAL_YEAR")
RANKED_WINDOWS = (*SHOWN_WINDOWS, "TRANSACTION", "BALANCE")


class Refused(Exception):
    """What was refused and the names of the fields it is about."""


def number_month(at):
    return int((at + INDIA).strftime("%Y%m"))


def number_year(month):
    return month // 100 - (month % 100 < 4)


def find_reset(window, month):
    """The first day on which the window's total is nothing again."""
    if window == "FINANCIAL_YEAR":
        return date(number_year(month) + 1, 4, 1)
    return (date(month // 100, month % 100, 1) + timedelta(days=31)).replace(day=1)


def find_stop(since, months):
    """So many months later, on that day or the last one there is, as it begins in India."""
    day = (since + INDIA).date()
    year, before = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = monthrange(year, before + 1)[1]
    stop = date(year, before + 1, min(day.day, last))
    return datetime.combine(stop, time(), since.tzinfo) - INDIA


class Model:
    def __init__(self, limits, later_limits=()):
        self.limits = limits  # {(tier, direction): {window: paise, or months}}
        # (start, tier, direction, window, paise or None), in the order of their starts
        self.later_limits = later_limits
        # uid: {"tier", "blocked", "at": processors, "last"}, and where it matters "since", the
        # tier's start, and "accounts" and "cards": {(processor, number): may it be used}
        self.people = {}
        self.answers = {}  # (operation, processor, ref): (content, answer)
        self.checks = {}  # (processor, ref): {...}
        self.entries = {}  # uid: [...], of what was posted, released and reversed: whose it is
        self.above = {}  # uid: whom it was merged into
        self.disputed = Counter()  # (processor, ref): by a Tran_Id that is posted otherwise

    # Who is who.

    def find_root(self, uid):
        """Whom the id means now."""
        while uid in self.above:
            uid = self.above[uid]
        return uid

    def list_family(self, uid):
        """All ids that mean the same: this one, whom it means, then the oldest."""
        root = self.find_root(uid)
        theirs = [each for each in self.people if self.find_root(each) == root]
        made = {each: self.people[each].get("created") for each in theirs}
        return sorted(theirs, key=lambda each: (each != uid, each != root, made[each], each))

    def list_branch(self, uid):
        """All ids that lead through this one."""
        return [uid, *(b for a, up in self.above.items() if up == uid for b in self.list_branch(a))]

    def list_entries(self, uids):
        return [e for uid in uids for e in self.entries.get(uid, [])]

    def part(self, uid):
        """Make two of one; refused where too little would be left for a reversal of either's."""
        root, branch = self.find_root(uid), self.list_branch(uid)
        rest = [each for each in self.list_family(root) if each not in branch]
        for theirs in (branch, rest):
            used, reversible = Counter(), Counter()
            for e in self.list_entries(theirs):
                place = e["month"], e["direction"]
                effect = {"S": 1, "R": -1, "F": 0, "A": 1}[e["kind"]] * e["amount"]
                used[place] += effect
                reversible[place] += effect if e["tran"] and e["kind"] in "SRA" else 0
            if any(used[place] < max(0, reversible[place]) for place in used):
                raise Refused("conflict", ["merged_id"])
        del self.above[uid]

    # What stands.

    def sum_used(self, uid, direction):
        """What is used, by month: by all who are the same person."""
        months = Counter()
        for e in self.list_entries(self.list_family(uid)) if uid not in self.above else []:
            if e["direction"] == direction:
                months[e["month"]] += {"S": 1, "R": -1, "F": 0, "A": 1}[e["kind"]] * e["amount"]
        return months

    def open_holds(self, uid, at):
        own = (c for c in self.checks.values() if self.find_root(c["uid"]) == uid)
        return [c for c in own if self.is_open(c, at)]

    def is_open(self, check, at):
        return check["allowed"] and not check["closed"] and at < check["until"]

    def find_limits(self, uid, direction, at):
        """What is in force, by window."""
        place = (self.people[uid]["tier"], direction)
        started = [later for start, *later in self.later_limits if start <= at]
        later = {window: amount for *where, window, amount in started if tuple(where) == place}
        limits = {**self.limits.get(place, {}), **later}
        return {window: amount for window, amount in limits.items() if amount is not None}

    def sum_windows(self, uid, direction, month, at):
        """Used and held, by window."""
        used, held = self.sum_used(uid, direction), Counter()
        for c in self.open_holds(uid, at):
            held[c["month"]] += c["amount"] * (c["direction"] == direction)
        year = {m for m in [*used, *held] if number_year(m) == number_year(month)}
        return {
            "MONTH": (used[month], held[month]),
            "FINANCIAL_YEAR": (sum(used[m] for m in year), sum(held[m] for m in year)),
        }

    def find_gauge(self, uid, direction, month, at):
        """The total, what is left and the window that has least left; no limit: None."""
        total = {w: sum(each) for w, each in self.sum_windows(uid, direction, month, at).items()}
        limits = self.find_limits(uid, direction, at)
        left = [(limits[w] - total[w], w != "MONTH", w) for w in SHOWN_WINDOWS if w in limits]
        if not left:
            return total["MONTH"], None, None
        least, _, window = min(left)
        return total[window], least, window

    def explain(self, uid, direction, month, at, window):
        """What an answer rests on: the window, its limit, used, held, left and next start."""
        amount = self.find_limits(uid, direction, at).get(window)
        if window not in SHOWN_WINDOWS:
            return window, amount, None, None, None, None
        used, held = self.sum_windows(uid, direction, month, at)[window]
        left = max(0, amount - used - held)
        return window, amount, used, held, left, find_reset(window, month)

    def find_figures(self, uid, direction, at):
        total, left, _ = self.find_gauge(uid, direction, number_month(at), at)
        return total, None if left is None else max(0, left)

    # What is asked.

    def check(self, processor, ref, uid, direction, amount, *, now, **more):
        """`more`: what balance there is before it, an account, a card."""
        named, uid = uid, self.find_root(uid)
        content = {"unique_id": named, "direction": direction, "amount_paise": amount}
        names = {"balance": "balance_paise", "account": "account_number", "card": "card_number"}
        content |= {name: more.get(short) for short, name in names.items()}
        first = self._find_first("check", processor, ref, content)
        if first:
            return self._check_again(self.checks[processor, ref], first, now)
        at = self._take_instant(processor, uid, now)
        month = number_month(at)
        reason, window = self._find_reason(processor, uid, direction, amount, at, **more)
        allowed = reason == "WITHIN_LIMITS"
        until = at + timedelta(minutes=HOLD_MINUTES[processor])
        if until.microsecond:
            until = until.replace(microsecond=0) + timedelta(seconds=1)
        check = {"uid": named, "direction": direction, "amount": amount, "at": at}
        check |= {"month": month, "allowed": allowed, "until": until}
        check |= {"processor": processor, "account": more.get("account")}
        self.checks[processor, ref] = check | dict.fromkeys(
            ("closed", "answered", "settled"), False
        )
        shown = self.find_figures(uid, direction, at)
        window = self.find_gauge(uid, direction, month, at)[2] if allowed else window
        rests_on = self.explain(uid, direction, month, at, window)
        blind = "BALANCE" in self.find_limits(uid, direction, at) and more.get("balance") is None
        self.checks[processor, ref]["rests on"] = (*rests_on, "BALANCE" * blind)
        self.people[uid]["last"] = at
        answer = (allowed, reason, *shown, until if allowed else None)
        self.answers["check", processor, ref] = content, answer
        return *answer, False

    def _find_reason(
        self, processor, uid, direction, amount, at, balance=None, account=None, card=None
    ):
        """Why, and by which window."""
        person, limits = self.people[uid], self.find_limits(uid, direction, at)
        if person["blocked"]:
            return "CUSTOMER_BLOCKED", None
        if account and not person["accounts"].get((processor, account)):
            return "ACCOUNT_NOT_ACTIVE", None
        if card and person["cards"].get((processor, card)) is False:
            return "CARD_NOT_ACTIVE", None
        months = limits.get("CREDIT_STOP")
        if months and at >= find_stop(person["since"], months):
            return "KYC_EXPIRED", "CREDIT_STOP"
        taken = {"TRANSACTION": 0}
        for window, both in self.sum_windows(uid, direction, number_month(at), at).items():
            taken[window] = sum(both)
        if balance is not None:
            taken["BALANCE"] = balance + self._sum_credit_holds(processor, uid, at)
        left = {w: limits[w] - taken[w] for w in RANKED_WINDOWS if w in limits and w in taken}
        failing = [window for window in left if amount > left[window]]
        if not failing:
            return "WITHIN_LIMITS", None
        window = min(failing, key=left.get)  # of two alike the one that is ranked before
        return f"{window}_LIMIT", window

    def _sum_credit_holds(self, processor, uid, at):
        own = [c for c in self.open_holds(uid, at) if c["processor"] == processor]
        return sum(c["amount"] for c in own if c["direction"] == "C")

    def _check_again(self, check, first, now):
        if not check["allowed"]:
            return *first, True
        uid = self.find_root(check["uid"])
        at = self._move_past_last(uid, now)
        if self.is_open(check, at):
            return *first, True
        reason = "HOLD_CLOSED" if check["answered"] else "HOLD_EXPIRED"
        return (
            False,
            reason,
            *self.find_figures(uid, check["direction"], at),
            None,
            False,
        )

    def update(self, processor, ref, *said, now):
        spoken, kind, direction, amount, tran, enquiry = said
        uid = self.find_root(spoken)
        names = ("unique_id", "kind", "direction", "amount_paise", "tran_id", "enquiry_ref_id")
        content = dict(zip(names, said, strict=True))
        first = self._find_first("update", processor, ref, content)
        if first:
            return *first, True
        at = self._take_instant(processor, uid, now)
        theirs = self.list_entries(self.list_family(spoken))
        ids = ("S", processor, tran)
        posted = [e for e in theirs if tran and (e["kind"], e["processor"], e["tran"]) == ids]
        other_way = [e for e in posted if e["direction"] != direction]
        posted = [e for e in posted if e["direction"] == direction]
        named = self.checks.get((processor, enquiry))
        is_own = named and (self.find_root(named["uid"]), named["direction"]) == (uid, direction)
        check = named if is_own else None
        if kind == "R" and other_way and not posted:
            raise Refused("conflict", ["tran_type"])
        if kind == "S" and posted and posted[0]["amount"] != amount:
            self.disputed[processor, ref] += 1
        stood = check and check["settled"]
        place = {"S": self._post, "F": self._release, "R": self._reverse}[kind]
        month, flags = place(at, amount, posted, named, check)
        owner = posted[0]["uid"] if kind == "R" else spoken  # what it undoes stays whose it was
        entry = {"uid": owner, "processor": processor, "kind": kind, "direction": direction,
                 "amount": amount, "month": month, "tran": tran, "of": posted[:1]}  # fmt: skip
        self.entries.setdefault(owner, []).append(entry)
        _, left, window = self.find_gauge(uid, direction, month, at)
        if kind == "S":
            flags += ["OVER_LIMIT"] * (left is not None and left < 0)
            account = check["account"] if check and not stood else None
            flags += ["BLOCKED"] * self._is_blocked(processor, uid, account)
        used, held = self.sum_windows(uid, direction, month, at)[window or "MONTH"]
        limit = self.find_limits(uid, direction, at).get(window)
        entry["rests on"] = used, held, limit
        self.people[uid]["last"] = at
        answer = (month, flags, *self.find_figures(uid, direction, at))
        self.answers["update", processor, ref] = content, answer
        return *answer, False

    def _is_blocked(self, processor, uid, account):
        person = self.people[uid]
        is_closed = bool(account) and not person["accounts"].get((processor, account))
        return person["blocked"] or is_closed

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
        if self.sum_given_back(posted[0]) + amount > posted[0]["amount"]:
            raise Refused("conflict", ["amount"])
        return posted[0]["month"], []

    def sum_given_back(self, posting):
        """What reversals, and corrections that name it, have given back of a posting."""
        of_it = [e for e in self.entries[posting["uid"]] if any(o is posting for o in e["of"])]
        return sum(abs(e["amount"]) for e in of_it if e["kind"] in "RA")

    def adjust(self, uid, month, amount, direction, *, now, named=None):
        """By two people; nothing that a processor may still reverse is taken away: of the posting
        that is named, it may be, and then there is so much less to reverse.
        """
        owner, uid = named["uid"] if named else uid, self.find_root(uid)
        if named and self.sum_given_back(named) - amount > named["amount"]:
            raise Refused("malformed", ["amount_paise"])
        at = self._move_past_last(uid, now)
        theirs = self.list_entries(self.list_family(uid))
        here = [e for e in theirs if (e["month"], e["direction"]) == (month, direction)]
        undoable = sum(e["amount"] for e in here if e["kind"] == "S" and e["tran"])
        undoable -= sum(e["amount"] for e in here if e["kind"] == "R")
        undoable += sum(e["amount"] for e in here if e["kind"] == "A" and e["tran"])
        tran = named["tran"] if named else None
        undoable += amount if tran else 0
        if amount < 0 and self.sum_used(uid, direction)[month] + amount < undoable:
            raise Refused("conflict", ["amount_paise"])
        entry = {"uid": owner, "processor": None, "kind": "A", "direction": direction,
                 "amount": amount, "month": month, "tran": tran,
                 "of": [named] if named else []}  # fmt: skip
        self.entries.setdefault(owner, []).append(entry)
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
        if not any(processor in self.people[each]["at"] for each in self.list_family(uid)):
            raise Refused("unknown", [])
        return at

    def _move_past_last(self, uid, now):
        at = self.find_instant(uid, now)
        if at - now > timedelta(seconds=60):
            raise Refused("unavailable", [])
        return at

    def find_instant(self, uid, now):
        return max(now, self.people[uid]["last"] or now)
