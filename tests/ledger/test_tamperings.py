"""A thousand seeded tamperings by raw SQL, after the triggers were dropped: each is found, and the
right row named first.
"""

import random

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from limits.services import seals
from limits.services.verify import verify
from ppims import append_only, clock
from tests.ledger import histories, tampering
from tests.ledger.tampering import WAYS, Tampering

TAMPERINGS, GROUPS = 1_000, 8


@pytest.fixture
def written(db):
    """Some histories, sealed twice, with holds that are open still; and nothing that protects."""
    written = histories.write(20260401, customers=6, steps=8)
    seals.make()
    for history in written:
        for _ in range(6):
            history.step()
    seals.make()
    at = max(history.at for history in written)
    with clock.frozen(at):
        for history in written:
            history.at = at
            history.ask()
        append_only.remove(*append_only.TABLES)
        if connection.vendor == "sqlite":
            tampering.run("PRAGMA ignore_check_constraints = ON")
        yield written
        if connection.vendor == "sqlite":
            tampering.run("PRAGMA ignore_check_constraints = OFF")


def tampered(draw: random.Random) -> Tampering:
    """Tamper in a way that the database takes."""
    while True:
        way = draw.choice(WAYS)
        try:
            with transaction.atomic():
                done = way(draw)
                if done is not None:
                    return done
        except (IntegrityError, DataError, OverflowError):
            continue


def first_row_named() -> str | None:
    rows = [finding.row for finding in verify() if not finding.row.startswith("trigger ")]
    return rows[0] if rows else None


@pytest.mark.parametrize("group", range(GROUPS))
def test_a_thousand_tamperings_are_found_and_the_right_row_is_named(written, group):
    assert first_row_named() is None
    missed = []
    for seed in range(group, TAMPERINGS, GROUPS):
        place = transaction.savepoint()
        done = tampered(random.Random(seed))
        row = first_row_named()
        if row is None or not done.is_named(row):
            missed.append((seed, done.what, row))
        transaction.savepoint_rollback(place)
    assert missed == []
    assert first_row_named() is None
