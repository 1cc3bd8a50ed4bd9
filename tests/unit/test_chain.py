"""Every check, entry, head and audit entry is signed over all its fields, and entries are
chained.
"""

import pytest
from django.conf import settings

from limits import signing
from limits.models import LedgerEntry, LedgerHead, LimitCheck, MonthlyUsage
from ppims.models import AuditEntry, AuditHead, ReplayKey
from ppims.services import audit
from tests.factories import make_check, make_customer, make_posting, make_processor

pytestmark = pytest.mark.django_db
KEY = settings.PPIMS_LEDGER_KEYS[0]


@pytest.fixture
def history():
    ent = make_processor("ENT")
    unique_id = make_customer(ent)
    make_check(ent, unique_id, 200_000, ref_id="C1")
    make_posting(ent, unique_id, 200_000, enquiry="C1", tran_id="T1")
    make_posting(ent, unique_id, 50_000, tran_id="T2")
    make_posting(ent, unique_id, 50_000, kind="R", tran_id="T2")
    return unique_id


def read_said(row, operation):
    """Give what a row's Ref_Id said."""
    return bytes(ReplayKey.objects.get(operation=operation, row_id=row.pk).digests)


def test_each_entry_is_chained_to_the_one_before(history):
    previous = b""
    for place, entry in enumerate(
        LedgerEntry.objects.filter(customer=history).order_by("number"), start=1
    ):
        assert entry.number == place
        values, said = signing.list_values(entry), read_said(entry, "UL")
        assert bytes(entry.digest) == signing.digest_entry(KEY, values, previous, said)
        previous = bytes(entry.digest)
    head = LedgerHead.objects.get(pk=history)
    assert (head.entry_count, head.check_count, bytes(head.last_digest)) == (3, 1, previous)
    assert bytes(head.mac) == signing.sign_head(KEY, signing.list_values(head))


@pytest.mark.parametrize("name", signing.FIELDS[LedgerEntry])
def test_an_entry_with_another_field_has_another_digest(history, name):
    entry = LedgerEntry.objects.filter(customer=history, kind="R").get()
    before = signing.digest_entry(KEY, signing.list_values(entry), b"")
    _change(entry, name)
    assert signing.digest_entry(KEY, signing.list_values(entry), b"") != before


@pytest.mark.parametrize("name", signing.FIELDS[LimitCheck])
def test_a_check_with_another_field_has_another_signature(history, name):
    row = LimitCheck.objects.get(customer=history)
    said = read_said(row, "CL")
    assert bytes(row.mac) == signing.sign_check(KEY, signing.list_values(row), said)
    _change(row, name)
    assert bytes(row.mac) != signing.sign_check(KEY, signing.list_values(row), said)


def test_what_a_ref_id_said_is_signed_and_so_is_that_it_is(history):
    row = LimitCheck.objects.get(customer=history)
    entry = LedgerEntry.objects.filter(customer=history).first()
    values, of_entry = signing.list_values(row), signing.list_values(entry)
    said = [None, b"", b"a", read_said(row, "CL")]
    assert len({signing.sign_check(KEY, values, each) for each in said}) == len(said)
    assert len({signing.digest_entry(KEY, of_entry, b"", each) for each in said}) == len(said)


def test_audit_entries_are_chained_per_customer(history):
    previous = b""
    for entry in AuditEntry.objects.filter(subject=history).order_by("number"):
        assert bytes(entry.mac) == audit.sign_entry(KEY, audit.list_values(entry), previous)
        previous = bytes(entry.mac)
    head = AuditHead.objects.get(pk=history)
    assert previous
    assert bytes(head.last_mac) == previous
    assert bytes(head.mac) == audit.sign_head(KEY, audit.list_values(head))


def test_a_missing_usage_row_is_summed_and_never_taken_as_zero(history):
    ent = LedgerEntry.objects.filter(customer=history).first().processor
    assert MonthlyUsage.objects.get(customer=history).debit_paise == 200_000
    MonthlyUsage.objects.all().delete()
    answer, _ = make_check(ent, history, 1)
    assert (answer.used_paise, answer.cumulative_paise) == (200_000, 200_001)
    make_posting(ent, history, 1)
    assert MonthlyUsage.objects.get(customer=history).debit_paise == 200_001


def _change(row, name):
    value = getattr(row, name)
    if isinstance(value, bool):
        changed = not value
    elif hasattr(value, "replace") and hasattr(value, "year"):
        changed = value.replace(year=value.year + 1)
    elif isinstance(value, int):
        changed = value + 1
    else:
        changed = "other" if value else "something"
    setattr(row, name, changed)
