"""What is about no customer: its audit chain, and the limit rules that it proves."""

from collections.abc import Iterator

from limits.models import LimitRule
from limits.verify.audit import Audits
from limits.verify.chains import Finding, Ring
from limits.verify.history import AboutNone, Proof
from limits.verify.past_state import RulesThen, RuleThen
from limits.verify.records import GONE, problem_of
from limits.verify.seals import Sealed
from ppims.db import row_proofs
from ppims.db.streaming import Reader, joined
from ppims.db.transaction import snapshot
from ppims.models import FourEyes
from ppims.services import audit

ITS = row_proofs.shape(LimitRule)
RULES = Reader(LimitRule, ITS.columns)


def walk(ring: Ring, sealed: Sealed, history: AboutNone) -> list[Finding]:
    """Walk through the chain, which goes into the history, and through the rules."""
    with snapshot():
        audits = Audits(ring, sealed.bounds.audits, audit.NO_CUSTOMER - 1, audit.NO_CUSTOMER)
        findings = list(audits.findings(audit.NO_CUSTOMER, history))
        findings += _of_rules(ring, dict(history.proofs))
    sealed.take_audits(audits.moved)
    return findings


def _of_rules(ring: Ring, unseen: dict[str, Proof]) -> Iterator[Finding]:
    for values in joined((RULES,), "ORDER BY id", ()):
        key = values[ITS.key]
        problem = problem_of(ring, ITS, values, unseen.pop(f"{ITS.name} {key}", None))
        if problem:
            yield Finding(f"limit rule {key}", problem)
    for name in unseen:
        yield Finding(name.replace(ITS.name, "limit rule"), GONE)


def rules_then() -> RulesThen:
    """Read the limit rules, and when each was in force."""
    names = ("id", "tier", "direction", "window", "amount", "in_force_from", "state")
    then = {}
    for row in joined((Reader(LimitRule, names),), "", ()):
        pk, tier, direction, window, amount, starts_at, state = row
        start = starts_at if state == FourEyes.State.APPROVED.value else None
        then[pk] = RuleThen(tier, direction, window, amount, start)
    return RulesThen(then)
