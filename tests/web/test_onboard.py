"""On-boarding by staff: once for each form, by the API's rules, and warned of who is alike."""

import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from customers.forms import FIRST_FIELDS, OnboardForm
from customers.models import (
    Customer,
    Document,
    DuplicateReview,
    KycChange,
    KycProposal,
    Receipt,
    Registration,
)
from ppims.backoffice.customer import changes
from ppims.core import clock
from ppims.models import AuditEntry
from tests.factories import draw_mobile, make_customer, make_processor
from tests.web.admin_pages import open_browser, read_words

pytestmark = pytest.mark.django_db
PAN = {"ovid_type": "PAN", "ovid_value": "ABCPE1234F"}


def fill_in(client, **changes):
    """Fill in a fresh form as a person does: seven fields, over what stands there already."""
    form = client.get("/onboard").context["form"]
    stands = {field.html_name: field.value() or "" for field in form}
    seven = {
        "system_id": "ENT",
        "customer_name": "Kavya Rao",
        "mobile_number": draw_mobile(),
        "date_of_birth": "14-02-1991",
        "customer_id": "C-1",
        "account_number": "A-1",
        "kyc_flag": "N",
    }
    assert set(seven) == set(FIRST_FIELDS)
    return {**stands, **seven, **changes}


def send(client, body, **more):
    return client.post("/onboard", body, **more)


def look(client, body):
    return send(client, {**body, "looking": "1"}, headers={"HX-Request": "true"})


def list_errors(response):
    return {
        name: [str(e) for e in found] for name, found in response.context["form"].errors.items()
    }


def test_seven_fields_add_a_min_kyc_customer_who_is_active_and_of_staff(ent, maker):
    response = send(maker, fill_in(maker))
    customer = Customer.objects.get()
    assert response.status_code == 302
    assert (customer.name, customer.tier, customer.status) == ("Kavya Rao", "N", "ACTIVE")
    user = response.wsgi_request.user
    change, entry = KycChange.objects.get(), AuditEntry.objects.get(subject=customer.pk)
    assert (change.user, change.processor, change.channel) == (user, ent, "BRN")
    assert (entry.action, entry.user, entry.processor) == ("customer added", user, ent)
    registration, account = Registration.objects.get(), customer.accounts.get()
    assert (registration.customer_ref, registration.customer_type) == ("C-1", "N")
    assert (account.number, account.status) == ("A-1", "A")


def test_new_min_kyc_is_given_at_once(ent, maker):
    send(maker, fill_in(maker, kyc_flag="P"))
    assert Customer.objects.get().tier == "P"
    assert not KycProposal.objects.exists()


def test_full_kyc_waits_for_another_person_and_until_then_it_is_min_kyc(ent, maker):
    send(maker, fill_in(maker, kyc_flag="F", **PAN))
    customer, proposal = Customer.objects.get(), KycProposal.objects.get()
    assert (customer.tier, proposal.from_tier, proposal.to_tier) == ("N", "N", "F")
    assert Document.objects.get().customer == customer
    address = reverse("approval", args=["kyc", proposal.pk])
    assert open_browser("checker").post(address, {"decision": "approve"}).status_code == 302
    customer.refresh_from_db()
    assert customer.tier == "F"
    assert [c.to_tier for c in KycChange.objects.order_by("pk")] == ["N", "F"]


@pytest.mark.parametrize("tier", ["N", "F"])
def test_a_form_sent_twice_adds_once_and_leads_to_the_same_place(ent, maker, tier):
    body = fill_in(maker, kyc_flag=tier, **PAN)
    first, second = send(maker, body), send(maker, body)
    assert (first.status_code, second.status_code) == (302, 302)
    assert first["Location"] == second["Location"]
    assert Customer.objects.count() == Receipt.objects.count() == 1
    assert KycProposal.objects.count() == (tier == "F")


def test_a_form_that_has_added_somebody_adds_nobody_else(ent, maker):
    body = fill_in(maker)
    send(maker, body)
    response = send(maker, {**body, "customer_name": "Ravi", "mobile_number": draw_mobile()})
    assert response.status_code == 422
    assert "This form has added a customer already" in read_words(response)
    assert Customer.objects.count() == 1


def test_each_form_has_a_ref_id_of_its_own():
    assert OnboardForm()["ref_id"].value() != OnboardForm()["ref_id"].value()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("customer_name", "", "is required"),
        ("mobile_number", "12345", "must be an Indian mobile number: 10 digits from 6 to 9 on"),
        ("date_of_birth", "31-02-1991", "must be a date, DD-MM-YYYY"),
        ("account_number", "a b", "must have 1 to 32 of A-Z, a-z, 0-9, - and _"),
        ("pincode", "4000x", "must have at most 10 digits"),
        ("kyc_updated_on", "soon", "must be a time, DD-MM-YYYY HH:MM:SS"),
        ("system_id", "", "is required"),
    ],
)
def test_what_the_api_would_not_take_is_said_in_its_words_beside_the_field(
    ent, maker, field, value, message
):
    make_processor("CBS")
    response = send(maker, fill_in(maker, **{field: value}))
    assert response.status_code == 422
    [said] = list_errors(response)[field]
    assert said.startswith(message)
    assert not Customer.objects.exists()


def write_birth(years):
    today = clock.today()
    return today.replace(year=today.year - years, day=min(today.day, 28)).strftime("%d-%m-%Y")


def test_a_birth_date_in_the_future_is_refused_and_one_of_today_is_a_childs(ent, maker):
    tomorrow = (clock.today() + timedelta(1)).strftime("%d-%m-%Y")
    response = send(maker, fill_in(maker, date_of_birth=tomorrow))
    assert response.status_code == 422
    assert list_errors(response)["date_of_birth"] == [
        "must be a date, DD-MM-YYYY, and not in the future"
    ]
    today = look(maker, fill_in(maker, date_of_birth=write_birth(0)))
    assert "this customer is under 10 years old" in read_words(today)


def test_a_childs_birth_date_is_warned_of_and_confirmed_each_date_anew(ent, maker):
    body = fill_in(maker, date_of_birth=write_birth(9))
    assert 'name="child_born"' in look(maker, body).content.decode()
    warned = send(maker, body)
    assert warned.status_code == 422
    assert "That is a child’s birth date: look below, then go on." in read_words(warned)
    assert not Customer.objects.exists()
    ticked = {**body, "child_born": warned.context["form"].child_born.isoformat()}
    assert " checked" in look(maker, ticked).content.decode()
    other = send(maker, {**ticked, "date_of_birth": write_birth(8)})
    assert (other.status_code, Customer.objects.count()) == (422, 0)
    assert send(maker, ticked).status_code == 302


def test_from_ten_years_on_nothing_is_warned_of(ent, maker):
    with clock.freeze(datetime(2026, 11, 27, 12, tzinfo=UTC)):
        assert "under 10 years" in read_words(
            look(maker, fill_in(maker, date_of_birth="28-11-2016"))
        )
        assert send(maker, fill_in(maker, date_of_birth="27-11-2016")).status_code == 302


def test_full_kyc_needs_a_document(ent, maker):
    response = send(maker, fill_in(maker, kyc_flag="F"))
    assert list_errors(response).keys() == {"ovid_type", "ovid_value"}
    assert "<details open>" in response.content.decode()


@pytest.mark.parametrize("written", ["14/02/1991", "14.02.1991", " 14-02-1991 "])
def test_a_date_may_be_written_as_people_do(ent, maker, written):
    send(maker, fill_in(maker, date_of_birth=written, kyc_updated_on="03/04/2025"))
    customer = Customer.objects.get()
    assert customer.date_of_birth == date(1991, 2, 14)
    assert customer.kyc_updated_on.isoformat() == "2025-04-02T18:30:00+00:00"


def test_a_processor_that_is_winding_down_is_not_offered(maker):
    make_processor("ENT")
    make_processor("OLD", state="WINDING_DOWN")
    assert send(maker, fill_in(maker, system_id="OLD")).status_code == 422
    assert not Customer.objects.exists()


# While one fills it in.


def test_it_is_looked_at_as_one_writes_and_nothing_is_stored_or_said_of_what_is_empty(ent, maker):
    body = {**fill_in(maker), "mobile_number": "12345", "customer_id": ""}
    response = look(maker, body)
    page = response.content.decode()
    assert response.status_code == 200
    assert "<html" not in page
    assert page.count("Must be an Indian mobile number") == 1
    assert "Is required" not in page
    look(maker, fill_in(maker))
    assert not Customer.objects.exists()


# Who is on record already.


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
    decided = {"outcome": "DIFFERENT_PEOPLE", "reason": "a slip"}
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
