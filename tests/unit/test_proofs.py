"""What the audit keeps of a row: a keyed digest of all its columns but those that are encrypted."""

import pytest
from django.conf import settings

from customers.models import Account, Customer, Document, Receipt
from ppims.core.keys import Key
from ppims.db import row_proofs
from ppims.models import AuditEntry
from ppims.services import audit
from tests.factories import make_customer, make_processor

pytestmark = pytest.mark.django_db
KEY, OTHER_KEY = settings.PPIMS_LEDGER_KEYS[0], Key.from_base64("A" * 43 + "=")


def make_proof(row, key=KEY):
    return next(iter(row_proofs.prove_rows(key, [row]).values()))


def test_each_row_that_an_add_makes_is_proven_by_name_in_its_audit_entry():
    unique_id = make_customer(make_processor(), card_number="6088881234567890")
    rows = (
        row_proofs.read_shape(Customer).name,
        "registration",
        "account",
        "card",
        "kycchange",
        "receipt",
    )
    (entry,) = AuditEntry.objects.filter(subject=unique_id)
    assert row_proofs.PROOFS_KEY in entry.detail
    assert row_proofs.PROOFS_KEY not in audit.read_detail(entry)
    for name in rows:
        assert f'"{name} ' in entry.detail, name
    assert "6088881234567890" not in entry.detail


def test_the_status_is_in_clear_and_the_rest_is_keyed():
    account = Account.objects.get(customer=make_customer(make_processor()))
    assert make_proof(account).startswith("A ")
    assert make_proof(account) != make_proof(account, OTHER_KEY)


def test_another_value_empty_or_not_is_another_proof():
    customer = Customer(unique_id=1, name="A", mobile="")
    before = make_proof(customer)
    for column, value in (("name", ""), ("mobile", "A"), ("email", "A"), ("unique_id", 2)):
        one = Customer(unique_id=1, name="A", mobile="")
        setattr(one, column, value)
        assert make_proof(one) != before, column
    swapped = Customer(unique_id=1, name="", mobile="A")
    assert make_proof(swapped) != before


def test_an_empty_column_more_changes_no_proof_of_before():
    its = row_proofs.read_shape(Customer)
    values = [1, "A", *[""] * (len(its.columns) - 2)]
    more = row_proofs.Shape(
        its.name, 0, (*its.columns, "x"), (*its.proven, (len(values), "x", "")), None
    )
    fewer = row_proofs.Shape(its.name, 0, its.columns, its.proven, None)
    assert row_proofs.write_proof(KEY, more, [*values, ""]) == row_proofs.write_proof(
        KEY, fewer, values
    )
    assert row_proofs.write_proof(KEY, more, [*values, "said"]) != row_proofs.write_proof(
        KEY, fewer, values
    )


def test_a_receipt_is_proven_with_what_its_ref_id_said():
    receipt = Receipt(id=1, ref_id="R1")
    before = make_proof(receipt)
    receipt.proven_with = b"said"
    assert make_proof(receipt) != before


def test_what_is_encrypted_proves_itself_and_is_left_out():
    document = Document(id=1, digest=b"d", sealed=b"one")
    other = Document(id=1, digest=b"d", sealed=b"two")
    assert make_proof(document) == make_proof(other)
    other.digest = b"e"
    assert make_proof(document) != make_proof(other)
