"""Walk through what is about no customer: its audit chain, and the rows that it proves."""

from collections.abc import Iterator

from django.db.models import Model

from customers.models import CustomerImport
from limits.models import LimitRule, RuleSet
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
from ppims.models import FourEyes, KeyRotation, ProcessorChange, StaffChange
from ppims.services import audit

PROVEN_MODELS: tuple[type[Model], ...] = (
    *(LimitRule, RuleSet, StaffChange, ProcessorChange),
    KeyRotation,
    CustomerImport,
)
LABELS = {row_proofs.read_shape(m).name: str(m._meta.verbose_name) for m in PROVEN_MODELS}


def walk(ring: KeysByName, sealed: Sealed, history: AboutNone) -> list[Finding]:
    """Walk through the chain, which goes into the history, and through the rows."""
    audits: Audits | None = None

    def find() -> list[Finding]:
        nonlocal audits
        with read_snapshot():
            audits = Audits(ring, sealed.bounds.audits, audit.NO_CUSTOMER - 1, audit.NO_CUSTOMER)
            findings = list(audits.verify(audit.NO_CUSTOMER, history))
            return findings + list(_verify_rows(ring, dict(history.proofs)))

    findings = find_surely(find)
    assert audits
    sealed.take_audits(audits.moved)
    return findings


def _verify_rows(ring: KeysByName, unseen: dict[str, Proof]) -> Iterator[Finding]:
    for model in PROVEN_MODELS:
        its = row_proofs.read_shape(model)
        for values in stream_joined((Reader(model, its.columns),), "ORDER BY id", ()):
            key = values[its.key]
            problem = find_problem(ring, its, values, unseen.pop(f"{its.name} {key}", None))
            if problem:
                yield Finding(f"{LABELS[its.name]} {key}", problem)
    for name in unseen:
        table, _, key = name.partition(" ")
        yield Finding(f"{LABELS.get(table, table)} {key}", MISSING_ROW)


def read_rules_then() -> RulesThen:
    """Read the limit rules, and when each was in force."""
    names = ("id", "tier", "direction", "window", "amount", "in_force_from", "state")
    then = {}
    for row in stream_joined((Reader(LimitRule, names),), "", ()):
        pk, tier, direction, window, amount, starts_at, state = row
        start = starts_at if state == FourEyes.State.APPROVED.value else None
        then[pk] = RuleThen(tier, direction, window, amount, start)
    return RulesThen(then)
