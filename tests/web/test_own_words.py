"""Wherever staff write in their own words: no whole document or card number, no control characters;
said beside the field, and nothing of it is kept.
"""

from datetime import date

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.urls import reverse

from customers.models import DuplicateReview
from customers.services import blocking
from limits.models import Adjustment, LimitRule
from ppims.core.errors import Conflict
from ppims.models import StaffSession
from tests.factories import draw_mobile, make_customer, make_posting
from tests.web.admin_pages import make_user, open_browser, read_words

pytestmark = pytest.mark.django_db
REFUSED_WORDS = {
    "Aadhaar 2345 6789 0124": "write its last four digits",
    "card 4111-1111-1111-1111": "write its last four digits",
    "back\u202ewards": "control characters",
    "a\x07bell": "control characters",
}
CHANGE = {
    "tiers": "N",
    "directions": "D",
    "window": "MONTH",
    "amount": "100",
    "start": "approval",
    "months": "3",
}


def block(customer, ent):
    return "maker", reverse("customer-block", args=[customer]), "reason", {}


def unblock(customer, ent):
    blocking.block(customer_id=customer, reason="asked", user=make_user("maker"))
    return "maker", reverse("customer-unblock", args=[customer]), "reason", {}


def lower_kyc(customer, ent):
    shown = {"kyc_flag": "N", "initial-kyc_flag": "P", "kyc_updated_channel": "BRN"}
    return "maker", reverse("customer-kyc", args=[customer]), "reason", shown


def note(customer, ent):
    return "maker", reverse("customer-note", args=[customer]), "text", {}


def reveal(customer, ent):
    return "auditor", reverse("customer-reveal", args=[customer]), "reason", {}


def decide_review(customer, ent):
    mobile = draw_mobile()
    make_customer(ent, mobile_number=mobile)
    with pytest.raises(Conflict):
        make_customer(ent, mobile_number=mobile, date_of_birth=date(1960, 1, 1))
    item = DuplicateReview.objects.get()
    return "maker", reverse("review", args=[item.pk]), "note", {"finding": "SAME_PERSON"}


def note_flagged(customer, ent):
    entry, _ = make_posting(ent, customer, 100)
    address = reverse("flagged-posting", args=[entry.pk])
    return "maker", address, "note", {"finding": "GENUINE"}


def reject_proposal(customer, ent):
    maker = make_user("maker")
    blocking.block(customer_id=customer, reason="asked", user=maker)
    row = blocking.propose_unblocking(customer_id=customer, reason="asked", user=maker)
    return (
        "checker",
        reverse("approval", args=["unblocking", row.pk]),
        "note",
        {"decision": "reject"},
    )


def propose_rule(customer, ent):
    return "admin", reverse("limits-change"), "source", CHANGE


PLACES = [
    block,
    unblock,
    lower_kyc,
    note,
    reveal,
    decide_review,
    note_flagged,
    reject_proposal,
    propose_rule,
]


def read_everything():
    """Read every text of every table but of sessions."""
    kept = [model for model in apps.get_models() if model is not StaffSession]
    return str([list(model._base_manager.values()) for model in kept])


@pytest.mark.parametrize("place", PLACES)
def test_what_may_not_be_kept_is_refused_beside_its_field(customer, ent, place):
    role, address, field, more = place(customer, ent)
    client = open_browser(role)
    for text, message in REFUSED_WORDS.items():
        response = client.post(address, {**more, field: text})
        assert response.status_code == 422, read_words(response)
        assert message in read_words(response)
        assert text not in read_everything()
    allowed = f"asked; see {customer}, called from 9812345670, card ending 1111"
    assert client.post(address, {**more, field: allowed}).status_code == 302
    assert allowed in read_everything()


@pytest.mark.parametrize("text", REFUSED_WORDS)
def test_commands_refuse_it_too(customer, text):
    maker, month = make_user("maker").username, "2026-11"
    with pytest.raises(CommandError, match=REFUSED_WORDS[text]):
        call_command(
            *("adjust", "propose", str(customer), month, "D", "250.00"), reason=text, by=maker
        )
    assert not Adjustment.objects.exists()
    assert not LimitRule.objects.filter(state="PROPOSED").exists()


def test_names_of_processors_hold_no_control_characters():
    fields = {"system_id": "NEW", "name": "back\u202ewards", "reason": "Goes live"}
    response = open_browser("admin").post(reverse("processor-new"), fields)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["name"]


@pytest.mark.parametrize("field", ["first_name", "last_name", "reason"])
def test_names_of_staff_hold_no_control_characters(field):
    fields = {"username": "new", "role": "maker", "reason": "Joins", field: "back\u202ewards"}
    response = open_browser("admin").post(reverse("staff-add"), fields)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
