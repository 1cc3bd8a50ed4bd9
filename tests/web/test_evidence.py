"""Record and claim side by side: masked, told apart by the whole values, and kept as decided on."""

from datetime import date

import pytest
from cryptography.exceptions import InvalidTag

from customers.details import CustomerDetails
from customers.models import Customer, DuplicateReview, NumberPassedOn
from customers.review_evidence import list_evidence
from customers.services import customers, reviews
from ppims.core.errors import Conflict
from tests.factories import make_customer
from tests.web.admin_pages import make_user, open_browser, read_words
from tests.web.test_queues import MOBILE, claim, decide, find_page

pytestmark = pytest.mark.django_db


@pytest.fixture
def review(ent, cbs):
    return claim(ent, cbs)


def test_numbers_that_end_alike_are_not_taken_for_the_same(ent, cbs):
    pan = {"ovid_type": "PAN", "ovid_value": "ABCPE1234F"}
    make_customer(ent, mobile_number=MOBILE, **pan)
    with pytest.raises(Conflict):
        make_customer(
            cbs,
            mobile_number=MOBILE,
            date_of_birth=date(1970, 1, 2),
            ovid_type="PAN",
            ovid_value="XYZPE1234F",
        )
    review = DuplicateReview.objects.latest("pk")
    (document,) = [it for it in list_evidence(review) if it.what == "Document"]
    assert (document.on_record, document.claimed) == ("PAN ••••234F", "PAN ••••234F")
    assert document.is_same is False


@pytest.mark.parametrize("role", ["viewer", "maker", "checker", "auditor", "admin"])
def test_birth_dates_are_masked_and_told_apart_all_the_same(ent, cbs, role):
    review = claim(ent, cbs, date_of_birth=date(1991, 3, 1))  # the record's year, another day
    client = open_browser(role)
    page = client.get(find_page(review))
    assert "Date of birth •• ••• 1991 •• ••• 1991 Differs " in read_words(page)
    for day in ("14 Feb", "1 Mar", "14-02", "01-03", "1991-0"):
        assert day not in page.content.decode()


def test_a_decided_review_shows_what_was_compared_whatever_changes_since(review, maker):
    before = list_evidence(review)
    decide(maker, review, "NUMBER_PASSED_ON")
    reviews.NUMBER_PROPOSALS.decide(
        proposal_id=NumberPassedOn.objects.get().pk, state="APPROVED", user=make_user("checker")
    )
    holder = Customer.objects.get(pk=review.customer_id)
    assert holder.mobile == ""
    details = CustomerDetails(
        customer_name="Somebody Else", date_of_birth=date(1970, 1, 2), mobile_number=MOBILE
    )
    customers.edit_customer(
        customer_id=holder.pk, details=details, accounts={}, cards={}, user=make_user("maker")
    )
    review = DuplicateReview.objects.get()
    assert list_evidence(review) == before
    assert [(it.name, it.is_same) for it in before[:3]] == [
        ("name", False),
        ("mobile_number", True),
        ("date_of_birth", False),
    ]
    page = read_words(open_browser("viewer").get(find_page(review)))
    assert "Name Meera Iyer Ravi Rao Differs" in page
    assert "Somebody Else" not in page.partition("Evidence")[2].partition("Unique id")[0]


def test_what_is_kept_of_the_evidence_can_not_be_read_or_moved_to_another_review(ent, cbs, maker):
    one, other = claim(ent, cbs, mobile="919812340001"), claim(ent, cbs, mobile="919812340002")
    for review in (one, other):
        decide(maker, review, "DIFFERENT_PEOPLE")
        review.refresh_from_db()
    kept = bytes(one.evidence)
    assert not [part for part in (b"Ravi", b"Meera", b"0001", b"1991") if part in kept]
    other.evidence = kept
    with pytest.raises(InvalidTag):
        list_evidence(other)


def test_a_review_decided_before_evidence_was_kept_says_that_it_is_compared_today(review, maker):
    decide(maker, review, "DIFFERENT_PEOPLE")
    assert "On record is what is there today" not in read_words(maker.get(find_page(review)))
    DuplicateReview.objects.update(evidence=b"", evidence_key_id="")
    page = read_words(maker.get(find_page(review)))
    assert "On record is what is there today" in page
    assert "Name Meera Iyer Ravi Rao Differs" in page
