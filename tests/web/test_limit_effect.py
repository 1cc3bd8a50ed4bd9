"""What a change of limits would have done, on the page where it is decided: asked for, being worked
out, found; and kept for the checker.
"""

from datetime import timedelta

import pytest
from django.urls import reverse

from limits.models import RuleSet
from limits.services import rules
from ppims.core import clock
from ppims.maintenance.jobs import run_next
from ppims.models import AuditEntry, Job
from ppims.services import jobs
from tests.factories import make_check, make_customer, make_processor
from tests.web.admin_pages import open_browser, read_words
from tests.web.test_change_limits import CHANGE, decide, find_newest, propose, write_address

pytestmark = pytest.mark.django_db
NOT_YET = "It was not worked out what this would have done."


@pytest.fixture
def ent():
    return make_processor("ENT")


@pytest.fixture
def check(ent):
    """A check that a limit of ₹7,000 would decline."""
    customer = make_customer(ent, kyc_flag="N", customer_name="Meera Iyer")
    return make_check(ent, customer, 700_001)[0]


def write_effect_address(rule_set):
    return reverse("limits-effect", args=[rule_set.pk])


def run_jobs():
    while run_next(jobs.name_runner()):
        pass


def test_proposing_asks_for_it_and_the_checker_reads_what_was_found(check):
    maker, checker = open_browser("admin"), open_browser("admin")
    propose(maker, amount="7000", months="12")
    address = write_address(find_newest())
    page = maker.get(address)
    assert "It begins as soon as the work before it is done." in read_words(page)
    assert f'hx-get="{write_effect_address(find_newest())}?poll=1" hx-trigger="every 2s"' in (
        page.content.decode()
    )
    run_jobs()
    page = checker.get(address)
    words = read_words(page)
    assert "1 check decided anew" in words
    assert "Newly declined All All 1 check 1 customer ₹7,000.01" in words
    assert "Newly declined Min ENT 1 check 1 customer ₹7,000.01" in words
    assert f"Newly declined, customer {check.customer_id}" in words
    assert "Meera" not in words
    html = page.content.decode()
    assert reverse("transaction", args=["check", check.pk]) in html
    assert reverse("customer", args=[check.customer_id]) in html
    assert "every 2s" not in html
    assert "Over this month 3 months 12 months" in words
    decide(checker, "approve")
    words = read_words(checker.get(address))
    assert "Newly declined Min ENT 1 check 1 customer ₹7,000.01" in words
    assert "Show what it would have done" not in words


def test_exactly_one_audit_entry_tells_of_it(check):
    propose(open_browser("admin"))
    before = AuditEntry.objects.count()
    run_jobs()
    entry = AuditEntry.objects.latest("pk")
    assert (AuditEntry.objects.count(), entry.action) == (before + 1, "limit change replayed")
    assert entry.user == find_newest().maker


def test_it_says_so_where_no_check_would_have_been_answered_otherwise(check):
    client = open_browser("admin")
    propose(client)
    run_jobs()
    words = read_words(client.get(write_address(find_newest())))
    assert "No check would have been answered otherwise." in words


def test_what_was_never_worked_out_is_said_and_can_be_asked_for(check):
    asked = [rules.Proposal("N", "D", "MONTH", 700_000, "a test")]
    proposed = rules.propose(proposals=asked, user=find_admin())
    address, client = write_address(proposed), open_browser("admin")
    assert NOT_YET in read_words(client.get(address))
    assert client.post(write_effect_address(proposed), {"months": "1"}).status_code == 302
    assert NOT_YET not in read_words(client.get(address))
    run_jobs()
    assert "Newly declined Min ENT 1 check 1 customer" in read_words(client.get(address))
    client.post(write_effect_address(proposed), {"months": "2"})
    assert "Choose over how many months." in read_words(client.get(address))


def find_admin():
    propose(open_browser("admin"), tiers=["F"])
    return find_newest().maker


def test_a_page_that_asks_how_far_it_is_gets_that_part_alone(check):
    client = open_browser("viewer")
    propose(open_browser("admin"))
    rule_set = find_newest()
    job = Job.objects.get()
    Job.objects.filter(pk=job.pk).update(
        state="RUNNING", claim="x", beat_at=clock.now(), done=45, total=100
    )
    part = client.get(write_effect_address(rule_set), headers={"HX-Request": "true"})
    assert "45 of 100 customers" in read_words(part)
    assert b"<html" not in part.content
    whole = client.get(write_effect_address(rule_set))
    assert (whole.status_code, whole["Location"]) == (302, write_address(rule_set))


def test_nobody_at_work_and_a_failure_are_said(check):
    client = open_browser("admin")
    propose(client)
    address = write_address(find_newest())
    Job.objects.update(asked_at=clock.now() - timedelta(minutes=2))
    assert "Nobody does background work now." in read_words(client.get(address))
    Job.objects.update(state="FAILED", ended_at=clock.now(), error="was cut off 3 times")
    words = read_words(client.get(address))
    assert "Not done: was cut off 3 times" in words
    assert NOT_YET in words


def test_what_is_decided_before_it_is_worked_out_keeps_nothing(check):
    client = open_browser("admin")
    propose(client)
    decide(open_browser("admin"), "approve")
    run_jobs()
    assert Job.objects.get().state == "DONE"
    assert find_newest().effect == ""
    client.post(write_effect_address(find_newest()), {"months": "1"})
    assert Job.objects.count() == 1


@pytest.mark.parametrize("role", ["viewer", "maker", "checker", "auditor"])
def test_others_see_it_and_do_not_ask_for_it(check, role):
    propose(open_browser("admin"))
    run_jobs()
    client = open_browser(role)
    words = read_words(client.get(write_address(find_newest())))
    assert "What it would have done" in words
    assert "Show what it would have done" not in words
    assert client.post(write_effect_address(find_newest()), {"months": "1"}).status_code == 403


def test_asked_for_twice_it_is_worked_out_once(check):
    client = open_browser("admin")
    propose(client)
    for _ in range(2):
        client.post(write_effect_address(find_newest()), {"months": CHANGE["months"]})
    assert Job.objects.count() == 1
    assert RuleSet.objects.count() == 1
