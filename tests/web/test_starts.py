"""When a limit starts: on the first of a month to come, or at once, which is said in red."""

import io
import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.urls import reverse

from customers.models import Customer, DuplicateReview
from customers.services import blocking
from limits.forms import list_next_months
from limits.models import LedgerEntry, LimitCheck, RuleSet
from limits.services import rules, seals
from limits.services.rules import Proposal
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.models import AuditEntry
from tests.factories import make_check, make_customer, make_posting, make_processor
from tests.two_people import merge_customers, unmerge_customer
from tests.web.admin_pages import (
    make_user,
    open_browser,
    read_words,
    write_change_url,
    write_list_url,
)

pytestmark = pytest.mark.django_db
NO_START = "No start is given: it counts from the moment of approval, for 2 customers."
PASSED_START = (
    "The start, 12 Jan 2026, has passed: it counts from the moment of approval, for 2 customers."
)
CHANGE = {"tiers": "P", "directions": "D", "window": "MONTH", "amount": "11000", "source": "Board"}
RULE = {"tier": "P", "direction": "D", "window": "MONTH", "amount": 5, "source": "Board"}


@pytest.fixture
def two_customers():
    ent = make_processor("ENT")
    for tier in ("P", "P", "N"):
        make_customer(ent, kyc_flag=tier)


def propose(client, start, **more):
    body = {**CHANGE, "start": start, "months": "3", **more}
    return client.post(reverse("limits-change"), body, follow=True)


def find_newest():
    return RuleSet.objects.latest("pk")


def write_address(rule_set):
    return reverse("approval", args=["limit-change", rule_set.pk])


def list_red(page):
    """List what a page writes in red."""
    found = re.findall(r'class="error"?>([^<]+)<', page.content.decode())
    return [text.strip() for text in found if text.strip()]


def test_the_next_months_are_offered_and_the_first_is_chosen():
    client = open_browser("admin")
    with clock.freeze(datetime(2026, 11, 30, 18, 29, 59, tzinfo=UTC)):
        form = client.get(reverse("limits-change")).context["form"]
        assert form["start"].subwidgets[0].data["value"] == "2026-12-01"
    with clock.freeze(datetime(2026, 11, 30, 18, 30, tzinfo=UTC)):
        form = client.get(reverse("limits-change")).context["form"]
        assert [each.data["label"] for each in form["start"]][::11] == ["1 Jan 2027", "1 Dec 2027"]
        assert form["start"].subwidgets[-1].data["value"] == "approval"
        # Who had the page open before is told, and nothing is proposed.
        late = propose(client, "2026-12-01")
        assert list(late.context["form"].errors) == ["start"]
    assert not RuleSet.objects.exists()


def test_a_start_is_the_first_of_the_month_in_india():
    client = open_browser("admin")
    with clock.freeze(datetime(2031, 11, 3, 6, tzinfo=UTC)):
        page = propose(client, "2031-12-01")
        assert "1 Dec 2031" in read_words(page)
    assert find_newest().rules.get().in_force_from.isoformat() == "2031-11-30T18:30:00+00:00"


def test_maker_and_checker_read_in_red_that_it_counts_from_its_approval(two_customers):
    maker, checker = open_browser("admin"), open_browser("admin")
    assert list_red(propose(maker, "approval")) == [NO_START]
    address = write_address(find_newest())
    for page in ("/work/approvals", address):
        assert list_red(checker.get(page)) == [NO_START], page
    assert "When it is approved" in read_words(checker.get(address))
    checker.post(address, {"decision": "approve"})
    started = find_newest().rules.get().in_force_from
    assert abs(started - clock.now()) < timedelta(minutes=1)
    for page in ("/work/approvals", address):
        assert list_red(checker.get(page)) == [], page


def test_a_start_that_has_passed_while_it_waited_is_said_in_red(two_customers):
    maker, checker = open_browser("admin"), open_browser("admin")
    asked = Proposal("P", "D", "MONTH", 5, "A test", datetime(2026, 1, 11, 18, 30, tzinfo=UTC))
    proposed = rules.propose(proposals=[asked], user=make_user("admin"))
    for client in (maker, checker):
        assert list_red(client.get(write_address(proposed))) == [PASSED_START]


def test_who_was_merged_into_another_is_no_customer_whom_it_touches(two_customers):
    at, ids = clock.now(), list(Customer.objects.filter(tier="P").values_list("pk", flat=True))
    proposed = rules.propose(
        proposals=[Proposal("P", "D", "MONTH", 5, "A test")], user=make_user("admin")
    )
    assert rules.describe_set_starts([proposed], at) == {proposed.pk: NO_START}
    merged_id = merge_customers(*ids).merged_id
    (said,) = rules.describe_set_starts([proposed], at).values()
    assert said.endswith("for 1 customer.")
    unmerge_customer(merged_id)
    assert rules.describe_set_starts([proposed], at) == {proposed.pk: NO_START}


FIRST_OF_DECEMBER = datetime(2031, 11, 30, 18, 30, tzinfo=UTC)  # 00:00 in India
DECEMBER_START = (
    "The start, 1 Dec 2031, has passed: it counts from the moment of approval, for 2 customers."
)


@pytest.mark.parametrize(
    ("before", "red"), [(timedelta(microseconds=1), []), (timedelta(), [DECEMBER_START])]
)
def test_at_the_first_of_the_month_in_india_a_start_has_passed(two_customers, before, red):
    maker, checker = open_browser("admin"), open_browser("admin")
    with clock.freeze(FIRST_OF_DECEMBER - timedelta(days=3)):
        assert list_red(propose(maker, "2031-12-01")) == []
        address = write_address(find_newest())
    with clock.freeze(FIRST_OF_DECEMBER - before):
        page = checker.get(address)
        assert list_red(page) == list_red(checker.get("/work/approvals")) == red
        assert ("When it is approved" in read_words(page)) == bool(red)


@pytest.mark.parametrize("late", [-timedelta(hours=1), timedelta(), timedelta(hours=1)])
def test_a_limit_of_the_first_decides_from_then_or_from_its_later_approval_on(late):
    """What was decided before the approval stays; in UTC it is November still."""
    ent = make_processor("ENT")
    customer = make_customer(ent, kyc_flag="P")
    with clock.freeze(FIRST_OF_DECEMBER - timedelta(days=3)):
        propose(open_browser("admin"), "2031-12-01", amount="1000")
    with clock.freeze(FIRST_OF_DECEMBER + late):
        approver = open_browser("admin")
        approver.post(write_address(find_newest()), {"decision": "approve"})
    start = find_newest().rules.get().in_force_from
    assert start == FIRST_OF_DECEMBER + max(late, timedelta())
    allowed = []
    for moment in (start - timedelta(microseconds=1), start):
        with clock.freeze(moment):
            allowed.append(make_check(ent, customer, 100_001)[0].is_allowed)
    assert allowed == [True, False]


def test_of_a_start_that_is_to_come_nothing_is_said(two_customers):
    maker = open_browser("admin")
    page = propose(maker, list_next_months(clock.now())[1].isoformat())
    assert list_red(page) == []
    assert list_red(maker.get("/work/approvals")) == []


def test_a_start_has_passed_at_its_very_instant():
    at = clock.now()
    for start, is_said in ((at, True), (at + timedelta(microseconds=1), False)):
        asked = Proposal("P", "D", "MONTH", 5, "A test", start)
        proposed = rules.propose(proposals=[asked], user=make_user("admin"))
        assert bool(rules.describe_set_starts([proposed], at)) == is_said


def test_many_proposals_are_counted_for_at_once(two_customers, django_assert_num_queries):
    passed = clock.now() - timedelta(days=1)
    for tier in "NPF":
        asked = [Proposal(tier, way, "MONTH", 5, "A test", passed) for way in "DC"]
        rules.propose(proposals=asked, user=make_user("admin"))
    both = [Proposal(tier, "D", "MONTH", 5, "A test") for tier in "NP"]
    rules.propose(proposals=both, user=make_user("admin"))
    proposed = list(RuleSet.objects.order_by("pk").prefetch_related("rules"))
    with django_assert_num_queries(2):
        said = rules.describe_set_starts(proposed, clock.now())
    assert [text[-16:] for text in said.values()] == [
        *(" for 1 customer.", "for 2 customers.", "for 0 customers.", "for 3 customers.")
    ]


def test_who_proposes_a_pack_reads_it_too(two_customers, tmp_path):
    pack = tmp_path / "pack.json"
    pack.write_text(json.dumps({"rules": [{**RULE, "in_force_from": None}]}))
    told = io.StringIO()
    admin_user = make_user("admin").username
    call_command("load_rules", pack, proposed_by=admin_user, stdout=io.StringIO(), stderr=told)
    assert told.getvalue() == f"{NO_START}\n"


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
    propose(open_browser("admin"), list_next_months(clock.now())[0].isoformat())
    blocking.block(customer_id=pk, reason="Card stolen", user=make_user("maker"))
    entry, asked = LedgerEntry.objects.latest("pk"), LimitCheck.objects.latest("pk")
    pages = ["/overview", "/work/reviews", "/work/flagged", "/transactions", "/customers"]
    pages += [
        "/settings/limits",
        "/work/approvals",
        f"/customers/{pk}",
        f"/transactions/check/{asked.pk}",
    ]
    pages += [
        f"/transactions/entry/{entry.pk}",
        write_address(find_newest()),
        "/settings/limits/change",
    ]
    pages += [reverse("limits-pack", args=["limit_rules_rbi_2021"])]
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
            page = client.get(address, follow=True)
            assert page.status_code in {200, 403}, address
            words = read_words(page)
            read += len(re.findall(r"\d{1,2} [A-Z][a-z]{2} \d{4}", words))
            if other := OTHER_DATE_FORMATS.findall(words):
                found[address] = other
    assert read > 40
    assert found == {}
