"""On-boarding somebody who may be on record already: warned of, and confirmed."""

import json
import re
from datetime import date

import pytest
from django.urls import reverse

from customers.models import Customer, DuplicateReview, KycProposal, Receipt, Registration
from ppims.backoffice.customer import changes
from tests.factories import make_customer, make_processor
from tests.web.admin_pages import read_words
from tests.web.onboarding import PAN, fill_in, look, send

pytestmark = pytest.mark.django_db


def find_on_record(processor, **details):
    details = {"customer_name": "Kavya Rao", "date_of_birth": date(1991, 2, 14), **details}
    return Customer.objects.get(pk=make_customer(processor, **details))


def list_warnings(response):
    return [(each.customer.pk, each.effect) for each, _ in response.context["alike"]]


def find_address_in_summary(response):
    """Give where the summary of what is wrong leads to."""
    summary = response.content.decode().split('class="summary"')[1].split("</div>")[0]
    (address,) = re.findall(r'<a href="(/[^"]*)">', summary)
    return address


def confirm(response, body):
    return {**body, "confirmed": response.context["token"]}


def test_a_known_person_is_warned_of_before_and_then_known_through_this_processor_too(ent, maker):
    known = find_on_record(make_processor("CBS"))
    body = fill_in(maker, mobile_number=known.mobile)
    assert list_warnings(look(maker, body)) == [(known.pk, "JOINS")]
    first = send(maker, body)
    assert first.status_code == 422
    assert "Same mobile number, same name, same date of birth" in read_words(first)
    assert Registration.objects.count() == 1
    arrived = send(maker, confirm(first, body), follow=True)
    assert "Kavya Rao is now also known through ENT. What is on record stays." in read_words(
        arrived
    )
    assert arrived.redirect_chain[-1][0] == reverse("customer", args=[known.pk])
    assert Registration.objects.filter(customer=known, processor=ent).exists()
    assert Customer.objects.count() == 1


@pytest.mark.parametrize("known_by", ["mobile_number", "document"])
def test_who_has_the_mobile_or_the_document_is_shown_at_once_and_masked(ent, maker, known_by):
    known = find_on_record(ent, **PAN)
    claim = {"mobile_number": known.mobile} if known_by == "mobile_number" else PAN
    page = look(maker, claim)
    assert list_warnings(page) == [(known.pk, None)]
    words = read_words(page)
    assert f"Kavya Rao {known.pk}" in words
    assert f"••••{known.mobile[-4:]}" in words
    assert ("Same mobile number ." if known_by == "mobile_number" else "Same document .") in words
    assert 'name="confirmed"' not in page.content.decode()
    assert known.mobile[2:] not in page.content.decode()


def test_whoever_joins_is_not_said_to_wait_for_full_kyc(ent, maker):
    known = find_on_record(make_processor("CBS"), kyc_flag="N", **PAN)
    body = fill_in(maker, mobile_number=known.mobile, kyc_flag="F", **PAN)
    arrived = read_words(send(maker, confirm(send(maker, body), body), follow=True))
    assert "Kavya Rao is now also known through ENT. What is on record stays." in arrived
    assert "waits for" not in arrived
    assert not KycProposal.objects.exists()


def test_who_is_known_to_this_processor_cannot_be_added_again(ent, maker):
    known = find_on_record(ent)
    body = fill_in(maker, mobile_number=known.mobile)
    first = send(maker, body)
    assert list_warnings(first) == [(known.pk, "KNOWN")]
    assert 'name="confirmed"' not in first.content.decode().split('id="alike"')[1]
    second = send(maker, confirm(first, body))
    for page in (first, second):
        assert page.status_code == 422
        assert "Kavya Rao is on record through ENT: nothing was added." in read_words(page)
        assert "then go on" not in read_words(page)
        assert find_address_in_summary(page) == reverse("customer", args=[known.pk])
    assert not Receipt.objects.filter(ref_id=body["ref_id"]).exists()


def test_a_namesake_born_on_the_same_day_is_warned_of_and_may_be_another_person(ent, maker):
    other = find_on_record(ent)
    body = fill_in(maker, customer_name="rao kavya")
    first = send(maker, body)
    assert list_warnings(first) == [(other.pk, "ANOTHER")]
    assert Customer.objects.count() == 1
    assert send(maker, confirm(first, body)).status_code == 302
    assert Customer.objects.count() == 2


def test_a_reissued_mobile_asks_for_a_review_and_adds_nobody(ent, maker):
    holder = find_on_record(ent, customer_name="Somebody Else", date_of_birth=date(1960, 1, 1))
    body = fill_in(maker, mobile_number=holder.mobile)
    first = send(maker, body)
    assert list_warnings(first) == [(holder.pk, "DOUBT")]
    assert not DuplicateReview.objects.exists()
    second = send(maker, confirm(first, body))
    assert second.status_code == 422
    assert "A review item is open, which decides whose it is: Somebody Else ." in read_words(second)
    review = DuplicateReview.objects.get()
    assert review.customer == holder
    assert find_address_in_summary(second) == reverse("review", args=[review.pk])
    assert Customer.objects.count() == 1
    decided = {"finding": "DIFFERENT_PEOPLE", "note": "a slip"}
    maker.post(reverse("review", args=[review.pk]), decided)
    third = send(maker, confirm(first, body))
    assert "Staff have decided about this: Different people ." in read_words(third)
    assert find_address_in_summary(third) == reverse("review", args=[review.pk])


def test_who_was_added_meanwhile_is_where_it_leads_to_and_nobody_is_said_to_be_added(
    ent, maker, monkeypatch
):
    body = fill_in(maker)
    known = find_on_record(ent, mobile_number=f"91{body['mobile_number'][-10:]}")
    monkeypatch.setattr(changes.matches, "find_matches", lambda *_: [])  # added just after the look
    arrived = send(maker, body, follow=True)
    assert arrived.redirect_chain[-1][0] == reverse("customer", args=[known.pk])
    assert "Kavya Rao is on record through ENT: nothing was added." in read_words(arrived)


@pytest.mark.parametrize("name", ["customer-edit", "customer-kyc"])
def test_a_review_item_that_a_change_opened_is_linked_too(ent, maker, name):
    holder = find_on_record(ent, customer_name="Somebody Else", **PAN)
    customer = find_on_record(ent)
    address = reverse(name, args=[customer.pk])
    form = maker.get(address).context["form"]
    body = {f.html_name: f.value() for f in form if f.value()} | {"reason": "seen"}
    claim = {"mobile_number": holder.mobile} if name == "customer-edit" else PAN
    response = maker.post(address, {**body, **claim})
    assert response.status_code == 422
    review = DuplicateReview.objects.get()
    assert find_address_in_summary(response) == reverse("review", args=[review.pk])


def test_a_document_of_one_and_a_mobile_of_another_warn_of_both(ent, maker):
    one = find_on_record(make_processor("CBS"), **PAN)
    two = find_on_record(ent, customer_name="Ravi Das", date_of_birth=date(1960, 1, 1))
    body = fill_in(maker, mobile_number=two.mobile, **PAN)
    first = send(maker, body)
    assert list_warnings(first) == [(one.pk, "JOINS"), (two.pk, "ASKED")]
    arrived = send(maker, confirm(first, body), follow=True)
    assert Registration.objects.filter(customer=one, processor=ent).exists()
    review = DuplicateReview.objects.get()
    assert review.customer == two
    assert "A review item is open, which decides whose it is: Ravi Das ." in read_words(arrived)
    assert f'href="{reverse("review", args=[review.pk])}"' in arrived.content.decode()


def test_what_was_confirmed_is_that_warning_and_no_other(ent, maker):
    find_on_record(ent)
    body = fill_in(maker)
    first = send(maker, body)
    find_on_record(ent)
    assert send(maker, confirm(first, body)).status_code == 422
    assert Customer.objects.count() == 2


def test_nobody_alike_is_nobody_to_confirm(ent, maker):
    find_on_record(ent, date_of_birth=date(1991, 2, 15))
    find_on_record(ent, customer_name="Kavita Rao")
    assert send(maker, fill_in(maker)).status_code == 302


def test_no_number_stands_whole_in_an_address_the_session_or_a_warning(ent, maker, caplog):
    known = find_on_record(make_processor("CBS"), **PAN)
    body = fill_in(maker, mobile_number=known.mobile, **PAN)
    first = send(maker, body)
    shown = first.content.decode().split('id="alike"')[1]
    second = send(maker, confirm(first, body))
    kept = json.dumps(dict(maker.session.items())) + second["Location"] + caplog.text
    for secret in (known.mobile[2:], "ABCPE1234F"):
        assert secret not in shown
        assert secret not in kept


def test_it_takes_a_bounded_number_of_queries(ent, maker, django_assert_max_num_queries):
    for _ in range(12):
        find_on_record(ent)
    body = fill_in(maker)
    with django_assert_max_num_queries(14):
        assert look(maker, body).status_code == 200
    with django_assert_max_num_queries(9):
        assert maker.get("/onboard").status_code == 200
