"""Rows of the audit outside the admin: who did what to whom, in words; on pages and in the CSV."""

import csv
import io
import json

import pytest
from django.urls import reverse

from limits.forms import list_next_months
from ppims.backoffice.audit_text import DEEDS
from ppims.backoffice.transaction_rows import make_lines
from ppims.core import clock
from ppims.core.formats import ist_date
from ppims.models import AuditEntry, User
from ppims.reports.keyset import Position
from ppims.reports.records import AUDIT_RANK, read_rows
from ppims.services import audit
from tests.factories import make_customer
from tests.web.admin_pages import (
    make_user,
    open_browser,
    read_words,
)
from tests.web.users import reset_password

pytestmark = pytest.mark.django_db
NEW_CUSTOMER = {
    "ref_id": f"STAFF-{'0' * 24}",
    "system_id": "ENT",
    "customer_name": "Meera Iyer",
    "mobile_number": "9812345678",
    "date_of_birth": "14/02/1991",
    "customer_id": "C1",
    "account_number": "A1",
    "account_status": "A",
    "kyc_flag": "N",
    "kyc_updated_channel": "BRN",
    "customer_type": "N",
}
CHANGE = {
    "tiers": "P",
    "directions": "D",
    "window": "MONTH",
    "amount": "11000",
    "source": "Board",
    "months": "3",
}


def read_list():
    """Read what the audit tells, the newest first, as the words of rows."""
    newest = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True)
    rows = read_rows([Position(0, AUDIT_RANK, pk) for pk in newest])
    return [(line.kind, line.said, line.who) for line in make_lines(rows)]


def test_who_on_boarded_is_the_person_for_the_processor(ent):
    client = open_browser("maker")
    added = client.post(reverse("onboard"), NEW_CUSTOMER)
    assert added.status_code == 302
    name = client.get("/settings/limits").wsgi_request.user.username
    both = f"{name}, for ENT"
    assert ("Customer added", "", both) in read_list()
    page = read_words(client.get(added["Location"]))
    assert page.count(both) >= 2  # in the facts, and in what happened
    sent = open_browser("auditor").post(f"{added['Location']}/statement", {"when": ""})
    rows = list(csv.reader(io.StringIO(sent.content.decode("utf-8-sig"))))
    assert [row[5:7] for row in rows if row[1] == "Customer added"] == [["ENT", name]]


def test_what_a_processor_adds_is_the_processors(ent):
    pk = make_customer(ent)
    client = open_browser("viewer")
    assert ("Customer added", "", "ENT") in read_list()
    assert "by ENT" in read_words(client.get(reverse("customer", args=[pk])))


def test_a_row_says_what_was_done_to_whom(ent):
    admins = open_browser("admin")
    person = {"username": "aud2", "role": "auditor", "reason": "Joins"}
    admins.post(reverse("staff-add"), person)
    reset_password(make_user("viewer", first_name="Lost"))
    start = list_next_months(clock.now())[0]
    admins.post(reverse("limits-change"), {**CHANGE, "start": start.isoformat()})
    name = User.objects.get(first_name="Lost").username
    assert [deed for deed, _, _ in read_list()][:5] == [
        f"Proposed New Min, spend, month: ₹10,000 → ₹11,000 from {ist_date(start)}",
        f"Gave user {name} a one-time password",
        f"Approved: reset the password of {name}",
        f"Proposed to reset the password of {name}",
        "Proposed to add aud2 as auditor",
    ]


def test_a_changed_user_has_a_page_too(ent):
    """Django's admin told changes as a list of its own: it is said, and takes no page down."""
    user, client = make_user("viewer"), open_browser("admin")
    fields = [{"changed": {"fields": ["Role", "Active"]}}]
    detail = {"username": user.username, "groups": ["checker"], "changes": fields}
    entry = audit.record("user changed", at=clock.now(), detail=detail)
    page = read_words(client.get(reverse("transaction", args=["audit", entry.pk])))
    assert f"Changed user {user.username}, now checker: role and active" in page


@pytest.mark.parametrize("action", sorted(DEEDS))
def test_a_row_of_no_action_is_a_fault_whatever_its_detail(action, ent):
    """Of another version, perhaps; it is said as it is written then."""
    detail = {"changes": ["x"], "finding": "LOST", "outcome": "LOST", "month": 209999, "groups": ""}
    detail |= {"report": 1, "amount_paise": 1}
    row = AuditEntry(subject=0, number=10**6, at="2031-06-17 00:00:00+00:00", action=action)
    row.detail, row.mac = json.dumps(detail), b""
    row.save()
    client = open_browser("viewer")
    assert read_list()
    assert client.get(reverse("transaction", args=["audit", row.pk])).status_code == 200
