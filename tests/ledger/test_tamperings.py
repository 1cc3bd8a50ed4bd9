"""A thousand seeded tamperings by raw SQL, after the triggers were dropped: each is found, and the
right row named first.
"""

import os
import random

import pytest
from django.apps import apps
from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction

from limits.models import Reconciliation, ReconciliationDifference
from limits.services import seals
from limits.verify import verify
from ppims.core import clock
from ppims.db import append_only
from tests.ledger import histories, tampering
from tests.ledger.tampering import WAYS, Tampering

NOT_COVERED = tampering.NOT_COVERED | {Reconciliation, ReconciliationDifference}

GROUPS = 8
TAMPERINGS = int(os.environ.get("PPIMS_TEST_TAMPERINGS", "400"))  # a thousand in the long form
OUR_APPS = ("ppims", "customers", "limits")
# Columns that the database's own checks let nobody change alone; SQLite's are ignored here.
IMPOSSIBLE_COLUMNS = {
    "sqlite": [],
    "postgresql": [
        "limits.LimitCheck.is_allowed",
        "customers.Customer.status",
        "ppims.ProcessorChange.kind",
    ],
}


@pytest.fixture
def written(db):
    """Some histories, sealed twice, with holds that are open still; and nothing that protects."""
    written = histories.write(20260401, customers=6, steps=8)
    histories.add_all_kinds(written)
    histories.merge_some(written)
    histories.change_staff_and_processors(written[0].processors[0], written[0].at)
    seals.make()
    for history in written:
        for _ in range(6):
            history.step()
    seals.make()
    at = max(history.at for history in written)
    with clock.freeze(at):
        for history in written:
            history.at = at
            history.ask()
        append_only.remove(*append_only.TABLES)
        if connection.vendor == "sqlite":
            tampering.run("PRAGMA ignore_check_constraints = ON")
        yield written
        if connection.vendor == "sqlite":
            tampering.run("PRAGMA ignore_check_constraints = OFF")


def tamper(draw: random.Random) -> Tampering:
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


def find_first_row_named() -> str | None:
    rows = [finding.row for finding in verify() if not finding.row.startswith("trigger ")]
    return rows[0] if rows else None


def list_columns():
    return [(model, f) for model in tampering.COVERED_MODELS for f in model._meta.concrete_fields]


def test_every_table_of_ours_is_tampered_with_or_known_not_to_be_covered():
    ours = {model for app in OUR_APPS for model in apps.get_app_config(app).get_models()}
    assert set(tampering.COVERED_MODELS) | NOT_COVERED == ours
    said = (settings.BASE_DIR / "docs" / "ledger.md").read_text()
    missing = [m.__name__ for m in NOT_COVERED if f"`{m.__name__}`" not in said]
    missing += [name for _, name in tampering.FREE_COLUMNS if f"`{name}`" not in said]
    assert missing == []


def test_another_value_in_any_column_of_any_table_is_found(written):
    missed, impossible = [], []
    for model, column in list_columns():
        draw = random.Random(f"{model} {column}")
        done, place = None, transaction.savepoint()
        for _ in range(40):
            try:
                with transaction.atomic():
                    done = tampering.update(draw, tampering.choose(draw, model), column)
            except (IntegrityError, DataError, OverflowError):
                continue
            if done:
                break
        row = find_first_row_named() if done else None
        if (model, column.attname) in tampering.FREE_COLUMNS:
            assert done is None
        elif done is None:
            impossible.append(str(column))
        elif row is None or not done.is_named(row):
            missed.append((str(column), done.what, row))
        transaction.savepoint_rollback(place)
    assert missed == []
    assert impossible == IMPOSSIBLE_COLUMNS[connection.vendor]


@pytest.mark.parametrize("group", range(GROUPS))
def test_a_thousand_tamperings_are_found_and_the_right_row_is_named(written, group):
    assert find_first_row_named() is None
    missed = []
    for seed in range(group, TAMPERINGS, GROUPS):
        place = transaction.savepoint()
        done = tamper(random.Random(seed))
        row = find_first_row_named()
        if row is None or not done.is_named(row):
            missed.append((seed, done.what, row))
        transaction.savepoint_rollback(place)
    assert missed == []
    assert find_first_row_named() is None
