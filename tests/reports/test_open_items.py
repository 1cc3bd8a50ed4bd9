"""What waits about one customer: of each kind, oldest first; nothing closed, and nobody else's."""

from datetime import date

import pytest

from customers.details import CustomerDetails
from customers.models import Customer, DuplicateReview, Merge
from customers.services import blocking, customers, kyc, reviews
from limits.services import adjustments, merges
from limits.services.adjustments import Correction
from limits.services.findings import note
from ppims.core import calendar, clock
from ppims.core.errors import Conflict
from ppims.models import Operation, User
from ppims.reports import open_items
from ppims.reports.open_items import list_open_items
from ppims.services.idempotency import Call
from tests.factories import ToldFactory, draw_ref, make_check, make_customer, make_posting, refuse
from tests.ledger.histories import tell

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
PAN = CustomerDetails(
    kyc_flag="F", kyc_updated_channel="BRN", ovid_type="PAN", ovid_value="ABCPE1234F"
)


@pytest.fixture
def maker(db):
    return User.objects.create(username="farhan")


@pytest.fixture
def checker(db):
    return User.objects.create(username="gurpreet")


def list_kinds(customer):
    return [str(each.kind) for each in list_open_items([customer])]


def propose_correction(customer, maker, paise=5):
    month = calendar.number_ist_month(clock.now())
    correction = Correction(customer, month, "D", paise, "counted twice")
    return adjustments.propose(correction=correction, user=maker)


def claim_mobile_of(customer, ent):
    """Tell of a stranger with the customer's mobile number: the review that it opens."""
    mobile = Customer.objects.get(pk=customer).mobile
    stranger = ToldFactory(customer_name="Xu", mobile_number=mobile, date_of_birth=date(1961, 1, 1))
    call = Call(ent, Operation.ADD_CUSTOMER, draw_ref(), {})
    with pytest.raises(Conflict):
        customers.add_customer(call=call, details=stranger)
    return DuplicateReview.objects.latest("pk")


def test_every_kind_is_listed_oldest_first(customer, ent, maker, day):
    with day():
        make_posting(ent, customer, 5)
    with day():
        make_posting(ent, customer, 100, enquiry=make_check(ent, customer, 100)[0].ref_id)
        make_posting(ent, customer, 7, tran_id="T1", enquiry=make_check(ent, customer, 7)[0].ref_id)
        refuse(ent, customer, 9, "T1")
    with day():
        kyc.change(customer_id=customer, details=PAN, reason="Seen", user=maker)
    with day():
        blocking.block(customer_id=customer, reason="lost", user=maker)
        blocking.propose_unblocking(customer_id=customer, reason="found", user=maker)
    with day():
        propose_correction(customer, maker)
        propose_correction(customer, maker)
    with day():
        claim_mobile_of(customer, ent)
    found = list_open_items([customer])
    assert list_kinds(customer) == [
        *("flagged", "refused", "kyc", "unblocking", "adjustment", "adjustment", "review")
    ]
    assert [each.row.maker for each in found if hasattr(each.row, "maker")] == [maker] * 4
    assert [each.since for each in found] == sorted(each.since for each in found)
    assert list_open_items([make_customer(ent)]) == []


def test_what_is_decided_or_closed_waits_no_more(customer, ent, maker, checker):
    entry, _ = make_posting(ent, customer, 5, tran_id="T1")
    report = refuse(ent, customer, 9, "T1")
    proposal = kyc.change(customer_id=customer, details=PAN, reason="Seen", user=maker)
    correction = propose_correction(customer, maker)
    review = claim_mobile_of(customer, ent)
    assert len(list_open_items([customer])) == 5
    note(entry, finding="", note="Asked", user=maker)
    note(report, finding="", note="Asked", user=maker)
    assert len(list_open_items([customer])) == 5
    note(entry, finding="GENUINE", note="Asked", user=maker)
    note(report, finding="REPEAT", note="Asked", user=maker)
    kyc.decide(proposal_id=proposal.pk, state="REJECTED", user=checker, note="no")
    adjustments.decide(proposal_id=correction.pk, state="WITHDRAWN", user=maker)
    passing_on = reviews.decide(
        review_id=review.pk, outcome="NUMBER_PASSED_ON", reason="Seen", user=maker
    )
    assert list_kinds(customer) == ["review", "number-passed-on"]
    decide = reviews.NUMBER_PROPOSALS.decide
    decide(proposal_id=passing_on.pk, state="APPROVED", user=checker)
    assert list_open_items([customer]) == []


def test_a_review_waits_for_both_its_customers_until_they_are_merged(customer, cbs, maker, checker):
    other = make_customer(cbs, customer_name="Xu", date_of_birth=date(1961, 1, 1))
    with pytest.raises(Conflict):
        tell(cbs, other, mobile_number=Customer.objects.get(pk=customer).mobile)
    for each in (customer, other):
        [found] = list_open_items([each])
        assert (found.row.customer_id, found.row.claimant_id) == (customer, other)
    merges.propose_merge(
        unique_id=customer, other_id=other, reason="Seen", user=maker, review_id=found.row.pk
    )
    # One person: it goes on waiting, for the two to be merged; the merge is listed of both.
    for each in (customer, other):
        assert list_kinds(each) == ["review", "merge"]
    merges.decide(proposal_id=Merge.objects.get().pk, state="APPROVED", user=checker)
    assert list_open_items([customer, other]) == []


def test_of_each_kind_the_oldest_few_are_listed(customer, ent, maker, monkeypatch):
    monkeypatch.setattr(open_items, "ROWS_OF_A_KIND", 2)
    first, second, _ = (make_posting(ent, customer, 5)[0].pk for _ in range(3))
    assert [each.row.pk for each in list_open_items([customer])] == [first, second]


def test_a_flagged_posting_is_looked_for_among_the_newest_entries(customer, ent, monkeypatch):
    monkeypatch.setattr(open_items, "ENTRIES_LOOKED_AT", 2)
    make_posting(ent, customer, 5)
    for count in (1, 0):
        check, _ = make_check(ent, customer, 6)
        make_posting(ent, customer, 6, enquiry=check.ref_id)
        assert len(list_open_items([customer])) == count


def test_it_takes_a_bounded_number_of_queries(customer, ent, maker, django_assert_num_queries):
    for _ in range(4):
        make_posting(ent, customer, 5)
        propose_correction(customer, maker)
    claim_mobile_of(customer, ent)
    with django_assert_num_queries(8):
        assert len(list_open_items([customer])) == 9
