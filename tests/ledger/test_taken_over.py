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

from customers.models import Account, Customer, NumberPassedOn, Registration
from customers.services import rekeying
from limits.models import LedgerEntry, LedgerHead, LimitCheck, LimitRule, RuleSet
from limits.verify import verify
from ppims.core import clock
from ppims.core.chain import sign_link, sign_row
from ppims.core.keys import Key
from ppims.db import append_only
from ppims.db.signed_rows import list_values
from ppims.models import AuditEntry, AuditHead, ReplayKey
from ppims.services import audit
from tests.factories import make_check, make_customer, make_posting
from tests.ledger import histories
from tests.ledger.tampering import run

pytestmark = pytest.mark.django_db
KEY = settings.PPIMS_LEDGER_KEYS[0]
MIGRATION = import_module("limits.migrations.0009_take_rows_as_they_are")


def take_rows():
    """Take them as `migrate` does, by the models of then: their columns stand in another order."""
    MIGRATION.take_rows(load_models_of_then(), SimpleNamespace(connection=connection))


@cache
def load_models_of_then():
    return (
        MigrationLoader(None, replace_migrations=False)
        .project_state(("limits", "0009_take_rows_as_they_are"))
        .apps
    )


def list_findings():
    found = [finding for finding in verify() if not finding.row.startswith("trigger ")]
    return [str(finding) for finding in found]


def sign_as_before():
    """Make all as it was: an audit that proves no rows, and signatures without the Ref_Ids."""
    for head in AuditHead.objects.all():
        mac = b""
        for entry in AuditEntry.objects.filter(subject=head.pk).order_by("number"):
            entry.detail = json.dumps(audit.read_detail(entry), ensure_ascii=False, sort_keys=True)
            mac = sign_link(KEY, "audit", list_values(entry), mac)
            sql = "UPDATE ppims_auditentry SET detail = %s, mac = %s WHERE id = %s"
            run(sql, entry.detail, mac, entry.pk)
        head.last_mac = mac
        AuditHead.objects.filter(pk=head.pk).update(
            last_mac=mac, mac=sign_row(KEY, "audit head", list_values(head))
        )
    for row in LimitCheck.objects.all():
        mac = sign_row(KEY, "check", list_values(row), None)
        run("UPDATE limits_limitcheck SET mac = %s WHERE id = %s", mac, row.pk)
    for head in LedgerHead.objects.all():
        for entry in LedgerEntry.objects.filter(customer=head.pk).order_by("number"):
            previous = b"" if entry.number == 1 else head.last_digest
            digest = sign_link(KEY, "entry", list_values(entry), previous, None)
            run("UPDATE limits_ledgerentry SET digest = %s WHERE id = %s", digest, entry.pk)
            head.last_digest = digest
        head.mac = sign_row(KEY, "head", list_values(head))
        head.save()


@pytest.fixture
def before(db, monkeypatch):
    """An installation from before, with all that staff and processors do."""
    # No correction could name its posting then.
    monkeypatch.setattr(histories.History, "correct_one", histories.History.correct)
    written = histories.write(20261128, customers=4, steps=6)
    histories.add_all_kinds(written)
    append_only.remove(*append_only.TABLES)
    LimitRule.objects.update(rule_set=None)  # each was proposed alone then
    RuleSet.objects.all().delete()
    NumberPassedOn.objects.all().delete()  # one person said so then
    sign_as_before()
    with clock.freeze(max(history.at for history in written)):
        yield written


def test_all_from_before_verifies_once_it_is_taken_and_goes_on(before, monkeypatch):
    assert list_findings()
    monkeypatch.setattr(MIGRATION, "AT_ONCE", 3)
    take_rows()
    assert AuditEntry.objects.filter(action=MIGRATION.ACTION).count() == 2
    assert list_findings() == []
    ent, customer = before[0].processors[0], before[0].customer
    make_check(ent, customer, 100)
    make_posting(ent, customer, 100)
    make_customer(ent)
    assert list_findings() == []


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
        assert list_findings()[0].startswith(f"{model._meta.verbose_name} {row.pk}")
        model.objects.filter(pk=row.pk).update(**kept)
    assert list_findings() == []
    LimitRule.objects.filter(tier="N").update(amount=7)
    assert list_findings()[0].startswith("limit rule ")


def test_it_takes_nothing_twice(before):
    take_rows()
    Customer.objects.filter(pk=before[0].customer).update(tier="F")
    count = AuditEntry.objects.count()
    take_rows()
    assert AuditEntry.objects.count() == count
    assert (
        f"customer {before[0].customer}: is not as the audit says it came to be" in list_findings()
    )


def test_a_new_installation_has_nothing_to_take():
    count = AuditEntry.objects.count()
    take_rows()
    assert AuditEntry.objects.count() == count


def test_no_new_row_passes_with_the_signature_of_before(before):
    take_rows()
    ent, customer = before[0].processors[0], before[0].customer
    row, _ = make_check(ent, customer, 100)
    mac = sign_row(KEY, "check", list_values(row), None)
    run("UPDATE limits_limitcheck SET mac = %s WHERE id = %s", mac, row.pk)
    (finding,) = list_findings()
    assert finding.startswith(f"check {row.number} of customer {customer}: its mac")


def test_what_a_ref_id_of_before_said_is_not_proven(before):
    """docs/ledger.md says so: it was not signed."""
    take_rows()
    first = LimitCheck.objects.earliest("pk")
    key = ReplayKey.objects.filter(operation="CL", row_id=first.pk)
    key.update(digests=bytes(key.get().digests)[::-1] + b"\1")
    assert list_findings() == []
    key.update(row_id=first.pk + 1)
    assert list_findings() != []


def test_rows_that_were_taken_are_encrypted_anew(before, monkeypatch, settings):
    monkeypatch.setattr(MIGRATION, "AT_ONCE", 3)
    take_rows()
    new = Key("0e0e0e0e", b"n" * 32)
    settings.PPIMS_DOCUMENT_KEYS = (new, *settings.PPIMS_DOCUMENT_KEYS)
    rekeying.reencrypt_documents(lambda done, total: None)
    assert set(rekeying.list_needs("document")) == {new.id}
    assert list_findings() == []
