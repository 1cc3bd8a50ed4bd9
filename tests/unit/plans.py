"""Groups of requests for the tests of limits.plan: who asks, of whom, and what, a line each."""

from datetime import UTC, datetime, timedelta

from limits.known import ApprovedRule, Ask, Person, Report
from tests.property.memory_store import MemoryStore, make_correction, make_request

ENT, CBS = 1, 2
PERSON, NEIGHBOUR, STRANGER = 800_001, 800_002, 800_003
AT = datetime(2026, 11, 27, 12, tzinfo=UTC)
NOVEMBER, DECEMBER = 202611, 202612
MINUTES_15, MICROSECOND = timedelta(minutes=15), timedelta(microseconds=1)
RULES_START = datetime(2021, 10, 1, tzinfo=UTC)
LIMIT = 1_000_000
TIER_SINCE = datetime(2026, 1, 15, 6, 30, tzinfo=UTC)
ACCOUNT, CARD = "A-1", "4000123412349876"


def make_rule(window, amount, direction="D", *, tier="P", start=RULES_START, rule_id=None):
    rule_id = rule_id or sum(map(ord, f"{window}{direction}{tier}"))
    return ApprovedRule(rule_id, tier, direction, window, amount, start)


MONTH_RULES = (make_rule("MONTH", LIMIT), make_rule("MONTH", LIMIT, "C"))


def make_store(*rules, **more):
    """Two persons whom both processors know, by default with a limit a month both ways."""
    store = MemoryStore(rules or MONTH_RULES, **more)
    for person in (PERSON, NEIGHBOUR):
        store.people[person] = Person("P", TIER_SINCE, is_blocked=False)
        for processor in (ENT, CBS):
            store.cif_ids[person, processor] = f"CIF{processor}"
            store.accounts[person, processor, ACCOUNT] = True
    return store


def change_person(store, person=PERSON, **more):
    store.people[person] = store.people[person]._replace(**more)


def ask(paise, ref="C1", direction="D", *, person=PERSON, by=ENT, minutes=15, **more):
    return make_request(Ask(person, direction, paise, **more), by, ref, minutes)


def report(kind, paise, ref="U1", direction="D", *, person=PERSON, by=ENT, tran=None, check=None):
    said = Report(person, kind, direction, paise, tran_id=tran, enquiry_ref_id=check)
    return make_request(said, by, ref)


def correct(paise, month=NOVEMBER, direction="D", *, person=PERSON):
    return make_correction(person, month, direction, paise)


def answer(store, *requests, at=AT):
    """Have a group answered: the rows alone, of which none is a replay."""
    rows = []
    for given, refusal in store.run(requests, at):
        assert refusal is None, refusal.errors
        row, is_replay = given
        assert not is_replay
        rows.append(row)
    return rows if len(requests) > 1 else rows[0]


def refuse(store, request, at=AT):
    """Have one request refused, which leaves no trace: the refusal, and the fields it names."""
    before = copy_state(store)
    ((given, refusal),) = store.run([request], at)
    assert given is None
    assert copy_state(store) == before
    return type(refusal), [name for name, _ in refusal.errors]


def repeat(store, request, at=AT):
    """Have one request answered without a trace: (its row, is it a replay)."""
    before = copy_state(store)
    ((given, refusal),) = store.run([request], at)
    assert refusal is None, refusal.errors
    assert copy_state(store) == before
    return given


def copy_state(store):
    """What a store has come to, apart from how it reads."""
    return {name: value.copy() for name, value in vars(store).items() if name != "reads_ahead"}


def spend(store, paise, ref="S0", direction="D", *, at=AT, person=PERSON, by=ENT):
    """Book what nobody has asked for before."""
    return answer(store, report("S", paise, ref, direction, person=person, by=by), at=at)
