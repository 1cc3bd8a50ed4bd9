"""Every page, as it is drawn: accessible, silent, nothing sideways, nothing kept.

With --screens, docs/screens/ is written anew: `python3 -m ppims test tests/browser --screens`.
"""

import re
from dataclasses import dataclass

import pytest
from django.core.management import call_command

from customers.models import ImportFile
from limits.models import (
    LedgerEntry,
    LimitCheck,
    Notice,
    ReconciliationDifference,
    RefusedReport,
)
from limits.services import seals
from ppims.core import clock
from ppims.demo.load import SAMPLE_CUSTOMER
from ppims.models import AuditEntry, Job, KeptCall, Processor, User
from ppims.services import jobs
from tests.booked_files import compare_booked_file
from tests.browser.conftest import PHONE, READ_STORES, REFUSED_MESSAGE, find_violations
from tests.browser.pictures import name_picture, write_picture
from tests.customer_files import keep_and_read, make_row, write_file

WIDE_SCREEN = {"viewport": {"width": 1280, "height": 800}}
SHARP_PHONE = {**PHONE, "device_scale_factor": 1.5}  # as sharp as the pictures may be large
AT_200_PERCENT = {"width": 640, "height": 400}  # of the wide screen: half as many pixels a line
LOOKS = LIGHT, DARK, ON_PHONE = ("light", "dark", "phone")  # of the pictures
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
# What scrolls sideways, or is cut off at the right. A field scrolls its own text as one writes.
FIND_SIDEWAYS = """() => [...document.querySelectorAll('main :not(input, textarea, svg *)')]
  .filter((each) => each.checkVisibility() && !each.closest('.unseen'))
  .filter((each) => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1
    || (['auto', 'scroll'].includes(getComputedStyle(each).overflowX)
      && each.scrollWidth > each.clientWidth))
  .map((each) => each.cloneNode().outerHTML)"""
SQUEEZE = """([way, boxWidth, width]) => {
  const box = document.querySelector('main').appendChild(document.createElement('div'));
  box.style.cssText = `overflow-x: ${way}; width: ${boxWidth}`;
  box.appendChild(document.createElement('p')).style.cssText = `width: ${width}; height: 9px`;
}"""


@dataclass(frozen=True)
class Shown:
    """A page to look at: whose, where, and what it says to the console, if it may.

    {declined} in an address is someone whose last payment was declined, {check} that check,
    {flagged} a flagged posting that waits, {refused} a refused report and {notice} a notice that
    do; {call} is a refused call, {audited} what somebody did to a customer, and {job} a
    verification, {brought} a file of customers, {run} a processor's file that was compared, and
    {difference} one of it. What is `sought` is typed into the search.
    """

    name: str
    address: str
    role: str = "viewer"
    expected: tuple = ()
    sought: str = ""


PAGES = (
    Shown("log-in", "/log-in", role=""),
    Shown("limits", "/settings/limits", role="admin"),
    Shown("limits-change", "/settings/limits/change", role="admin"),
    Shown("limits-pack", "/settings/limits/packs/limit_rules_rbi_2021", role="admin"),
    Shown("limits-effect", "/work/approvals/limit-change/{proposed}", role="admin"),
    Shown("overview", "/overview"),
    Shown("reports", "/reports", role="checker"),
    Shown("reconciliations", "/reconcile", role="maker"),
    Shown("reconciliation-bring", "/reconcile/bring", role="maker"),
    Shown("reconciliation", "/reconcile/{run}", role="maker"),
    Shown("difference", "/reconcile/differences/{difference}", role="maker"),
    Shown("reviews", "/work/reviews", role="maker"),
    Shown("review", "/work/reviews/1", role="maker"),
    Shown("flagged", "/work/flagged", role="maker"),
    Shown("flagged-posting", "/work/flagged/{flagged}", role="maker"),
    Shown("flagged-closed", "/work/flagged?done=1"),
    Shown("refused-reports", "/work/refused", role="maker"),
    Shown("refused-report", "/work/refused/{refused}", role="maker"),
    Shown("refused-closed", "/work/refused?done=1"),
    Shown("notices", "/work/notices", role="maker"),
    Shown("notice", "/work/notices/{notice}", role="maker"),
    Shown("notices-closed", "/work/notices?done=1"),
    Shown("processors", "/settings/processors", role="auditor"),
    Shown("processor", "/settings/processors/1", role="admin"),
    Shown("new-processor", "/settings/processors/new", role="admin"),
    Shown("new-password", "/settings/processors/1/rekey", role="admin"),
    Shown("calls", "/settings/processors/calls", role="auditor"),
    Shown("call", "/settings/processors/calls/{call}", role="auditor"),
    Shown("audit", "/settings/audit", role="auditor"),
    Shown("demo", "/demo"),
    Shown("seals", "/settings/audit/seals", role="auditor"),
    Shown("job", "/settings/jobs/{job}", role="auditor"),
    Shown("audit-entry", "/settings/audit/{audited}", role="auditor"),
    Shown("transactions", "/transactions"),
    Shown("declined", "/transactions?outcome=declined&when=own&since=2020-01-01"),
    Shown("transaction", "/transactions/check/{check}"),
    Shown("explained", "/transactions/check/{check}/explain", role="auditor"),
    Shown("explained-entry", "/transactions/entry/{flagged}/explain", role="auditor"),
    Shown("customers", "/customers", role="maker"),
    Shown("imports", "/customers/imports", role="maker"),
    Shown("import-new", "/customers/imports/new", role="maker"),
    Shown("import-file", "/customers/imports/{brought}", role="maker"),
    Shown("customer", "/customers/{declined}", role="maker"),
    Shown("search", "/search"),
    Shown("search-hits", "/search", role="maker", sought="sharma"),
    Shown("reveal", "/customers/{declined}/reveal", role="maker"),
    Shown("onboard", "/onboard", role="maker"),
    Shown("approvals", "/work/approvals", role="checker"),
    Shown("approval", "/work/approvals/kyc/2", role="checker"),
    Shown("edit", f"/customers/{SAMPLE_CUSTOMER}/edit", role="maker"),
    Shown("kyc", f"/customers/{SAMPLE_CUSTOMER}/kyc", role="maker"),
    Shown("correct", f"/customers/{SAMPLE_CUSTOMER}/correct", role="maker"),
    Shown("correct-posting", "/customers/{holder}/correct?posting={flagged}", role="maker"),
    Shown("block", f"/customers/{SAMPLE_CUSTOMER}/block", role="maker"),
    Shown("unblock", f"/customers/{SAMPLE_CUSTOMER}/unblock", "maker"),
    Shown("staff", "/settings/staff", role="admin"),
    Shown("staff-member", "/settings/staff/1", role="admin"),
    Shown("staff-add", "/settings/staff/add", role="admin"),
    Shown("staff-change", "/settings/staff/1/role", role="admin"),
    Shown("keys", "/settings/keys", role="admin"),
    Shown("key-new", "/settings/keys/document", role="admin"),
    Shown("merge-with", f"/customers/{SAMPLE_CUSTOMER}/merge", role="maker"),
    Shown("merge", f"/customers/{SAMPLE_CUSTOMER}/merge?other={{declined}}", role="maker"),
    Shown("password", "/password"),
    Shown("sessions", "/sessions"),
    Shown("api", "/api/PPIM/v1/docs", role=""),
    Shown("api-operation", "/api/PPIM/v1/docs/check-customer-limit", role=""),
    Shown("not-found", "/nothing-here", expected=(f"{REFUSED_MESSAGE}404",)),
)


def find_address(shown):
    declined = LimitCheck.objects.filter(is_allowed=False, reason="MONTH_LIMIT")
    check = declined.order_by("-at").first()
    flagged = LedgerEntry.objects.exclude(flags="").order_by("-at").first()
    known = {"declined": check.customer_id, "check": check.pk, "flagged": flagged.pk}
    known["holder"] = flagged.customer_id
    refused = RefusedReport.objects.order_by("-pk").first()
    audited = AuditEntry.objects.exclude(subject=0).exclude(user=None).order_by("-pk").first()
    known["call"] = KeptCall.objects.filter(code="400").order_by("pk").first().pk
    known |= {"refused": refused.pk, "audited": audited.pk, "job": find_job().pk, "proposed": 1}
    known |= {"notice": find_notice().pk, "brought": find_brought_file().pk}
    known["difference"], known["run"] = find_difference(flagged)
    return shown.address.format(**known)


def find_job():
    """Find a verification that has ended; the first who looks makes it, and a seal."""
    if (found := jobs.find_last(Job.Kind.VERIFY)) is None:
        seals.make()
        found = jobs.record_done(
            Job.Kind.VERIFY,
            began_at=clock.now(),
            arguments={"operator": "ppims"},
            result={"rows": 2_439, "findings": 0, "named": []},
        )
    return found


def find_brought_file():
    """Find a file of customers with a refused row; the first who looks brings it."""
    if not (found := ImportFile.objects.first()):
        content = write_file(make_row(1), make_row(2, Mobile_Number="12"))
        maker = User.objects.filter(groups__name="maker").first()
        found = keep_and_read(content, Processor.objects.first(), maker)
    return found


def find_notice():
    """Find a notice of checks that nobody answered; the first who looks watches."""
    waiting = Notice.objects.filter(kind=Notice.Kind.UNANSWERED, state="OPEN")
    if not waiting.exists():
        call_command("watch")
        shape = {"kind": "SEAL", "urgency": 0, "day": clock.today(), "found_at": clock.now()}
        closed = {"state": "CLOSED", "closed_at": clock.now()}
        Notice.objects.create(matter="a seal", **shape, **closed)
    return waiting.get()


def find_difference(posting):
    """Find a difference that is to be settled, and its run; the first who looks has one made."""
    if not ReconciliationDifference.objects.exists():
        maker = User.objects.filter(groups__name="maker").first()
        compare_booked_file(posting, maker)
    found = ReconciliationDifference.objects.filter(kind="AMOUNT").latest("id")
    return found.pk, found.reconciliation_id


def open_shown(visit, shown, **more):
    page = visit(shown.role, find_address(shown), expected=shown.expected, **more)
    if shown.sought:
        page.get_by_label("Search customers and transactions").fill(shown.sought)
        page.get_by_role("button", name="Search").click()
        page.wait_for_url("**/search/*")
    return page


@pytest.mark.parametrize("shown", PAGES, ids=lambda shown: shown.name)
def test_a_wide_page_is_accessible_light_and_dark_and_not_sideways_at_200_percent(
    visit, shown, request
):
    page = open_shown(visit, shown, **WIDE_SCREEN)
    for look in (LIGHT, DARK):
        page.emulate_media(color_scheme=look)
        assert_accessible_and_keeps_nothing(page)
        draw(page, shown, look, request)
    page.set_viewport_size(AT_200_PERCENT)
    assert_nothing_is_sideways(page)


@pytest.mark.parametrize("shown", PAGES, ids=lambda shown: shown.name)
def test_a_phone_page_is_accessible_and_nothing_is_sideways_not_even_in_a_list(
    visit, shown, request
):
    page = open_shown(visit, shown, **SHARP_PHONE)
    assert_accessible_and_keeps_nothing(page)
    assert_nothing_is_sideways(page)
    draw(page, shown, ON_PHONE, request)


def assert_accessible_and_keeps_nothing(page):
    found = find_violations(page)
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found] == []
    assert page.evaluate(READ_STORES) == []
    assert not page.evaluate(TOO_WIDE)


def assert_nothing_is_sideways(page):
    assert not page.evaluate(TOO_WIDE)
    assert page.evaluate(FIND_SIDEWAYS) == []


def draw(page, shown, look, request):
    if request.config.getoption("--screens"):
        write_picture(page, name_picture(shown.name, look))


@pytest.mark.parametrize(
    ("way", "box_width", "width"), [("auto", "100px", "200px"), ("clip", "100%", "600px")]
)
def test_what_is_sideways_is_noticed(visit, way, box_width, width):
    page = visit("", "/log-in", **SHARP_PHONE)
    assert page.evaluate(FIND_SIDEWAYS) == []
    page.evaluate(SQUEEZE, [way, box_width, width])
    assert not page.evaluate(TOO_WIDE)
    assert len(page.evaluate(FIND_SIDEWAYS)) == 1


def test_what_axe_would_not_have_is_noticed(visit):
    page = visit("viewer", "/settings/limits")
    page.evaluate("document.querySelector('h1').innerHTML = '<img src=\"/static/favicon.svg\">'")
    assert {rule["id"] for rule in find_violations(page)} >= {"image-alt"}


RUNNING_TIME = r"(?m)^(Counted .* ago, at .*$|It is [^.]* IST\.)"


def read_main(page):
    """Read a page without what differs between two loads (how old the overview's figures are, what
    time it is, and one's other sessions: each visit is one more), and the buttons that copy: what
    they copy is there to be selected.
    """
    left_out = page.locator("[data-copies], tr:has([name=session]), [name=others]")
    left_out.evaluate_all("found => found.forEach((each) => each.remove())")
    return re.sub(RUNNING_TIME, "", page.inner_text("main"))


@pytest.mark.parametrize("shown", PAGES, ids=lambda shown: shown.name)
def test_it_reads_the_same_without_scripts(visit, shown):
    pages = [open_shown(visit, shown, java_script_enabled=scripted) for scripted in (True, False)]
    first, second = map(read_main, pages)
    if first != second:  # a hold may have run out between the two
        first = read_main(open_shown(visit, shown))
    assert first == second
    assert first.strip()
