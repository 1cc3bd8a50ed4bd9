"""The frame in a browser: logging in, staying, being sent to the log-in and back, and failing."""

import re

import pytest
from django.contrib.auth.hashers import make_password
from playwright.sync_api import expect

from customers.models import Customer
from ppims.models import StaffSession, User
from tests.browser.conftest import (
    ONE_OF_EACH,
    REFUSED_MESSAGE,
    find_personal,
    find_violations,
    read_kept,
)

PASSWORD = "a-password-of-browsers"
WARNED_AFTER, IDLE_AFTER = 12 * 60 * 1000, 14 * 60 * 1000


@pytest.fixture
def person(site):
    """Someone with a password that is known, for this test."""
    name = f"of-{User.objects.count()}"
    user = User.objects.create(username=name, is_staff=True, password=make_password(PASSWORD))
    user.groups.set(User.objects.get(username=ONE_OF_EACH["viewer"]).groups.all())
    return user


def fill_in(page, person, password=PASSWORD):
    page.get_by_label("Username").fill(person.username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


@pytest.mark.parametrize("scripted", [True, False])
def test_one_logs_in_to_the_page_that_was_asked_for_and_out_again(visit, person, scripted):
    page = visit("", "/settings/limits?of=N", java_script_enabled=scripted)
    assert page.get_by_label("Username").evaluate("field => field === document.activeElement")
    fill_in(page, person)
    expect(page).to_have_url(re.compile(r"/settings/limits\?of=N$"))
    page.get_by_text(person.username).click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_wrong_password_is_said_where_the_focus_then_is(visit, person):
    page = visit("", "/log-in")
    fill_in(page, person, "wrong")
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("correct username and password")
    expect(summary).to_be_focused()


def test_a_form_is_sent_once_however_often_one_clicks(visit, person):
    page = visit("", "/log-in")
    page.get_by_label("Username").fill(person.username)
    page.get_by_label("Password").fill(PASSWORD)
    sent = []
    page.on("request", lambda request: request.method == "POST" and sent.append(request.url))
    page.evaluate("for (let n = 0; n < 3; n++) document.querySelector('main button').click()")
    expect(page).not_to_have_url(re.compile("log-in"))
    assert len(sent) == 1


def test_the_content_is_one_key_away(visit):
    page = visit("viewer", "/settings/limits")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_the_persons_menu_closes_by_escape_and_elsewhere(visit):
    page = visit("viewer", "/settings/limits")
    change = page.get_by_role("link", name="Change password")
    for close in (lambda: page.keyboard.press("Escape"), lambda: page.locator("h1").click()):
        page.locator(".person summary").click()
        expect(change).to_be_visible()
        close()
        expect(change).to_be_hidden()


# Idleness.


def make_idle_page(visit, page=None):
    page = page or visit("viewer")
    page.clock.install()
    page.goto("/settings/limits")
    return page


def test_two_minutes_before_the_end_one_is_asked_and_may_stay(visit):
    page = make_idle_page(visit)
    dialog = page.get_by_role("dialog", name="Are you still there?")
    page.clock.fast_forward(WARNED_AFTER - 2_000)
    expect(dialog).to_be_hidden()
    page.clock.fast_forward(3_000)
    expect(dialog).to_contain_text(re.compile(r"logged out for safety, in (1:59|2:00)"))
    assert find_violations(page) == []
    with page.expect_response("**/stay") as response:
        dialog.get_by_role("button", name="Stay logged in").click()
    assert response.value.status == 204
    expect(dialog).to_be_hidden()
    page.clock.fast_forward(WARNED_AFTER - 2_000)
    expect(dialog).to_be_hidden()


def test_at_the_end_what_was_shown_is_gone_and_one_comes_back_to_it(visit, person):
    page = make_idle_page(visit)
    StaffSession.objects.all().delete()
    page.clock.fast_forward(IDLE_AFTER + 1_000)
    expect(page.get_by_text("Your session has ended.")).to_be_visible()
    fill_in(page, person)
    expect(page.get_by_role("heading", name="Limits")).to_be_visible()


def test_work_in_another_tab_counts(visit):
    page = make_idle_page(visit)
    page.clock.fast_forward(WARNED_AFTER + 1_000)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.context.new_page().goto("/settings/limits")
    expect(dialog).to_be_hidden()


# Inside a page.

ASK = """(address) => {
  const main = document.querySelector("main");
  main.insertAdjacentHTML("beforeend",
    `<button id="ask" hx-get="${address}" hx-target="#answer">Ask</button>`
    + `<div id="answer">as it was</div>`);
  htmx.process(main);
  document.getElementById("ask").click();
}"""


def test_an_ended_session_inside_a_page_leads_to_the_log_in_and_back_to_the_page(visit, person):
    page = visit("viewer", "/settings/limits?of=P")
    StaffSession.objects.all().delete()
    page.evaluate(ASK, "/settings/limits")
    expect(page.get_by_text("Your session has ended.")).to_be_visible()
    fill_in(page, person)
    expect(page).to_have_url(re.compile(r"/settings/limits\?of=P$"))


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/nothing-here", "404", "nothing at this address"),
        ("/admin/ppims/user/", "403", "Your role doesn’t open this"),
    ],
)
def test_a_part_that_is_refused_says_so_where_it_would_have_been(visit, address, status, words):
    page = visit("viewer", "/settings/limits", expected=(f"{REFUSED_MESSAGE}{status}",))
    page.evaluate(ASK, address)
    expect(page.locator("#answer").get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_role("heading", name="Limits", exact=True)).to_be_visible()


def test_a_server_that_is_away_is_said_so_where_its_answer_would_have_been(visit):
    page = visit("viewer", "/settings/limits", expected=("net::ERR_FAILED", "Failed to fetch"))
    page.route("**/nothing-here", lambda route: route.abort())
    page.evaluate(ASK, "/nothing-here")
    answer = page.locator("#answer")
    expect(answer.get_by_role("alert")).to_contain_text("can’t be reached")
    expect(answer).to_contain_text("as it was")


def test_what_is_personal_is_noticed_in_an_address_and_in_what_a_browser_keeps(visit, site):
    name, mobile = Customer.objects.exclude(mobile="").values_list("name", "mobile").first()
    word = name.split()[0].lower()
    addresses = [f"{site}/x?q={name.replace(' ', '%20')}", f"{site}/x/{mobile[2:]}?a=1"]
    assert find_personal(addresses) >= {word, mobile[2:]}
    assert find_personal([f"{site}/customers/100000000000001?when=month"]) == set()
    page = visit("viewer", "/settings/limits")
    page.evaluate("localStorage.setItem('last', 'x')")
    assert read_kept(page, site) == [["last", "x"]]


@pytest.mark.parametrize(("role", "place"), [("viewer", "API docs"), ("admin", "Admin")])
def test_a_place_that_is_reached_from_the_processors_is_silent_too(visit, role, place):
    page = visit(role, "/settings/processors")
    page.get_by_role("link", name=place, exact=True).click()
    page.wait_for_load_state("networkidle")
    expect(page).not_to_have_url(re.compile("/settings/processors$"))
