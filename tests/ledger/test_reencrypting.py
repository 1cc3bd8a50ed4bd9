"""Encrypting anew by another key: all that was encrypted opens by the new one alone, the audit
proves it all the while, and nothing that was changed by hand is made true.
"""

import json

import pytest
from django.conf import settings as configured

from customers.models import Document, DuplicateReview, KycProposal
from customers.review_evidence import list_evidence
from customers.services import rekeying
from limits.verify import verify
from ppims.core import clock, keys
from ppims.core.keys import Key
from ppims.models import AuditEntry, KeptCall, Processor, SecondFactor, User
from tests.ledger import histories
from tests.ledger.tampering import run

pytestmark = pytest.mark.django_db
ACTION = "documents encrypted anew"
OLD_KEY = configured.PPIMS_DOCUMENT_KEYS[0]
NEW_KEY = Key("0e0e0e0e", b"n" * 32)


def renew(progress=lambda done, total: None):
    rekeying.reencrypt_documents(progress)


def list_findings():
    return [str(each) for each in verify() if not each.row.startswith("trigger ")]


def read_all():
    """Open all that is encrypted, by the ring as it is."""
    reviews = DuplicateReview.objects.order_by("pk")
    decided = reviews.exclude(evidence=b"")
    return {
        "documents": [each.reveal() for each in Document.objects.order_by("pk")],
        "proposals": [each.read_document() for each in KycProposal.objects.order_by("pk")],
        "claims": [each.read_claim() for each in reviews],
        "evidence": [list_evidence(each) for each in decided],
        "factors": [each.open_secret() for each in SecondFactor.objects.all()],
        "calls": [each.open_bodies() for each in KeptCall.objects.exclude(key_id="")],
    }


@pytest.fixture
def written(db, settings, monkeypatch):
    """All kinds of rows, by the old key; from now on the new one is the first."""
    monkeypatch.setattr(rekeying, "CUSTOMERS_AT_ONCE", 2)
    written = histories.write(20261129, customers=5, steps=3)
    histories.add_all_kinds(written)
    factor = SecondFactor(user=User.objects.create(username="holder"))
    factor.seal("ABCDEFGH")
    factor.save()
    at = max(history.at for history in written)
    call = KeptCall(at=at, processor=Processor.objects.first(), operation="check-customer-limit")
    call.code = "400"
    call.seal("bodies")
    call.save()
    with clock.freeze(at):
        settings.PPIMS_DOCUMENT_KEYS = (NEW_KEY, OLD_KEY)
        yield written


def test_all_opens_by_the_new_key_alone_and_the_audit_proves_it(written, settings):
    before = read_all()
    assert all(before.values())
    told = []
    renew(lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] > len(written)
    settings.PPIMS_DOCUMENT_KEYS = (NEW_KEY,)
    assert read_all() == before
    assert list_findings() == []


def test_what_needs_a_key_is_counted_by_table(written):
    tables = {each.model._meta.db_table for each in rekeying.OF_CUSTOMERS}
    tables |= {"ppims_secondfactor", "ppims_keptcall"}
    assert set(rekeying.list_needs("document")) == {OLD_KEY.id}
    assert set(rekeying.list_needs("document")[OLD_KEY.id]) == tables
    renew()
    assert set(rekeying.list_needs("document")) == {NEW_KEY.id}
    assert set(rekeying.list_needs("document")[NEW_KEY.id]) == tables


def test_a_second_run_has_nothing_to_do(written):
    renew()
    entries = AuditEntry.objects.count()
    told = []
    renew(lambda *done: told.append(done))
    assert (told, AuditEntry.objects.count()) == ([], entries)


def test_with_one_key_nothing_is_written(written, settings):
    settings.PPIMS_DOCUMENT_KEYS = (OLD_KEY,)
    renew()
    assert not AuditEntry.objects.filter(action=ACTION).exists()


def test_what_was_stopped_in_the_middle_is_whole_and_goes_on(written):
    class Stopped(Exception):
        pass

    def stop(done, total):
        raise Stopped

    with pytest.raises(Stopped):
        renew(stop)
    assert set(rekeying.list_needs("document")) == {OLD_KEY.id, NEW_KEY.id}
    assert read_all()
    assert list_findings() == []
    renew()
    assert set(rekeying.list_needs("document")) == {NEW_KEY.id}
    assert list_findings() == []


def test_the_audit_tells_of_it_once_a_customer_and_says_no_number(written):
    renew()
    told = AuditEntry.objects.filter(action=ACTION)
    subjects = list(told.values_list("subject", flat=True))
    assert len(subjects) == len(set(subjects)) >= len(written)
    numbers = [each.reveal() for each in Document.objects.all()]
    assert not [n for n in numbers for entry in told if n in entry.detail]
    assert json.loads(told[0].detail)["key"] == NEW_KEY.id


def tamper_last_four(document):
    run("UPDATE customers_document SET last_four = '0000' WHERE id = %s", document.pk)


def swap_key(document):
    run("UPDATE customers_document SET key_id = 'ffffffff' WHERE id = %s", document.pk)


def add_by_hand(document):
    document.pk, document.kind = document.pk + 1_000_000, "PAN"
    document.seal("ABCDE1234F")
    document.key_id, document.sealed = keys.encrypt(
        (OLD_KEY,), "ABCDE1234F", bound_to=document.bound_to
    )
    document.save(force_insert=True)


@pytest.mark.parametrize("tamper", [tamper_last_four, swap_key, add_by_hand])
def test_a_row_that_was_changed_by_hand_stays_and_is_found_still(written, caplog, tamper):
    document = Document.objects.order_by("pk").first()
    tamper(document)
    found = list_findings()
    key_id = Document.objects.get(pk=document.pk).key_id
    renew()
    assert found
    assert list_findings() == found
    assert Document.objects.get(pk=document.pk).key_id == key_id != NEW_KEY.id
    assert f"document {document.pk}: " in caplog.text


def test_a_text_that_its_key_does_not_open_stays(written, caplog):
    document = Document.objects.order_by("pk").first()
    run("UPDATE customers_document SET sealed = %s WHERE id = %s", b"\1" * 40, document.pk)
    renew()
    assert Document.objects.get(pk=document.pk).key_id == OLD_KEY.id
    assert f"document {document.pk}: its key {OLD_KEY.id} doesn't open it" in caplog.text


def test_what_changed_since_it_was_read_is_left_as_it_is_now(written):
    (each,) = [each for each in rekeying.OF_NO_CUSTOMER if each.model is SecondFactor]
    read = list(SecondFactor.objects.all())
    now = SecondFactor.objects.get()
    now.seal("ZZZZZZZZ")
    now.save()
    rekeying._encrypt_rows(each, read)
    assert SecondFactor.objects.get().open_secret() == "ZZZZZZZZ"
