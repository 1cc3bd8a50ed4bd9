"""Customers, reviews and unblockings in the admin: masked, decided by those who may."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from customers.models import Customer, DuplicateReview, Unblocking
from ppims.core.errors import Conflict
from ppims.models import AuditEntry
from tests.factories import make_check, make_customer, make_posting, make_processor
from tests.web.admin_pages import (
    open_browser,
    read_words,
    run_action,
    write_change_url,
    write_list_url,
)

pytestmark = pytest.mark.django_db
MOBILE, ACCOUNT, CARD, AADHAAR = "919812345678", "009988776655", "4111222233334444", "234567890124"
NUMBERS = (MOBILE, MOBILE[2:], ACCOUNT, CARD, AADHAAR)
OUTCOMES = DuplicateReview.Outcome


@pytest.fixture
def customer(ent):
    pk = make_customer(
        ent,
        mobile_number=MOBILE,
        account_number=ACCOUNT,
        card_number=CARD,
        card_status="A",
        ovid_type="ADR",
        ovid_value=AADHAAR,
        email_id="meera@example.in",
        address_line1="14 Temple Street",
    )
    return Customer.objects.get(pk=pk)


@pytest.fixture
def review(ent, customer):
    """Someone else, of the same mobile number, is told of."""
    with pytest.raises(Conflict):
        make_customer(
            ent,
            customer_name="Ravi Rao",
            mobile_number=MOBILE,
            date_of_birth=date(1970, 1, 2),
            ovid_type="PAN",
            ovid_value="ABCPE1234F",
        )
    return DuplicateReview.objects.get()


def test_a_customers_page_shows_the_usage_of_month_and_year(ent, customer):
    make_check(ent, customer.pk, 150_000)
    make_posting(ent, customer.pk, 250_000, tran_id="T1")
    page = read_words(open_browser("viewer").get(write_change_url(customer)))
    assert "1 open hold " in page
    assert "Spend This month ₹2,500.00 ₹1,500.00 " in page
    assert "Load This financial year ₹0.00 ₹0.00 " in page


def test_no_page_of_a_customer_shows_a_whole_number_an_address_or_an_email(ent, customer, review):
    make_check(ent, customer.pk, 100, account_number=ACCOUNT)
    make_posting(ent, customer.pk, 100)
    client = open_browser("auditor")
    models = ["customers_customer", "customers_duplicatereview", "limits_limitcheck"]
    models += ["limits_hold", "limits_ledgerentry", "ppims_auditentry"]
    pages = [client.get(write_list_url(name)).content.decode() for name in models]
    pages += [client.get(write_change_url(row)).content.decode() for row in (customer, review)]
    pages += [
        client.get(write_change_url(row)).content.decode() for row in AuditEntry.objects.all()
    ]
    shown = "".join(pages)
    assert "••••5678" in shown
    hidden = (*NUMBERS, "ABCPE1234F", "meera@example.in", "Temple Street")
    assert [secret for secret in hidden if secret in shown] == []


def test_a_customer_is_found_by_the_whole_unique_id_alone(customer):
    client = open_browser("viewer")

    def count_rows(text):
        return (
            client.get(write_list_url("customers_customer"), {"q": text}).context["cl"].result_count
        )

    assert count_rows(str(customer.pk)) == 1
    assert [count_rows(text) for text in (MOBILE, "Meera", str(customer.pk)[:-1], "²" * 15)] == [
        0
    ] * 4


def test_who_is_blocked_is_declined_until_another_person_approves_the_unblocking(ent, customer):
    maker, checker = open_browser("maker"), open_browser("checker")
    asked = run_action(maker, customer, "block")
    assert "Reason" in read_words(asked)
    assert make_check(ent, customer.pk, 100)[0].is_allowed
    run_action(maker, customer, "block", reason="Card stolen")
    assert make_check(ent, customer.pk, 100)[0].reason == "CUSTOMER_BLOCKED"
    run_action(maker, customer, "propose_unblocking", reason="Card found")
    proposal = Unblocking.objects.get()
    run_action(maker, proposal, "approve")
    run_action(checker, proposal, "withdraw")
    proposal.refresh_from_db()
    assert proposal.state == "PROPOSED"
    run_action(checker, proposal, "approve")
    assert make_check(ent, customer.pk, 100)[0].is_allowed


def test_the_maker_withdraws_an_unblocking_and_a_checker_rejects_one(customer):
    maker, checker = open_browser("maker"), open_browser("checker")
    run_action(maker, customer, "block", reason="Asked for")
    for name, client in {"withdraw": maker, "reject": checker}.items():
        run_action(maker, customer, "propose_unblocking", reason="Again")
        run_action(client, Unblocking.objects.latest("pk"), name, reason="Not proven")
    assert Unblocking.objects.latest("pk").decision_note == "Not proven"
    assert list(Unblocking.objects.order_by("pk").values_list("state", flat=True)) == [
        "WITHDRAWN",
        "REJECTED",
    ]
    customer.refresh_from_db()
    assert customer.is_blocked


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_nobody_is_blocked_without_a_reason_that_fits(customer, reason):
    assert run_action(open_browser("maker"), customer, "block", reason=reason).status_code == 422
    customer.refresh_from_db()
    assert not customer.is_blocked


def test_a_refusal_is_shown(customer):
    maker = open_browser("maker")
    run_action(maker, customer, "block", reason="Card stolen")
    again = run_action(maker, customer, "block", follow=True, reason="Card stolen")
    assert "status is blocked already" in read_words(again)


def test_one_customer_is_blocked_at_a_time(ent, customer):
    make_customer(ent)
    body = {"action": "block", "reason": "All", "select_across": "1"}
    body["_selected_action"] = [str(pk) for pk in Customer.objects.values_list("pk", flat=True)]
    open_browser("maker").post(write_list_url("customers_customer"), body)
    assert not Customer.objects.filter(status="BLOCKED").exists()


@pytest.mark.parametrize("role", ["viewer", "checker", "auditor", "admin"])
def test_only_a_maker_blocks_and_decides_reviews(role, customer, review):
    client = open_browser(role)
    run_action(client, customer, "block", reason="No")
    run_action(client, review, "same_person", reason="No")
    customer.refresh_from_db()
    review.refresh_from_db()
    assert not customer.is_blocked
    assert review.outcome == ""
    assert "_selected_action" not in client.get(write_change_url(customer)).content.decode()


def test_a_review_sets_record_and_claim_side_by_side(review):
    for page in (
        open_browser("viewer").get(write_change_url(review)),
        run_action(open_browser("maker"), review, "different_people"),
    ):
        words = read_words(page)
        assert "Name Meera Iyer Ravi Rao No Mobile number ••••5678 ••••5678 Yes" in words
        assert "Date of birth •• ••• 1991 •• ••• 1970 No" in words
        assert "Document Aadhaar ••••0124 PAN ••••234F No" in words


@pytest.mark.parametrize("outcome", OUTCOMES.values)
def test_a_review_is_decided(outcome, review):
    maker = open_browser("maker")
    run_action(maker, review, outcome.lower(), reason="Phoned both")
    review.refresh_from_db()
    assert (review.outcome, review.reason) == (outcome, "Phoned both")
    assert (review.customer.mobile == "") == (outcome == OUTCOMES.NUMBER_PASSED_ON)
    again = run_action(maker, review, "same_person", follow=True, reason="No")
    assert "was decided before" in read_words(again)
    counts = [
        maker.get(write_list_url("customers_duplicatereview"), {"state": state})
        .context["cl"]
        .result_count
        for state in ("open", "decided")
    ]
    assert counts == [0, 1]


def test_a_review_that_waits_for_a_merger_stays_open(ent, review):
    """Both records exist: that they are one person is found, and not yet carried out."""
    other = make_customer(ent)
    DuplicateReview.objects.update(claimant=other)
    maker = open_browser("maker")
    run_action(maker, review, "same_person", reason="Phoned both")
    listed = maker.get(write_list_url("customers_duplicatereview"), {"state": "open"})
    assert listed.context["cl"].result_count == 1
    assert (
        'name="action"'
        not in maker.get(write_change_url(review)).content.decode().split("<footer")[0]
    )


def test_lists_ask_as_many_questions_for_many_rows_as_for_few(ent, customer, review):
    names = ["customers_customer", "customers_duplicatereview", "limits_limitcheck"]
    names += ["limits_hold", "limits_ledgerentry", "ppims_auditentry"]
    auditor = open_browser("auditor")

    def count_questions():
        counts = {}
        for name in names:
            auditor.get(write_list_url(name))
            with CaptureQueriesContext(connection) as asked:
                auditor.get(write_list_url(name))
            counts[name] = len(asked)
        return counts

    make_check(ent, customer.pk, 100)
    make_posting(ent, customer.pk, 100)
    before = count_questions()
    for day, system_id in enumerate(["CBS", "UPI", "NET"], 1):
        processor = make_processor(system_id)
        pk = make_customer(processor)
        make_check(processor, pk, 100)
        make_posting(processor, pk, 100)
        with pytest.raises(Conflict):
            make_customer(processor, mobile_number=MOBILE, date_of_birth=date(1960, 1, day))
    assert count_questions() == before
