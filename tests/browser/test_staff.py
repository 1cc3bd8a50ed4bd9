"""The staff by people in front of their pages: who gave whom a role, and a person added by two."""

from contextlib import suppress
from itertools import count

import pytest
from playwright.sync_api import Error, expect

from ppims.models import StaffChange, User
from ppims.services import staff_changes
from ppims.services.staff_changes import NewPerson
from tests.browser.action_counter import ActionCounter
from tests.browser.conftest import ONE_OF_EACH, PHONE, find_violations, run_in_thread

_numbers = count(1)


def find_admins():
    one = User.objects.get(username=ONE_OF_EACH["admin"])
    other = User.objects.filter(groups__name="admin").exclude(pk=one.pk).first()
    return one, other


def propose():
    """Propose to add somebody, as the other admin: the change."""
    person = NewPerson(f"newcomer{next(_numbers)}", "maker", "New", "Comer")
    _, other = find_admins()
    return staff_changes.propose_adding(person=person, reason="Joins us", user=other)


def approve(change):
    one, _ = find_admins()
    staff_changes.STAFF_PROPOSALS.decide(proposal_id=change.pk, state="APPROVED", user=one)


def add_somebody():
    change = propose()
    approve(change)
    return change


@pytest.mark.parametrize("scripted", [True, False])
@pytest.mark.parametrize("look", [{}, PHONE], ids=["wide", "phone"])
def test_who_gave_somebody_their_role_takes_three_actions(visit, scripted, look):
    change = run_in_thread(add_somebody)
    one, other = run_in_thread(find_admins)
    page = visit("admin", "/overview", java_script_enabled=scripted, **look)
    acts = ActionCounter(page)
    acts.click("link", "Settings")
    acts.click("link", "Staff")
    acts.press(page.get_by_role("row").filter(has_text=change.username).get_by_role("link"))
    expect(page.locator(".facts")).to_contain_text(f"{other.username}, approved by {one.username}")
    assert acts.count <= 4


@pytest.mark.parametrize("scripted", [True, False])
def test_a_person_is_added_and_the_password_is_shown_once(visit, scripted):
    page = visit(
        *("admin", "/settings/staff"),
        java_script_enabled=scripted,
        expected=("status of 422",),
    )
    username = f"newcomer{next(_numbers)}"
    acts = ActionCounter(page)
    acts.click("link", "Add a person")
    acts.fill("Username", username)
    page.get_by_label("Role").select_option("viewer")
    acts.fill("Reason", "Joins us")
    acts.click("button", "Propose")
    expect(page.locator("main")).to_contain_text(f"Add: {username}")
    change = run_in_thread(lambda: StaffChange.objects.get(username=username))
    _, other = run_in_thread(find_admins)
    run_in_thread(
        lambda: staff_changes.STAFF_PROPOSALS.decide(
            proposal_id=change.pk, state="APPROVED", user=other
        )
    )
    page.goto("/settings/staff")
    page.locator(".message").get_by_role("link", name=username).click()
    page.get_by_role("button", name="Show the password").click()
    expect(page.locator("main")).to_contain_text("This is shown once, now.")
    password = page.locator("#one-time-password").inner_text()
    assert len(password) == 20
    if scripted:  # axe is one
        assert find_violations(page) == []
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy the password").click()
        assert page.evaluate("navigator.clipboard.readText()") == password
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("link", name="Add a person")).to_be_visible()
    with suppress(Error):  # a browser that has kept nothing would have to send the form again
        page.go_back()
    expect(page.locator("html")).not_to_contain_text(password)
    page.goto(f"/settings/staff/passwords/{change.pk}")
    expect(page.locator("main")).to_contain_text("shown already")
    assert password not in page.content()


def test_a_form_that_is_wrong_says_so_and_is_accessible(visit):
    page = visit("admin", "/settings/staff/add", expected=("status of 422",))
    page.get_by_role("button", name="Propose").click()
    expect(page.locator(".summary")).to_be_focused()
    expect(page.locator(".summary li")).to_have_count(3)
    assert find_violations(page) == []
