"""One transaction: a timeline of its steps, with all that is kept of them, masked."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from customers.details import CustomerDetails
from customers.services import blocking, customers
from limits.models import LedgerEntry
from ppims.backoffice.transaction_rows import SOURCE_SLUGS
from ppims.core import clock
from ppims.models import AuditEntry, Operation
from ppims.reports.activity import list_every_record
from ppims.reports.records import Source
from ppims.services.idempotency import Call
from tests.factories import draw_ref, make_check, make_customer, make_posting
from tests.ledger.histories import adjust
from tests.two_people import merge_customers
from tests.web.admin_pages import make_user, open_browser, read_words

pytestmark = pytest.mark.django_db
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)  # noon in India
MIDNIGHT = datetime(2031, 6, 16, 18, 30, tzinfo=UTC)  # when that day began
HTMX = {"HX-Request": "true"}
LIMIT = 1_000_000
CARD = "6070800000004321"


def make_customer_at(processor, at=AT, **details):
    with clock.freeze(at):
        return make_customer(processor, **details)


def ask(processor, customer, paise=LIMIT + 1, at=AT, **more):
    with clock.freeze(at):
        return make_check(processor, customer, paise, **more)[0]


def open_detail(source, row_id, role="viewer"):
    return open_browser(role).get(f"/transactions/{source}/{row_id}")


def list_said(page, step=0):
    return {fact.label: fact.value for fact in page.context["steps"][step].facts}


def test_a_declined_check_says_why_and_what_would_have_passed(ent):
    customer = make_customer_at(ent)
    with clock.freeze(AT):
        make_posting(ent, customer, 900_000)
    hold = ask(ent, customer, 40_000)
    row = ask(ent, customer, 70_000, ref_id="C1")
    facts = list_said(open_detail("check", row.pk))
    assert facts["Why"] == (
        "Declined: over the month’s limit. ₹9,000.00 of ₹10,000.00 was used in the calendar month,"
        " and ₹400.00 on hold: ₹600.00 was left, less than the ₹700.00 asked for."
        " Up to ₹600.00 would have passed."
        " All of it would have passed had what was on hold been given back."
    )
    assert (facts["Reason"], facts["Ref_Id"]) == ("MONTH_LIMIT", "C1")
    assert facts["Unique_Id"] == str(customer)
    assert list_said(open_detail("check", hold.pk))["Why"] == (
        "Allowed. With it ₹9,400.00 of ₹10,000.00 was used or on hold in the calendar month:"
        " ₹600.00 was left."
    )


def test_where_nothing_is_left_it_says_until_when(ent):
    customer = make_customer_at(ent)
    with clock.freeze(AT):
        make_posting(ent, customer, LIMIT)
    facts = list_said(open_detail("check", ask(ent, customer, 1).pk))
    assert facts["Why"].endswith("It resets on 1 Jul 2031; from then on it could pass.")


def test_a_check_that_no_rule_decided_says_so_plainly(ent):
    row = ask(ent, make_customer_at(ent), 1, account_number="999900001111")
    page = open_detail("check", row.pk)
    assert list_said(page)["Why"].startswith("Declined: account not active. Account")
    assert list_said(page)["Account"] == "••••1111"


def test_numbers_are_masked_wherever_they_are_kept(ent):
    customer = make_customer_at(
        ent, card_number=CARD, card_status="A", mobile_number="919812345678"
    )
    row = ask(ent, customer, 1, card_number=CARD, account_number="999900001111")
    with clock.freeze(AT):
        call = Call(ent, Operation.UPDATE_CUSTOMER, draw_ref(), {})
        details = CustomerDetails(
            unique_id=customer, mobile_number="919812345679", email_id="meera@example.in"
        )
        customers.update_customer(call=call, details=details)
    updated = AuditEntry.objects.get(action="customer updated")
    pages = [open_detail("check", row.pk, "auditor"), open_detail("audit", updated.pk, "auditor")]
    shown = "".join(page.content.decode() for page in pages)
    for secret in (CARD, "999900001111", "919812345678", "919812345679", "meera@"):
        assert secret not in shown
    assert "••••4321" in shown
    assert list_said(pages[1])["Changed"] == "email, mobile"


def test_it_opens_as_a_timeline_whichever_step_is_asked_for(ent):
    customer = make_customer_at(ent)
    row = ask(ent, customer, 50_000, ref_id="C1")
    with clock.freeze(AT + timedelta(minutes=1)):
        posting, _ = make_posting(ent, customer, 40_000, enquiry="C1", tran_id="T1")
        reversal, _ = make_posting(ent, customer, 10_000, kind="R", tran_id="T1")
    for place, (source, row_id) in enumerate(
        [("check", row.pk), ("entry", posting.pk), ("entry", reversal.pk)]
    ):
        page = open_detail(source, row_id)
        steps = page.context["steps"]
        assert [step.line.row.id for step in steps] == [row.pk, posting.pk, reversal.pk]
        assert [step.is_asked for step in steps] == [n == place for n in range(3)]
        assert page.content.decode().count('aria-current="step"') == 1
    words = read_words(page)
    for said in (
        "Spend ₹400.00 Posted with another amount, ₹100.00 given back · Meera Iyer",
        "Check allowed ₹500.00 17 Jun 2031, 12:00 PM, ENT",
        "Posted with another amount ₹400.00 17 Jun 2031, 12:01 PM, ENT",
        "Reversed ₹100.00 17 Jun 2031, 12:01 PM, ENT",
    ):
        assert said in words
    facts = list_said(page, 1)
    assert facts["Flagged"] == "₹400.00 was posted, where ₹500.00 was checked."
    assert (facts["Tran_Id"], facts["Counts in"], facts["Flags"]) == (
        "T1",
        "Jun 2031",
        "AMOUNT_DIFFERS",
    )
    links = [fact.address for step in steps for fact in step.facts if fact.address]
    assert links == [reverse("flagged-posting", args=[posting.pk])]  # the steps are there already


def test_an_adjustment_says_its_reason(ent):
    customer = make_customer_at(ent)
    with clock.freeze(AT):
        adjust(customer, 203106, 1_000)
    entry = LedgerEntry.objects.get()
    assert list_said(open_detail("entry", entry.pk))["Reason"] == entry.adjustment.reason


def test_the_reason_of_what_staff_did_is_for_those_who_read_the_audit(ent):
    blocking.block(customer_id=make_customer_at(ent), reason="lost it", user=make_user("maker"))
    entry = AuditEntry.objects.get(action="customer blocked")
    assert "lost it" not in open_detail("audit", entry.pk).content.decode()
    assert list_said(open_detail("audit", entry.pk, "auditor"))["Reason"] == "lost it"


def test_htmx_opens_a_row_in_its_place_and_closes_it_again(ent):
    row = ask(ent, make_customer_at(ent))
    client = open_browser("viewer")
    address = f"/transactions/check/{row.pk}"
    is_open = client.get(f"{address}?open", headers=HTMX).content.decode()
    closed = client.get(f"{address}?closed", headers=HTMX).content.decode()
    assert is_open.strip().startswith("<tbody")
    assert 'aria-expanded="true"' in is_open
    assert f'hx-get="{address}?closed"' in is_open
    assert "<dl" in is_open
    assert 'aria-expanded="false"' in closed
    assert f'hx-get="{address}?open"' in closed
    assert "<dl" not in closed


def test_in_a_list_of_every_record_a_record_opens_alone(ent):
    customer = make_customer_at(ent)
    row = ask(ent, customer, 50_000, ref_id="C1")
    with clock.freeze(AT):
        make_posting(ent, customer, 50_000, enquiry="C1")
    client = open_browser("viewer")
    address = f"/transactions/check/{row.pk}?open"
    listed = client.get("/transactions?every=all").content.decode()
    assert f"{address}&amp;alone" in listed
    assert client.get(address, headers=HTMX).content.count(b"<li") == 2
    assert client.get(f"{address}&alone", headers=HTMX).content.count(b"<li") == 1


@pytest.mark.parametrize("source", Source)
def test_a_row_of_each_source_opens_with_few_queries(ent, source, django_assert_max_num_queries):
    customer = make_customer_at(ent)
    full = {"kyc_flag": "F", "ovid_type": "PAN", "ovid_value": "ABCPE1234F"}
    call = Call(ent, Operation.UPDATE_CUSTOMER, draw_ref(), {})
    with clock.freeze(AT):
        make_check(ent, customer, 50_000, ref_id="C1")
        make_posting(ent, customer, 40_000, enquiry="C1", tran_id="T1")
        customers.update_customer(call=call, details=CustomerDetails(unique_id=customer, **full))
    row = next(row for row in list_every_record([customer]).rows if row.source == source)
    client = open_browser("auditor")
    client.get("/transactions")
    with django_assert_max_num_queries(37):
        page = client.get(reverse("transaction", args=[SOURCE_SLUGS[source], row.id]))
    assert page.status_code == 200
    assert all(step.facts for step in page.context["steps"])


def test_what_two_people_made_has_no_ref_id_and_no_call(ent, settings):
    settings.PPIMS_KEEPS_BODIES = True
    survivor, merged = make_customer_at(ent), make_customer_at(ent, MIDNIGHT + timedelta(hours=9))
    with clock.freeze(AT + timedelta(hours=1)):
        posted, _ = make_posting(ent, merged, 500)
        merge_customers(survivor, merged)
    moved = LedgerEntry.objects.filter(kind="M").first()
    for entry, named in ((posted, "Ref_Id"), (moved, "By")):
        facts = list_said(open_detail("entry", entry.pk, "auditor"))
        assert facts[named] == entry.ref_id
        assert ("Ref_Id" in facts, "Call" in facts) == 2 * (named == "Ref_Id",)
