"""A person who waits for background work: with and without JavaScript, by keyboard, on a phone."""

import pytest
from playwright.sync_api import expect

from ppims.maintenance import jobs as runner
from ppims.models import Job
from ppims.services import jobs
from tests.browser.action_counter import ActionCounter
from tests.browser.conftest import PHONE, find_violations, run_in_thread
from tests.browser.test_pages import TOO_WIDE


def run_all():
    while runner.run_next("1-one"):
        pass


def begin_verifying():
    """Take up the verification that waits, and be half through it."""
    job = jobs.claim_next("2-slow")
    jobs.keep_progress(job, 1_200, 2_400)
    return job


@pytest.mark.parametrize("look", [{}, PHONE, {"java_script_enabled": False}])
def test_a_verification_is_asked_for_watched_and_done(visit, look):
    scripted = look.get("java_script_enabled", True)
    page = visit("auditor", "/settings/audit", **look)
    acts = ActionCounter(page)
    acts.click("button", "Verify now")
    proof = page.locator("#proof")
    expect(proof).to_contain_text("Waiting")
    job = run_in_thread(begin_verifying)
    if not scripted:
        page.get_by_role("link", name="Look again").click()
    expect(proof).to_contain_text("1,200 of 2,400 rows")
    assert not page.evaluate(TOO_WIDE)
    if scripted:
        assert find_violations(page) == []
    run_in_thread(lambda: jobs.give_back(job))
    run_in_thread(run_all)
    if not scripted:
        page.get_by_role("link", name="Look again").click()
    expect(proof).to_contain_text("all as they should be")
    expect(page.get_by_role("button", name="Verify now")).to_be_visible()
    if scripted:
        expect(page.get_by_role("status")).to_contain_text("all as they should be")
    assert acts.count == 1


def test_what_the_keyboard_was_on_stays_there_while_the_page_asks(visit):
    page = visit("auditor", "/settings/audit")
    page.get_by_role("button", name="Verify now").click()
    expect(page.locator("#proof")).to_contain_text("Waiting")
    page.get_by_role("button", name="Make a seal").focus()
    with page.expect_response("**/settings/audit/proof?*"):
        pass
    run_in_thread(run_all)
    expect(page.locator("#proof")).not_to_contain_text("Waiting")
    expect(page.get_by_role("button", name="Make a seal")).to_be_focused()


def test_a_seal_and_its_file_take_two_actions(visit):
    page = visit("auditor", "/settings/audit")
    acts = ActionCounter(page)
    acts.click("button", "Make a seal")
    run_in_thread(run_all)
    expect(page.get_by_role("button", name="Make a seal")).to_be_visible()
    with page.expect_download() as download:
        acts.click("link", "Fetch its file")
    number = run_in_thread(lambda: jobs.read_result(jobs.find_last(Job.Kind.SEAL)))["seal"]
    assert download.value.suggested_filename == f"seal-{number:06d}.json"
    assert acts.count == 2
