"""Editing, KYC, blocking and unblocking by staff: by the rules of update-customer, and audited."""

import json
from datetime import date, timedelta

import pytest
from django.urls import reverse

from customers import search
from customers.models import Customer, Document, DuplicateReview, KycChange, KycProposal, Unblocking
from customers.services import blocking
from limits.verify import verify
from ppims.core import clock
from ppims.models import AuditEntry
from ppims.services import audit
from tests.factories import draw_mobile, make_check, make_customer
from tests.web.admin_pages import make_user, open_browser, read_words

pytestmark = pytest.mark.django_db
PAN = {"ovid_type": "PAN", "ovid_value": "ABCPE1234F"}
NOTHING_MESSAGE = "Nothing is changed: change something, or cancel."


@pytest.fixture
def customer(ent):
    pk = make_customer(ent, card_number="6070800000004321", card_status="A", city="Pune")
    return Customer.objects.get(pk=pk)


def read_form(form):
    """Give what a browser would send of a form that nobody touched."""
    sent = {}
    for field in form:
        if field.name == "removed":
            continue  # boxes, and none is ticked
        sent[field.html_name] = field.value() or ""
        if field.field.show_hidden_initial:
            sent[field.html_initial_name] = field.initial
    return sent


def send(client, name, customer, **changes):
    address = reverse(name, args=[customer.pk])
    return client.post(address, {**read_form(client.get(address).context["form"]), **changes})


def find_last_audit(customer):
    entry = AuditEntry.objects.filter(subject=customer.pk).order_by("number").last()
    return entry.action, entry.user, audit.read_detail(entry)


# Editing.


@pytest.mark.parametrize(
    ("field", "value", "column", "kept"),
    [
        ("customer_name", "Meera Rao", "name", "Meera Rao"),
        ("maiden_name", "Das", "maiden_name", "Das"),
        ("mobile_number", "9876543210", "mobile", "919876543210"),
        ("date_of_birth", "15/02/1991", "date_of_birth", date(1991, 2, 15)),
        ("email_id", "a@b.in", "email", "a@b.in"),
        ("address_line1", "12 Lake View Road", "address_line1", "12 Lake View Road"),
        ("pincode", "600017", "pincode", "600017"),
    ],
)
def test_one_field_changes_and_the_others_stay(customer, maker, field, value, column, kept):
    before = Customer.objects.values().get()
    response = send(maker, "customer-edit", customer, **{field: value})
    assert response.status_code == 302
    assert Customer.objects.values().get() == {**before, column: kept}
    action, user, detail = find_last_audit(customer)
    assert (action, user) == ("customer updated", response.wsgi_request.user)
    assert detail["changes"].keys() == {field}


def test_what_a_customer_can_do_without_is_removed_by_a_tick_and_audited(ent, maker):
    told = {"email_id": "a@b.in", "address_line1": "12 Lake View Road", "maiden_name": "Das"}
    customer = Customer.objects.get(pk=make_customer(ent, **told))
    before = Customer.objects.values().get()
    form = maker.get(reverse("customer-edit", args=[customer.pk])).context["form"]
    offered = [name for name, _ in form.fields["removed"].choices]
    assert offered == ["maiden_name", "email_id", "address_line1"]
    removed = ["email_id", "address_line1"]
    response = send(maker, "customer-edit", customer, removed=removed, city="Goa")
    assert response.status_code == 302
    gone = {"email": "", "address_line1": "", "city": "Goa"}
    assert Customer.objects.values().get() == {**before, **gone}
    changes = find_last_audit(customer)[2]["changes"]
    assert changes["email_id"] == ["a@b.in", ""]
    assert changes["address_line1"] == ["12 Lake View Road", ""]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"removed": ["city"], "city": "Goa"},
            "Leave this empty, or don’t remove what is on record.",
        ),
        ({"removed": ["mobile_number"]}, "mobile_number is not one of the available choices"),
    ],
)
def test_what_is_given_or_has_to_stay_is_not_removed(customer, maker, changes, message):
    before = Customer.objects.values().get()
    response = send(maker, "customer-edit", customer, **changes)
    assert response.status_code == 422
    assert message in read_words(response)
    assert Customer.objects.values().get() == before


def test_a_childs_birth_date_is_confirmed_and_one_in_the_future_is_none(customer, maker):
    tomorrow, today = (clock.today() + timedelta(days) for days in (1, 0))
    future = send(maker, "customer-edit", customer, date_of_birth=f"{tomorrow:%d-%m-%Y}")
    assert "Enter the date of birth as DD-MM-YYYY, not later than today." in read_words(future)
    said = {"date_of_birth": f"{today:%d-%m-%Y}"}
    warned = send(maker, "customer-edit", customer, **said)
    assert (warned.status_code, "under 10 years old" in read_words(warned)) == (422, True)
    said["child_born"] = today.isoformat()
    assert send(maker, "customer-edit", customer, **said).status_code == 302
    assert Customer.objects.get().date_of_birth == today


def test_a_form_that_nobody_touched_says_nothing(customer, maker):
    response = send(maker, "customer-edit", customer)
    assert response.status_code == 422
    assert NOTHING_MESSAGE in read_words(response)
    assert AuditEntry.objects.filter(action="customer updated").count() == 0


def test_what_a_processor_changed_meanwhile_is_not_undone(customer, maker):
    address = reverse("customer-edit", args=[customer.pk])
    opened = read_form(maker.get(address).context["form"])
    Customer.objects.filter(pk=customer.pk).update(name="Meera Rao")
    customer.accounts.update(status="C")
    assert maker.post(address, {**opened, "city": "Chennai"}).status_code == 302
    customer.refresh_from_db()
    assert (customer.name, customer.city) == ("Meera Rao", "Chennai")
    assert customer.accounts.get().status == "C"


def test_accounts_and_cards_change_their_status_and_a_check_hears_of_it(ent, customer, maker):
    account, card = customer.accounts.get(), customer.cards.get()
    named = {"account_number": account.number}
    assert make_check(ent, customer.pk, 100, **named)[0].is_allowed
    changes = {f"account_{account.pk}": "F", f"card_{card.pk}": "C"}
    assert send(maker, "customer-edit", customer, **changes).status_code == 302
    assert make_check(ent, customer.pk, 100, **named)[0].reason == "ACCOUNT_NOT_ACTIVE"
    card.refresh_from_db()
    assert card.status == "C"
    _, _, detail = find_last_audit(customer)
    assert detail["changes"]["cards"] == [["••••4321", "A", "C"]]
    assert account.number not in json.dumps(detail)


def test_the_name_finds_the_customer_and_the_old_one_no_longer(customer, maker):
    send(maker, "customer-edit", customer, customer_name="Kavya Rao")
    assert search.find_by_name("kavya", most=5) == [customer.pk]
    assert search.find_by_name("meera", most=5) == []


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("mobile_number", "12", "Enter a mobile number of 10 digits"),
        ("date_of_birth", "02/31/1991", "Enter the date of birth as DD-MM-YYYY"),
        ("email_id", "nobody", "Enter an e-mail address with one @"),
        ("city", "x" * 101, "Enter at most 100 characters."),
    ],
)
def test_what_is_malformed_is_said_in_a_sentence_that_says_what_to_enter(
    customer, maker, field, value, message
):
    before = Customer.objects.values().get()
    response = send(maker, "customer-edit", customer, **{field: value})
    assert response.status_code == 422
    assert message in read_words(response)
    assert Customer.objects.values().get() == before


def test_anothers_mobile_is_refused_and_asks_for_a_review(ent, customer, maker):
    other = Customer.objects.get(pk=make_customer(ent))
    response = send(maker, "customer-edit", customer, mobile_number=other.mobile)
    assert response.status_code == 422
    assert "Check the mobile number: it is another customer’s." in read_words(response)
    review = DuplicateReview.objects.get()
    assert (review.customer, review.claimant) == (other, customer)
    customer.refresh_from_db()
    assert customer.mobile != other.mobile


def test_what_is_on_record_is_shown_masked(customer, maker):
    page = maker.get(reverse("customer-edit", args=[customer.pk])).content.decode()
    assert f"••••{customer.mobile[-4:]}" in page
    assert customer.mobile[2:] not in page
    assert customer.accounts.get().number not in page


def test_a_field_is_looked_at_as_one_writes_and_nothing_is_stored(customer, maker):
    address = reverse("customer-edit", args=[customer.pk])
    body = {"mobile_number": "12", "looking": "1"}
    response = maker.post(address, body, headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert "Enter a mobile number of 10 digits" in read_words(response)
    right = {"city": "Goa", "looking": "1"}
    maker.post(address, right, headers={"HX-Request": "true"})
    customer.refresh_from_db()
    assert customer.city == "Pune"


# KYC.


def test_new_min_kyc_is_recorded_at_once_with_who_did_it(ent, maker):
    customer = Customer.objects.get(pk=make_customer(ent, kyc_flag="N"))
    response = send(maker, "customer-kyc", customer, kyc_flag="P", kyc_updated_on="03-04-2025")
    assert response.status_code == 302
    customer.refresh_from_db()
    assert customer.tier == "P"
    assert customer.tier_since == customer.kyc_updated_on
    change = KycChange.objects.order_by("pk").last()
    user = response.wsgi_request.user
    assert (change.from_tier, change.to_tier, change.user) == ("N", "P", user)
    assert find_last_audit(customer)[2]["changes"]["kyc_flag"] == ["N", "P"]


@pytest.mark.parametrize(("tier", "to"), [("P", "F"), ("F", "P"), ("F", "N"), ("P", "N")])
def test_full_kyc_and_a_lower_one_are_proposed(ent, maker, tier, to):
    customer = Customer.objects.get(pk=make_customer(ent, kyc_flag=tier, **PAN))
    unsaid = send(maker, "customer-kyc", customer, kyc_flag=to)
    assert unsaid.status_code == 422
    assert unsaid.context["form"].errors["reason"] == ["Enter the reason."]
    assert send(maker, "customer-kyc", customer, kyc_flag=to, reason="Seen").status_code == 302
    proposal = KycProposal.objects.get()
    assert (proposal.from_tier, proposal.to_tier, proposal.state) == (tier, to, "PROPOSED")
    customer.refresh_from_db()
    assert customer.tier == tier


def test_a_tier_that_a_processor_raised_meanwhile_is_not_lowered(ent, maker):
    customer = Customer.objects.get(pk=make_customer(ent, kyc_flag="N"))
    address = reverse("customer-kyc", args=[customer.pk])
    opened = read_form(maker.get(address).context["form"])
    Customer.objects.filter(pk=customer.pk).update(tier="P")
    assert maker.post(address, {**opened, **PAN, "reason": "Seen"}).status_code == 302
    customer.refresh_from_db()
    assert (customer.tier, Document.objects.count()) == ("P", 1)
    assert not KycProposal.objects.exists()


def test_a_tier_chosen_on_another_ground_is_asked_for_once_more(ent, maker):
    customer = Customer.objects.get(pk=make_customer(ent, kyc_flag="N", **PAN))
    address = reverse("customer-kyc", args=[customer.pk])
    chosen = {**read_form(maker.get(address).context["form"]), "kyc_flag": "P", "reason": "Seen"}
    Customer.objects.filter(pk=customer.pk).update(tier="F")
    said = maker.post(address, chosen)
    assert said.status_code == 422
    assert "The KYC has changed meanwhile: it is Full KYC now. Choose once more." in read_words(
        said
    )
    assert not KycProposal.objects.exists()
    again = {**chosen, "initial-kyc_flag": "F"}
    assert '<input type="hidden" name="initial-kyc_flag" value="F"' in said.content.decode()
    assert maker.post(address, again).status_code == 302
    assert (KycProposal.objects.get().from_tier, KycProposal.objects.get().to_tier) == ("F", "P")


def test_full_kyc_without_any_document_is_refused(customer, maker):
    response = send(maker, "customer-kyc", customer, kyc_flag="F", reason="Seen")
    assert response.status_code == 422
    assert "no document is on record" in read_words(response)
    assert not KycProposal.objects.exists()


def test_a_second_proposal_is_refused_while_one_waits(customer, maker):
    body = {"kyc_flag": "F", "reason": "Seen", **PAN}
    assert send(maker, "customer-kyc", customer, **body).status_code == 302
    address = reverse("approval", args=["kyc", KycProposal.objects.get().pk])
    page = maker.get(reverse("customer-kyc", args=[customer.pk])).content.decode()
    assert f'A proposal waits already, and one is enough: <a href="{address}">' in page
    again = send(maker, "customer-kyc", customer, **body)
    assert again.status_code == 422
    assert (
        "A KYC change is proposed already: it has to be approved or rejected first."
        in read_words(again)
    )


def test_a_document_alone_is_recorded_at_once(customer, maker):
    assert send(maker, "customer-kyc", customer, **PAN).status_code == 302
    assert Document.objects.get().reveal() == "ABCPE1234F"
    assert find_last_audit(customer)[2]["changes"]["document"] == "PAN"


def test_kyc_that_is_as_it_was_says_nothing(customer, maker):
    response = send(maker, "customer-kyc", customer, reason="Just so")
    assert response.status_code == 422
    assert NOTHING_MESSAGE in read_words(response)


# Blocking.


def test_a_block_counts_from_the_next_check_on(ent, customer, maker):
    assert make_check(ent, customer.pk, 100)[0].is_allowed
    assert send(maker, "customer-block", customer, reason="Card stolen").status_code == 302
    assert make_check(ent, customer.pk, 100)[0].reason == "CUSTOMER_BLOCKED"
    assert find_last_audit(customer)[2] == {"reason": "Card stolen"}


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_nobody_is_blocked_without_a_reason_that_fits(customer, maker, reason):
    response = send(maker, "customer-block", customer, reason=reason)
    assert response.status_code == 422
    customer.refresh_from_db()
    assert not customer.is_blocked


def test_unblocking_is_proposed_and_needs_a_block(customer, maker):
    assert send(maker, "customer-unblock", customer, reason="Found").status_code == 422
    blocking.block(customer_id=customer.pk, reason="Lost", user=make_user("maker"))
    assert send(maker, "customer-unblock", customer, reason="Found").status_code == 302
    customer.refresh_from_db()
    assert customer.is_blocked
    assert Unblocking.objects.get().reason == "Found"


# What holds for all of them.

PAGES = ["customer-edit", "customer-kyc", "customer-block", "customer-unblock"]


@pytest.mark.parametrize("name", PAGES)
def test_a_customer_who_is_not_there_is_404(maker, name):
    assert maker.get(reverse(name, args=[100000000000001])).status_code == 404


@pytest.mark.parametrize("name", PAGES)
def test_it_takes_a_bounded_number_of_queries(customer, maker, name, django_assert_max_num_queries):
    with django_assert_max_num_queries(11):  # two count what waits, one asks whom the id means
        maker.get(reverse(name, args=[customer.pk]))


def test_what_staff_have_done_verifies(ent, customer, maker):
    send(maker, "customer-edit", customer, mobile_number=draw_mobile())
    send(maker, "customer-kyc", customer, **PAN)
    send(maker, "customer-kyc", customer, kyc_flag="F", reason="Seen")
    proposal = reverse("approval", args=["kyc", KycProposal.objects.get().pk])
    open_browser("checker").post(proposal, {"decision": "approve"})
    customer.refresh_from_db()
    assert customer.tier == "F"
    assert [str(finding) for finding in verify()] == []
