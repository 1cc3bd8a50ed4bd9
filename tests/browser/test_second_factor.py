"""Logging in with a second factor, by people in front of the pages: set up, given, asked again."""

import time
from itertools import count

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import expect

from ppims.models import SecondFactor, User
from tests.browser.conftest import find_violations, run_in_thread
from tests.browser.pictures import FACTOR_PAGES, name_picture, write_picture
from tests.browser.test_pages import (
    DARK,
    FIND_SIDEWAYS,
    LIGHT,
    ON_PHONE,
    SHARP_PHONE,
    WIDE_SCREEN,
)
from tests.factories import make_password_once
from tests.web.second_factors import make_code, set_up_factor
from tests.web.users import RIGHT_PASSWORD

_numbers = count(1)
REFUSED_FORM = ("status of 422",)


@pytest.fixture(autouse=True)
def _asked_for(settings):
    settings.PPIMS_SECOND_FACTOR = True


@pytest.fixture
def person(site):
    def make():
        name, password = f"factor{next(_numbers)}", make_password_once(RIGHT_PASSWORD)
        user = User.objects.create(username=name, password=password, is_staff=True)
        user.groups.add(Group.objects.get(name="maker"))
        return user

    return run_in_thread(make)


def judge(page, scripted):
    """Find nothing sideways, and nothing that axe, which is a script, would not have."""
    if scripted:
        assert page.evaluate(FIND_SIDEWAYS) == []
        assert find_violations(page) == []


def log_in(page, person):
    page.goto("/log-in?next=/customers")
    page.get_by_label("Username").fill(person.username)
    page.get_by_label("Password").fill(RIGHT_PASSWORD)
    page.get_by_role("button", name="Log in").click()


def give_code(page, code, button="Go on"):
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name=button).click()


SHAPES = {
    LIGHT: WIDE_SCREEN,
    DARK: {**WIDE_SCREEN, "color_scheme": "dark"},
    ON_PHONE: SHARP_PHONE,
}


@pytest.fixture
def draw(request):
    """Keep a picture of a page that only a log-in with a second factor leads to."""

    def keep(page, number, look):
        if request.config.getoption("--screens"):
            write_picture(page, name_picture(FACTOR_PAGES[number], look))

    return keep


@pytest.mark.parametrize(("look", "scripted"), [(LIGHT, False), *((look, True) for look in SHAPES)])
def test_it_is_set_up_and_leads_on_to_the_page_that_was_asked_for(
    visit, person, look, scripted, draw
):
    page = visit("", "", java_script_enabled=scripted, expected=REFUSED_FORM, **SHAPES[look])
    log_in(page, person)
    expect(page.get_by_role("heading", name="Set up your second factor")).to_be_visible()
    assert page.locator("svg.qr").bounding_box()["width"] > 150
    judge(page, scripted)
    draw(page, 0, look)
    secret = page.locator("#app-key").inner_text().replace(" ", "")
    give_code(page, "000000", "Confirm")
    expect(page.locator(".summary")).to_contain_text("not right, or was used already")
    judge(page, scripted)
    give_code(page, make_code(secret), "Confirm")
    expect(page.locator("#recovery-codes li")).to_have_count(10)
    judge(page, scripted)
    draw(page, 1, look)
    page.get_by_role("link", name="I have kept them").click()
    expect(page).to_have_url(f"{page.url.partition('/customers')[0]}/customers")
    page.context.clear_cookies()
    log_in(page, person)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    draw(page, 2, look)


@pytest.mark.parametrize("scripted", [True, False])
def test_a_code_is_given_at_the_log_in_and_again_before_a_reveal(visit, person, scripted, settings):
    secret, _ = run_in_thread(lambda: set_up_factor(person))
    page = visit("", "", java_script_enabled=scripted, expected=REFUSED_FORM)
    log_in(page, person)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    judge(page, scripted)
    give_code(page, make_code(secret))
    page.get_by_role("link", name="Customers").first.wait_for()
    page.goto(page.url)
    page.locator("main table a, main li a").first.click()
    page.get_by_role("link", name="Reveal").click()
    settings.PPIMS_FRESH_CODE_SECONDS = -1
    page.get_by_label("Reason").fill("Asked by phone")
    page.get_by_role("button", name="Reveal").click()
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    judge(page, scripted)
    code = make_code(secret, time.time() + 30)
    give_code(page, code)
    expect(page.locator("main")).not_to_contain_text("Confirm that it is you")
    assert "/customers/" in page.url


def test_ones_own_page_says_how_many_codes_are_left_and_makes_new_ones(visit, person):
    run_in_thread(lambda: set_up_factor(person))
    page = visit("", "")
    log_in(page, person)
    secret = run_in_thread(lambda: SecondFactor.objects.get(user=person).open_secret())
    give_code(page, make_code(secret))
    page.goto("/second-factor/codes")
    expect(page.locator("main")).to_contain_text("10 of 10")
    judge(page, scripted=True)
    page.get_by_role("button", name="Make new recovery codes").click()
    expect(page.locator("#recovery-codes li")).to_have_count(10)
