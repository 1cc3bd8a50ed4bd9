"""On-boarding by staff: once for each form, and by the API's rules."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from customers.forms import OnboardForm
from customers.forms.onboard import PERSON_FIELDS, PROCESSOR_FIELDS
from customers.models import (
    Customer,
    Document,
    KycChange,
    KycProposal,
    Receipt,
    Registration,
)
from ppims.core import clock
from ppims.models import AuditEntry
from tests.factories import draw_mobile, make_processor
from tests.web.admin_pages import open_browser, read_words
from tests.web.onboarding import PAN, fill_in, list_errors, look, send

pytestmark = pytest.mark.django_db


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
        ("customer_name", "", "Enter the customer’s name."),
        ("customer_name", "\u200b", "Enter the customer’s name."),
        ("customer_name", "NA", "Enter the customer’s name."),
        ("customer_name", "x" * 101, "Enter at most 100 characters."),
        ("mobile_number", "", "Enter the customer’s mobile number."),
        ("mobile_number", "12345", "Enter a mobile number of 10 digits, the first of them 6"),
        ("date_of_birth", "", "Enter the customer’s date of birth."),
        ("date_of_birth", "31-02-1991", "Enter the date of birth as DD-MM-YYYY"),
        ("customer_id", "", "Enter the processor’s customer id."),
        ("customer_id", "a b", "Enter a customer id of at most 32 letters, digits,"),
        ("account_number", "", "Enter the account number."),
        ("account_number", "a b", "Enter an account number of at most 32 letters, digits,"),
        ("cif_id", "a b", "Enter a CIF id of at most 32 letters, digits,"),
        ("card_number", "a b", "Enter a card number of at most 32 letters, digits,"),
        ("card_exp_date", "soon", "Enter when the card expires"),
        ("customer_type", "", "Enter the customer type"),
        ("customer_type", "12", "Enter one or two letters"),
        ("ovid_value", "1", "Enter 4 to 20 letters and digits"),
        ("email_id", "nobody", "Enter an e-mail address with one @"),
        ("pincode", "4000x", "Enter a pincode of at most 10 digits."),
        ("kyc_updated_on", "soon", "Enter when the KYC was done as DD-MM-YYYY"),
        ("city", "a\u202eb", "Type it anew: it has control characters."),
        ("system_id", "", "Choose the processor."),
    ],
)
def test_what_the_api_would_not_take_is_said_in_a_sentence_beside_the_field(
    ent, maker, field, value, message
):
    make_processor("CBS")
    response = send(maker, fill_in(maker, **{field: value}))
    assert response.status_code == 422
    [said] = list_errors(response)[field]
    assert said.startswith(message)
    assert said.endswith(".")
    assert f'<a href="#id_{field}">{said}</a>' in response.content.decode()
    assert not Customer.objects.exists()


def write_birth(years):
    today = clock.today()
    return today.replace(year=today.year - years, day=min(today.day, 28)).strftime("%d-%m-%Y")


def test_a_birth_date_in_the_future_is_refused_and_one_of_today_is_a_childs(ent, maker):
    tomorrow = (clock.today() + timedelta(1)).strftime("%d-%m-%Y")
    response = send(maker, fill_in(maker, date_of_birth=tomorrow))
    assert response.status_code == 422
    assert list_errors(response)["date_of_birth"] == [
        "Enter the date of birth as DD-MM-YYYY, not later than today."
    ]
    today = look(maker, fill_in(maker, date_of_birth=write_birth(0)))
    assert "this customer is under 10 years old" in read_words(today)


def test_a_childs_birth_date_is_warned_of_and_confirmed_each_date_anew(ent, maker):
    body = fill_in(maker, date_of_birth=write_birth(9))
    assert 'name="child_born"' in look(maker, body).content.decode()
    warned = send(maker, body)
    assert warned.status_code == 422
    assert "That is a child’s birth date: confirm it, then go on." in read_words(warned)
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
    assert list_errors(response) == {
        "ovid_type": ["Choose the document: Full KYC needs one."],
        "ovid_value": ["Enter the document’s number: Full KYC needs one."],
    }
    half = send(maker, fill_in(maker, ovid_type="ADR", ovid_value="12345"))
    assert list_errors(half) == {"ovid_value": ["Enter the 12 digits of the Aadhaar."]}


def test_what_is_wrong_in_more_details_is_in_sight(ent, maker):
    assert "<details>" in maker.get("/onboard").content.decode()
    assert "<details open>" in send(maker, fill_in(maker, pincode="x")).content.decode()


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
    assert page.count("Enter a mobile number of 10 digits") == 1
    assert "Enter the processor’s" not in page
    look(maker, fill_in(maker))
    assert not Customer.objects.exists()


def test_what_is_empty_is_said_to_be_once_the_form_was_sent_and_as_one_writes_on_too(ent, maker):
    body = {**fill_in(maker), "customer_id": "", "customer_name": ""}
    sent = send(maker, body)
    assert '<input type="hidden" name="tried" value="1">' in sent.content.decode()
    page = look(maker, {**body, "tried": "1", "customer_name": "Kavya Rao"}).content.decode()
    assert "Enter the processor’s customer id" in page
    assert "Enter the customer’s name" not in page


def test_what_has_to_be_filled_in_is_marked_before_anything_is_sent(ent, cbs, maker):
    page = maker.get("/onboard").content.decode()
    assert read_words(maker.get("/onboard")).count("* Required") == 1
    marked = re.findall(r'<label for="id_(\w+)" class="needed">', page)
    filled_in_already = {"kyc_flag"}
    assert set(marked) == {*PERSON_FIELDS, *PROCESSOR_FIELDS} - filled_in_already - {"cif_id"}
    for name in marked:
        assert re.search(rf'<(input|select)[^>]* name="{name}"[^>]* required', page), name


def test_the_first_field_has_the_focus_and_after_errors_what_sums_them_up(ent, maker):
    page = maker.get("/onboard").content.decode()
    assert re.search(r'<input [^>]*name="customer_name"[^>]* autofocus', page)
    assert page.count(" autofocus") == 1
    sent = send(maker, {}).content.decode()
    assert '<div class="summary" role="alert" tabindex="-1" autofocus>' in sent
    assert sent.count(" autofocus") == 1


@pytest.mark.parametrize("written", ["98123 45678", "+91 98123-45678", "0 98123 45678"])
def test_a_mobile_number_may_be_written_as_people_do(ent, maker, written):
    assert send(maker, fill_in(maker, mobile_number=written)).status_code == 302
    assert Customer.objects.get().mobile == "919812345678"


def test_codes_are_chosen_by_their_words(ent, maker):
    send(maker, fill_in(maker, nri_flag="Y", kyc_updated_channel="MOB"))
    customer = Customer.objects.get()
    assert (customer.nri_flag, customer.kyc_updated_channel) == ("Y", "MOB")
    page = maker.get("/onboard").content.decode()
    for option in ('"BRN" selected>Branch', '"MOB">Mobile app', '"Y">Yes', '"PAN">PAN'):
        assert f"<option value={option}</option>" in page


def test_the_processor_that_was_chosen_last_is_chosen_already(ent, maker):
    cbs = make_processor("CBS")
    assert "selected>" not in find_processors(maker)
    send(maker, fill_in(maker, system_id="CBS"))
    assert f'<option value="CBS" selected>{cbs.name}' in find_processors(maker)
    assert 'value="CBS"' in find_processors(open_browser("maker"))
    assert "selected>" not in find_processors(open_browser("maker"))
    cbs.state = "WINDING_DOWN"
    cbs.save()
    assert 'value="CBS"' not in find_processors(maker)


def find_processors(client):
    page = client.get("/onboard").content.decode()
    return page.split('name="system_id"')[1].split("</select>")[0].replace('"" selected', '""')
