"""What waits about a customer, on the customer's page: each a link, which no button offers anew."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from customers.details import CustomerDetails
from customers.models import Customer, DuplicateReview
from customers.services import blocking, customers, kyc
from limits.services import adjustments
from limits.services.adjustments import Correction
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.models import Operation, User
from ppims.services.idempotency import Call
from tests.factories import ToldFactory, draw_ref, make_customer, make_posting, refuse
from tests.web.admin_pages import open_browser, read_words
from tests.web.private_customer import list_unmasked, make_meera

pytestmark = pytest.mark.django_db
AT = datetime(2031, 11, 25, 10, 47, tzinfo=UTC)
CORRECT = "Correct the month"
ROLES = ["viewer", "maker", "checker", "auditor", "admin"]
PAN = CustomerDetails(
    kyc_flag="F", kyc_updated_channel="BRN", ovid_type="PAN", ovid_value="ABCPE1234F"
)


@pytest.fixture(autouse=True)
def _now():
    with clock.freeze(AT):
        yield


@pytest.fixture
def meera(ent):
    return make_meera(ent)


@pytest.fixture
def farhan(db):
    return User.objects.create(username="farhan")


def look(customer, role="viewer"):
    return open_browser(role).get(reverse("customer", args=[customer]))


def read_tasks(page):
    """Read what waits: each one's address and words."""
    part = page.content.decode().partition('id="waits">')[2].partition("</ul>")[0]
    return [
        (address, " ".join(re.sub("<[^>]*>", " ", words).split()))
        for address, words in re.findall(r'<li><a href="([^"]+)">(.*?)</li>', part, re.DOTALL)
    ]


def read_buttons(page):
    part = page.content.decode().partition("<h1>")[2].partition("<p ")[0]
    found = re.findall(r'<a class="button" href="([^"]+)">.*?</svg>\s*(.*?)</a>', part, re.DOTALL)
    return {words.strip(): address for address, words in found}


def claim_mobile_of(customer, ent, name="Ananya Reddy"):
    mobile = Customer.objects.get(pk=customer).mobile
    stranger = ToldFactory(customer_name=name, mobile_number=mobile, date_of_birth=date(1961, 1, 1))
    call = Call(ent, Operation.ADD_CUSTOMER, draw_ref(), {})
    with pytest.raises(Conflict):
        customers.add_customer(call=call, details=stranger)
    return DuplicateReview.objects.latest("pk")


def test_where_nothing_waits_nothing_is_said(meera):
    assert "What waits" not in read_words(look(meera))


def test_proposals_say_by_whom_and_since_when(meera, farhan):
    with clock.freeze(AT - timedelta(days=400)):
        correction = adjustments.propose(
            correction=Correction(meera, 203010, "D", 250_00, "counted twice"), user=farhan
        )
    with clock.freeze(AT - timedelta(days=1)):
        blocking.block(customer_id=meera, reason="lost", user=farhan)
        unblocking = blocking.propose_unblocking(customer_id=meera, reason="found", user=farhan)
    change = kyc.change(customer_id=meera, details=PAN, reason="Seen", user=farhan)
    (first, corrected), (second, unblocked), (third, changed) = read_tasks(look(meera))
    assert (first, second, third) == (
        reverse("approval", args=["adjustment", correction.pk]),
        reverse("approval", args=["unblocking", unblocking.pk]),
        reverse("approval", args=["kyc", change.pk]),
    )
    assert "₹250.00" in corrected
    assert "Oct 2030" in corrected
    assert corrected.endswith("proposed by farhan, 21 Oct 2030")
    assert unblocked.endswith("Blocked by us → Active proposed by farhan, 24 Nov")
    assert changed.endswith("New Min KYC → Full KYC proposed by farhan, 25 Nov")


def test_postings_reviews_and_refused_reports_lead_to_their_queues(meera, ent):
    entry, _ = make_posting(ent, meera, 500_00, tran_id="T1")
    report = refuse(ent, meera, 9_00, "T1")
    with clock.freeze(AT + timedelta(seconds=1)):
        review = claim_mobile_of(meera, ent)
        assert read_tasks(look(meera)) == [
            (
                reverse("flagged-posting", args=[entry.pk]),
                "Flagged: spend ₹500.00, without a check ENT, 25 Nov",
            ),
            (
                reverse("refused-report", args=[report.pk]),
                "Refused report: spend ₹9.00 ENT, 25 Nov",
            ),
            (
                reverse("review", args=[review.pk]),
                "Meera Verma or Ananya Reddy? ENT, 25 Nov",
            ),
        ]


@pytest.mark.parametrize("role", ROLES)
def test_everybody_reads_what_waits_and_nothing_private_in_it(meera, ent, farhan, role):
    kyc.change(customer_id=meera, details=PAN, reason="Seen", user=farhan)
    make_posting(ent, meera, 5)
    claim_mobile_of(meera, ent)
    page = look(meera, role)
    assert len(read_tasks(page)) == 3
    assert list_unmasked(page) == []
    client = open_browser(role)
    assert {client.get(address).status_code for address, _ in read_tasks(page)} == {200}


# The buttons.


def test_what_was_proposed_is_not_offered_again_but_led_to(meera, farhan):
    assert list(read_buttons(look(meera, "maker"))) == ["Edit", "Upgrade KYC", CORRECT, "Block"]
    change = kyc.change(customer_id=meera, details=PAN, reason="Seen", user=farhan)
    buttons = read_buttons(look(meera, "maker"))
    assert list(buttons) == ["Edit", "KYC change waits", CORRECT, "Block"]
    assert buttons["KYC change waits"] == reverse("approval", args=["kyc", change.pk])
    blocking.block(customer_id=meera, reason="lost", user=farhan)
    assert list(read_buttons(look(meera, "maker"))) == [
        "Edit",
        "KYC change waits",
        CORRECT,
        "Unblock",
    ]
    unblocking = blocking.propose_unblocking(customer_id=meera, reason="found", user=farhan)
    buttons = read_buttons(look(meera, "maker"))
    said = "Unblocking proposed by farhan, 25 Nov"
    assert list(buttons) == ["Edit", "KYC change waits", CORRECT, said]
    assert buttons[said] == reverse("approval", args=["unblocking", unblocking.pk])


def test_who_may_not_propose_has_no_button_for_what_waits(meera, farhan):
    kyc.change(customer_id=meera, details=PAN, reason="Seen", user=farhan)
    assert read_buttons(look(meera, "checker")) == {}


def test_after_the_decision_it_is_offered_again(meera, farhan):
    change = kyc.change(customer_id=meera, details=PAN, reason="Seen", user=farhan)
    kyc.decide(proposal_id=change.pk, state="WITHDRAWN", user=farhan)
    page = look(meera, "maker")
    assert "Upgrade KYC" in read_buttons(page)
    assert read_tasks(page) == []


def test_what_waits_of_somebody_else_is_not_shown(meera, ent, farhan):
    other = make_customer(ent)
    make_posting(ent, other, 5)
    lower = CustomerDetails(kyc_flag="N", kyc_updated_channel="BRN")
    assert kyc.change(customer_id=other, details=lower, reason="Seen", user=farhan)
    page = look(meera, "maker")
    assert read_tasks(page) == []
    assert "Upgrade KYC" in read_buttons(page)
