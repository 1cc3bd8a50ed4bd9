"""When a rule starts: typed day first, and said in red where it would count at once."""

import io
import re
from datetime import date, timedelta

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.urls import reverse

from customers.models import DuplicateReview
from customers.services import blocking
from limits.models import LedgerEntry, LimitCheck, LimitRule
from limits.services import rules, seals
from limits.services.rules import Proposal
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.models import AuditEntry
from tests.factories import make_check, make_customer, make_posting, make_processor
from tests.web.admin_pages import (
    make_user,
    open_browser,
    read_words,
    run_action,
    write_add_url,
    write_change_url,
    write_list_url,
)

pytestmark = pytest.mark.django_db
NO_START = "No start is given: it counts from the moment of approval, for 2 customers."
PASSED_START = (
    "The start, 12 Jan 2026, has passed: it counts from the moment of approval, for 2 customers."
)
RULE = {"tier": "P", "direction": "D", "window": "MONTH", "amount": "11000", "source": "Board"}


@pytest.fixture
def two_customers():
    ent = make_processor("ENT")
    for tier in ("P", "P", "N"):
        make_customer(ent, kyc_flag=tier)


def propose(client, day, at="", **more):
    body = {**RULE, "in_force_from_0": day, "in_force_from_1": at, **more}
    return client.post(write_add_url("limits_limitrule"), body, follow=True)


def find_newest():
    return LimitRule.objects.latest("pk")


def list_red(page):
    """List what the admin, or a page of ours, writes in red."""
    found = re.findall(r'class="error(?:list"><li)?"?>([^<]+)<', page.content.decode())
    return [text.strip() for text in found]


@pytest.mark.parametrize("typed", ["01/12/2031", "01-12-2031", "1.12.2031", "1 Dec 2031"])
def test_the_1st_of_december_is_not_the_12th_of_january(typed):
    page = propose(open_browser("admin"), typed)
    assert find_newest().in_force_from.isoformat() == "2031-11-30T18:30:00+00:00"
    assert "1 Dec 2031" in read_words(page)


def test_the_form_says_how_a_day_is_written_and_speaks_of_no_other_clock():
    page = open_browser("admin").get(write_add_url("limits_limitrule")).content.decode()
    assert 'name="in_force_from_0" placeholder="DD-MM-YYYY"' in page
    assert [
        text for text in ("DateTimeShortcuts", "vDateField", 'type="date"') if text in page
    ] == []


@pytest.mark.parametrize("typed", ["12/31/2031", "9999-12-31", "01-01-0001", "31-12-1899"])
def test_what_is_no_day_of_ours_is_said_and_nothing_is_proposed(typed):
    before = LimitRule.objects.count()
    page = propose(open_browser("admin"), typed)
    assert list(page.context["adminform"].form.errors) == ["in_force_from"]
    assert LimitRule.objects.count() == before


@pytest.mark.parametrize(("typed", "said"), [("", NO_START), ("12-01-2026", PASSED_START)])
def test_maker_and_checker_read_in_red_that_it_counts_from_its_approval(two_customers, typed, said):
    maker, checker = open_browser("admin"), open_browser("admin")
    after = propose(maker, typed)
    assert next((m.message, m.level_tag) for m in after.context["messages"]) == (said, "error")
    rule = find_newest()
    approval = reverse("approval", args=["limit-rule", rule.pk])
    pages = write_list_url("limits_limitrule"), write_change_url(rule), "/work/approvals", approval
    for address in pages:
        assert list_red(checker.get(address)) == [said], address
    assert "When it is approved" in read_words(checker.get(approval))
    run_action(checker, rule, "approve")
    assert abs(find_newest().in_force_from - clock.now()) < timedelta(minutes=1)
    for address in pages:
        assert list_red(checker.get(address)) == [], address


def test_of_a_start_that_is_to_come_nothing_is_said(two_customers):
    maker = open_browser("admin")
    after = propose(maker, "01/12/2131", "10:15")
    assert [m.level_tag for m in after.context["messages"]] == ["success"]
    approval = reverse("approval", args=["limit-rule", find_newest().pk])
    for address in (
        write_list_url("limits_limitrule"),
        write_change_url(find_newest()),
        "/work/approvals",
        approval,
    ):
        assert list_red(maker.get(address)) == [], address


def test_a_start_has_passed_at_its_very_instant():
    at = clock.now()
    for start, is_said in ((at, True), (at + timedelta(microseconds=1), False)):
        asked = Proposal("P", "D", "MONTH", 5, "A test", start)
        proposed = rules.propose(proposals=[asked], user=make_user("admin"))
        assert bool(rules.describe_starts(proposed, at)) == is_said


def test_many_proposals_are_counted_for_at_once(two_customers, django_assert_num_queries):
    asked = [Proposal(tier, "D", "MONTH", 5, "A test") for tier in "NPF" * 3]
    proposed = rules.propose(proposals=asked, user=make_user("admin"))
    with django_assert_num_queries(1):
        said = rules.describe_starts(proposed, clock.now())
    assert [text[-16:] for text in list(said.values())[:3]] == [
        *(" for 1 customer.", "for 2 customers.", "for 0 customers.")
    ]


def test_who_proposes_a_pack_reads_it_too(two_customers, tmp_path):
    pack = tmp_path / "pack.json"
    row = {**RULE, "amount": 5, "in_force_from": None}
    pack.write_text(f'{{"rules": [{row}]}}'.replace("'", '"').replace("None", "null"))
    told = io.StringIO()
    admin_user = make_user("admin").username
    call_command("load_rules", pack, proposed_by=admin_user, stdout=io.StringIO(), stderr=told)
    assert told.getvalue() == f"New Min KYC, Spend, Calendar month: {NO_START}\n"


# Every page.

MONTHS = "Jan|Feb|March|April|May|June|July|Aug|Sept|Oct|Nov|Dec"
# "Dec. 1, 2026", "12/1/2026", "2026-12-01": in text, for addresses and attributes are no date's.
OTHER_DATE_FORMATS = re.compile(
    rf"(?:{MONTHS})\w*\.? \d{{1,2}}, \d{{4}}|\d/\d{{1,2}}/\d{{4}}|\d{{4}}-\d\d-\d\d"
)


def test_no_page_writes_a_day_in_another_order():
    """Each list, and a row of each, of everything that holds a day."""
    ent = make_processor("ENT")
    pk = make_customer(ent, mobile_number="919812345678", email_id="a@x.in")
    with pytest.raises(Conflict):
        make_customer(ent, mobile_number="919812345678", date_of_birth=date(1970, 1, 2))
    make_check(ent, pk, 100)
    make_posting(ent, pk, 100)
    make_check(ent, pk, 10**9)
    seals.make(user=make_user("auditor"))
    propose(open_browser("admin"), "01/12/2131")
    blocking.block(customer_id=pk, reason="Card stolen", user=make_user("maker"))
    entry, asked = LedgerEntry.objects.latest("pk"), LimitCheck.objects.latest("pk")
    pages = ["/overview", "/work/reviews", "/work/flagged", "/transactions", "/customers"]
    pages += [
        "/settings/limits",
        "/work/approvals",
        f"/customers/{pk}",
        f"/transactions/check/{asked.pk}",
    ]
    pages += [f"/transactions/entry/{entry.pk}", f"/work/approvals/limit-rule/{find_newest().pk}"]
    pages += [f"/work/reviews/{DuplicateReview.objects.latest('pk').pk}"]
    pages += [f"/transactions/audit/{row.pk}" for row in AuditEntry.objects.all()]
    pages += ["/settings/audit", *(f"/settings/audit/{row.pk}" for row in AuditEntry.objects.all())]
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        pages += [
            write_list_url(name),
            *(write_change_url(row) for row in model.objects.all()[:20]),
        ]
    found, read = {}, 0
    for role in ("auditor", "admin"):
        client = open_browser(role)
        for address in pages:
            page = client.get(address)
            assert page.status_code in {200, 403}, address
            words = read_words(page)
            read += len(re.findall(r"\d{1,2} [A-Z][a-z]{2} \d{4}", words))
            if other := OTHER_DATE_FORMATS.findall(words):
                found[address] = other
    assert read > 40
    assert found == {}
