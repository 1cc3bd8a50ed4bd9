"""The page that explains a step of a transaction: for who may read the audit, and nobody else."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ppims.core import clock
from tests.factories import make_check, make_customer, make_posting
from tests.web.admin_pages import open_browser, read_words

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 25, 10, 47, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now():
    with clock.freeze(AT):
        yield


@pytest.fixture
def auditor(db):
    return open_browser("auditor")


@pytest.fixture
def declined(ent):
    """A check that was declined, after ₹9,000.00 was posted and ₹400.00 set aside."""
    customer = make_customer(ent, customer_name="Kavya Roy", account_number="501234567890")
    make_posting(ent, customer, 900_000)
    make_check(ent, customer, 40_000)
    asked, _ = make_check(ent, customer, 60_001, account_number="501234567890")
    return asked


def write_address(source, row):
    return f"/transactions/{source}/{row.pk}/explain"


def test_a_decision_is_told_with_its_rule_its_figures_and_what_they_rest_on(auditor, declined):
    response = auditor.get(write_address("check", declined))
    words = read_words(response)
    for said in (
        "As recorded. It was worked out anew",
        "Declined: over the month’s limit. ₹9,000.00 of ₹10,000.00 was used",
        "Account ••••7890",
        "Calendar month, Nov 2026: it decided Limit ₹10,000.00",
        "Before it ₹9,000.00 ₹400.00 ₹600.00 After it ₹9,000.00 ₹400.00 ₹600.00",
        "1 earlier spend entry of Nov 2026 comes to ₹9,000.00.",
        "1 open spend hold of Nov 2026 comes to ₹400.00.",
    ):
        assert said in words
    assert "Kavya" not in words
    assert "501234567890" not in response.content.decode()


def test_an_entry_is_told_with_its_flags_and_linked_to_what_it_rests_on(auditor, ent, declined):
    entry, _ = make_posting(ent, declined.customer_id, 60_001, enquiry=declined.ref_id)
    response = auditor.get(write_address("entry", entry))
    words = read_words(response)
    assert "Flagged: though declined Its check had been declined" in words
    assert "Flagged: over the limit With it ₹9,600.01 was used and ₹400.00 on hold" in words
    assert "Before it ₹9,000.00 ₹400.00 ₹600.00 After it ₹9,600.01 ₹400.00 -₹0.01" in words
    assert f"/transactions/check/{declined.pk}" in response.content.decode()


def test_who_may_read_the_audit_is_led_there_and_nobody_else_hears_of_it(declined):
    transaction = f"/transactions/check/{declined.pk}"
    for role in ("auditor", "admin"):
        client = open_browser(role)
        for headers in ({}, {"HX-Request": "true"}):
            page = client.get(transaction, headers=headers).content.decode()
            assert write_address("check", declined) in page
        assert client.get(write_address("check", declined)).status_code == 200
    for role in ("viewer", "maker", "checker"):
        client = open_browser(role)
        assert "explain" not in client.get(transaction).content.decode()
        assert client.get(write_address("check", declined)).status_code == 403


@pytest.mark.parametrize("address", ["check/999", "entry/999", "audit/1", "kyc-change/1", "x/1"])
def test_what_is_not_there_and_what_has_no_figures_is_not_found(auditor, declined, address):
    assert auditor.get(f"/transactions/{address}/explain").status_code == 404


def test_it_asks_as_often_for_one_entry_and_for_many(auditor, ent, declined):
    counts = []
    for day, postings in enumerate((1, 20), start=1):
        with clock.freeze(AT + timedelta(days=day)):
            for _ in range(postings):
                make_posting(ent, declined.customer_id, 1)
            asked, _ = make_check(ent, declined.customer_id, 60_001)
        with CaptureQueriesContext(connection) as asked_for:
            auditor.get(write_address("check", asked))
        counts.append(len(asked_for))
    assert counts[0] == counts[1] < 60
