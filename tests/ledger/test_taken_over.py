"""Rows from before the audit proved any: taken as they were, once, by a migration; from then on
what is changed by hand shows in them too.
"""

import json
from functools import cache
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from customers.models import Account, Customer, Registration
from limits import signing
from limits.models import LedgerEntry, LedgerHead, LimitCheck, LimitRule
from limits.verify import verify
from ppims.core import clock
from ppims.db import append_only
from ppims.models import AuditEntry, AuditHead, ReplayKey
from ppims.services import audit
from tests.factories import check, make_customer, post
from tests.ledger import histories
from tests.ledger.tampering import run

pytestmark = pytest.mark.django_db
KEY = settings.PPIMS_LEDGER_KEYS[0]
MIGRATION = import_module("limits.migrations.0009_take_rows_as_they_are")


def take_rows():
    """Take them as `migrate` does, by the models of then: their columns stand in another order."""
    MIGRATION.take_rows(models_of_then(), SimpleNamespace(connection=connection))


@cache
def models_of_then():
    return MigrationLoader(None).project_state(("limits", "0009_take_rows_as_they_are")).apps


def findings():
    found = [finding for finding in verify() if not finding.row.startswith("trigger ")]
    return [str(finding) for finding in found]


def sign_as_before():
    """Make all as it was: an audit that proves no rows, and signatures without the Ref_Ids."""
    for head in AuditHead.objects.all():
        mac = b""
        for entry in AuditEntry.objects.filter(subject=head.pk).order_by("number"):
            entry.detail = json.dumps(audit.said(entry), ensure_ascii=False, sort_keys=True)
            mac = audit.entry_mac(KEY, audit.values_of(entry), mac)
            sql = "UPDATE ppims_auditentry SET detail = %s, mac = %s WHERE id = %s"
            run(sql, entry.detail, mac, entry.pk)
        head.last_mac = mac
        AuditHead.objects.filter(pk=head.pk).update(
            last_mac=mac, mac=audit.head_mac(KEY, audit.values_of(head))
        )
    for row in LimitCheck.objects.all():
        mac = signing.check_mac(KEY, signing.values_of(row), None)
        run("UPDATE limits_limitcheck SET mac = %s WHERE id = %s", mac, row.pk)
    for head in LedgerHead.objects.all():
        for entry in LedgerEntry.objects.filter(customer=head.pk).order_by("number"):
            previous = b"" if entry.number == 1 else head.last_digest
            digest = signing.entry_digest(KEY, signing.values_of(entry), previous, None)
            run("UPDATE limits_ledgerentry SET digest = %s WHERE id = %s", digest, entry.pk)
            head.last_digest = digest
        head.mac = signing.head_mac(KEY, signing.values_of(head))
        head.save()


@pytest.fixture
def before(db):
    """An installation from before, with all that staff and processors do."""
    written = histories.write(20261128, customers=4, steps=6)
    histories.of_all_kinds(written)
    append_only.remove(*append_only.TABLES)
    sign_as_before()
    with clock.frozen(max(history.at for history in written)):
        yield written


def test_all_from_before_verifies_once_it_is_taken_and_goes_on(before, monkeypatch):
    assert findings()
    monkeypatch.setattr(MIGRATION, "AT_ONCE", 3)
    take_rows()
    assert AuditEntry.objects.filter(action=MIGRATION.ACTION).count() == 2
    assert findings() == []
    ent, customer = before[0].processors[0], before[0].customer
    check(ent, customer, 100)
    post(ent, customer, 100)
    make_customer(ent)
    assert findings() == []


def test_what_is_changed_by_hand_shows_from_then_on(before):
    take_rows()
    customer = before[0].customer
    for model, changes in (
        (Customer, {"tier": "F"}),
        (Registration, {"cif_id": "CIF-0"}),
        (Account, {"status": "N"}),
    ):
        owner = "pk" if model is Customer else "customer"
        row = model.objects.filter(**{owner: customer}).first()
        kept = {name: getattr(row, name) for name in changes}
        model.objects.filter(pk=row.pk).update(**changes)
        assert findings()[0].startswith(f"{model._meta.verbose_name} {row.pk}")
        model.objects.filter(pk=row.pk).update(**kept)
    assert findings() == []
    LimitRule.objects.filter(tier="N").update(amount=7)
    assert findings()[0].startswith("limit rule ")


def test_it_takes_nothing_twice(before):
    take_rows()
    Customer.objects.filter(pk=before[0].customer).update(tier="F")
    count = AuditEntry.objects.count()
    take_rows()
    assert AuditEntry.objects.count() == count
    assert f"customer {before[0].customer}: is not as the audit says it came to be" in findings()


def test_a_new_installation_has_nothing_to_take():
    count = AuditEntry.objects.count()
    take_rows()
    assert AuditEntry.objects.count() == count


def test_no_new_row_passes_with_the_signature_of_before(before):
    take_rows()
    ent, customer = before[0].processors[0], before[0].customer
    row, _ = check(ent, customer, 100)
    mac = signing.check_mac(KEY, signing.values_of(row), None)
    run("UPDATE limits_limitcheck SET mac = %s WHERE id = %s", mac, row.pk)
    (finding,) = findings()
    assert finding.startswith(f"check {row.number} of customer {customer}: its mac")


def test_what_a_ref_id_of_before_said_is_not_proven(before):
    """docs/ledger.md says so: it was not signed."""
    take_rows()
    first = LimitCheck.objects.earliest("pk")
    key = ReplayKey.objects.filter(operation="CL", row_id=first.pk)
    key.update(digests=bytes(key.get().digests)[::-1] + b"\1")
    assert findings() == []
    key.update(row_id=first.pk + 1)
    assert findings() != []
