"""Walk through what is about no customer: its audit chain, and the limit rules that it proves."""

from collections.abc import Iterator

from limits.models import LimitRule
from limits.verify.audit import Audits
from limits.verify.chains import Finding, find_surely
from limits.verify.history import AboutNone, Proof
from limits.verify.past_state import RulesThen, RuleThen
from limits.verify.records import MISSING_ROW, find_problem
from limits.verify.seals import Sealed
from ppims.core.chain import KeysByName
from ppims.db import row_proofs
from ppims.db.streaming import Reader, stream_joined
from ppims.db.transaction import read_snapshot
from ppims.models import FourEyes
from ppims.services import audit

RULE_SHAPE = row_proofs.read_shape(LimitRule)
RULE_READER = Reader(LimitRule, RULE_SHAPE.columns)


def walk(ring: KeysByName, sealed: Sealed, history: AboutNone) -> list[Finding]:
    """Walk through the chain, which goes into the history, and through the rules."""
    audits: Audits | None = None

    def find() -> list[Finding]:
        nonlocal audits
        with read_snapshot():
            audits = Audits(ring, sealed.bounds.audits, audit.NO_CUSTOMER - 1, audit.NO_CUSTOMER)
            findings = list(audits.verify(audit.NO_CUSTOMER, history))
            return findings + list(_verify_rules(ring, dict(history.proofs)))

    findings = find_surely(find)
    assert audits
    sealed.take_audits(audits.moved)
    return findings


def _verify_rules(ring: KeysByName, unseen: dict[str, Proof]) -> Iterator[Finding]:
    for values in stream_joined((RULE_READER,), "ORDER BY id", ()):
        key = values[RULE_SHAPE.key]
        problem = find_problem(
            ring, RULE_SHAPE, values, unseen.pop(f"{RULE_SHAPE.name} {key}", None)
        )
        if problem:
            yield Finding(f"limit rule {key}", problem)
    for name in unseen:
        yield Finding(name.replace(RULE_SHAPE.name, "limit rule"), MISSING_ROW)


def read_rules_then() -> RulesThen:
    """Read the limit rules, and when each was in force."""
    names = ("id", "tier", "direction", "window", "amount", "in_force_from", "state")
    then = {}
    for row in stream_joined((Reader(LimitRule, names),), "", ()):
        pk, tier, direction, window, amount, starts_at, state = row
        start = starts_at if state == FourEyes.State.APPROVED.value else None
        then[pk] = RuleThen(tier, direction, window, amount, start)
    return RulesThen(then)
