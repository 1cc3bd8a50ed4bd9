"""The page of a customer: what is left, what was declined and why, what is on hold, who it is,
what past months came to."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from customers.models import Customer
from customers.services import blocking
from limits.models import LimitRule
from ppims.backoffice.customer.actions import list_buttons
from ppims.core import clock
from ppims.reports import limit_status
from tests.factories import make_check, make_customer, make_posting
from tests.ledger.histories import tell
from tests.web.admin_pages import make_user, open_browser, read_words
from tests.web.private_customer import list_unmasked, make_meera

pytestmark = pytest.mark.django_db
AT = datetime(2031, 11, 25, 10, 47, tzinfo=UTC)  # 4:17 PM in India
ROLES = ["viewer", "maker", "checker", "auditor", "admin"]


@pytest.fixture(autouse=True)
def _now():
    with clock.freeze(AT):
        yield


@pytest.fixture
def meera(ent):
    return make_meera(ent)


def add_rule(amount, window, direction="D", tier="P", in_force_from=AT - timedelta(days=900)):
    return LimitRule.objects.create(
        tier=tier,
        direction=direction,
        window=window,
        amount=amount,
        state="APPROVED",
        proposed_at=AT,
        decided_at=AT,
        in_force_from=in_force_from,
        source="a test",
    )


@pytest.mark.parametrize("tier", ["N", "P", "F"])
def test_of_a_customer_who_is_blocked_nothing_is_left_whatever_the_limits_say(ent, tier):
    customer = make_customer(ent, kyc_flag=tier, ovid_type="ADR", ovid_value="234567890124")
    blocking.block(customer_id=customer, reason="lost card", user=make_user("maker"))
    assert list_left(look(customer)) == ["₹0.00, blocked", "₹0.00, blocked"]


def look(customer, role="viewer"):
    return open_browser(role).get(reverse("customer", args=[customer]))


def list_left(page):
    return re.findall(r'<p class="figure">([^<]+)</p>', page.content.decode())


def list_meters(page):
    return re.findall(r'<svg class="meter (\w+)"', page.content.decode())


def test_it_begins_with_who_how_known_and_whether_blocked(meera):
    page = look(meera)
    words = read_words(page)
    assert "Meera Verma Active New Min KYC" in words
    assert '<span class="pill good">Active</span>' in page.content.decode()
    user = page.wsgi_request.user.username
    assert f"Unique id {meera}, as of 25 Nov 2031, 4:17 PM, printed by {user}" in words
    blocking.block(customer_id=meera, reason="lost card", user=make_user("maker"))
    page = look(meera)
    words = read_words(page)
    assert "Meera Verma Blocked by us New Min KYC" in words
    assert '<span class="pill bad">Blocked by us</span>' in page.content.decode()
    assert "Blocked by us: lost card. Every check is declined." in words


def test_what_is_left_is_the_limit_without_what_is_used_and_held(meera, ent):
    make_posting(ent, meera, 2_500_01)
    make_check(ent, meera, 500_00)
    make_posting(ent, meera, 1_00, direction="C")
    page = look(meera)
    assert list_left(page) == ["₹6,999.99", "₹9,999.00"]
    words = read_words(page)
    assert "Calendar month resets on 1 Dec 2031 30%" in words
    assert "Used ₹2,500.01 of ₹10,000.00 · ₹500.00 on hold ₹500.00 frees at 4:32 PM, ENT" in words
    assert "Used ₹1.00 of ₹10,000.00 " in words  # with no word of holds where there are none
    assert words.count("on hold") == words.count("frees") == 1


def test_a_hold_is_told_where_it_counts(meera, ent):
    make_check(ent, meera, 500_00)
    make_check(ent, meera, 70_00, direction="C")
    spend, load = read_words(look(meera)).split("Left to load this month")
    assert "₹500.00 frees at 4:32 PM, ENT" in spend
    assert "₹70.00 frees at 4:32 PM, ENT" in load
    assert "₹70.00" not in spend


def test_a_hold_that_ends_on_another_day_says_which(meera, ent):
    with clock.freeze(datetime(2031, 11, 25, 18, 20, tzinfo=UTC)):  # 11:50 PM in India
        make_check(ent, meera, 500_00)
        words = read_words(look(meera))
    assert "₹500.00 frees on 26 Nov 2031, 12:05 AM, ENT" in words


def test_an_expired_hold_is_none(meera, ent):
    make_check(ent, meera, 500_00)
    with clock.freeze(AT + timedelta(minutes=15)):
        page = look(meera)
    assert list_left(page) == ["₹10,000.00", "₹10,000.00"]
    assert "frees" not in read_words(page)


@pytest.mark.parametrize(
    ("paise", "level", "said"),
    [
        (7_999_99, "far", "79.9%"),
        (8_000_00, "near", "80%"),
        (9_999_99, "near", "99.9%"),
        (10_000_00, "reached", "100% · limit reached"),
        (12_345_00, "reached", "123.4% · over the limit"),
    ],
)
def test_a_meter_is_amber_from_80_percent_and_red_at_the_limit(meera, ent, paise, level, said):
    make_posting(ent, meera, paise)
    page = look(meera)
    assert list_meters(page) == [level, "far"]
    assert f"resets on 1 Dec 2031 {said} " in read_words(page)


def test_of_a_meter_used_is_solid_and_held_hatched(meera, ent):
    make_posting(ent, meera, 4_500_00)
    make_check(ent, meera, 2_000_00)
    svg = look(meera).content.decode().split('<svg class="meter')[1].split("</svg>")[0]
    assert '<rect class="used" width="45%"' in svg
    assert re.search(r'<rect x="45%" width="20%" height="8" fill="url\(#held-\d+\)"/>', svg)
    assert 'aria-label="₹4,500.00 used and ₹2,000.00 on hold of ₹10,000.00"' in svg
    assert "style=" not in svg


def test_a_financial_year_has_its_meter_and_says_so_where_less_of_it_is_left(meera, ent):
    add_rule(15_000_00, "FINANCIAL_YEAR")
    page = look(meera)
    assert list_left(page)[0] == "₹10,000.00"
    with clock.freeze(AT - timedelta(days=31)):
        make_posting(ent, meera, 9_000_00)
    page = look(meera)
    assert list_left(page)[0] == "₹6,000.00"
    words = read_words(page)
    assert "By the financial year’s limit, of which less is left than of the month’s." in words
    assert "Financial year resets on 1 Apr 2032 60% Used ₹9,000.00" in words
    assert list_meters(page) == ["far", "far", "far"]


def test_without_a_limit_it_says_so_and_what_the_month_comes_to(ent):
    customer = make_customer(ent, kyc_flag="F", ovid_type="PAN", ovid_value="ABCPE1234F")
    make_posting(ent, customer, 12_34_567_89)
    make_check(ent, customer, 1_00)
    page = look(customer)
    assert list_left(page) == ["No limit", "No limit"]
    assert "Spent this month: ₹12,34,567.89 · ₹1.00 on hold" in read_words(page)
    assert "Loaded this month: ₹0.00" in read_words(page)
    assert list_meters(page) == []


def test_rules_without_a_meter_are_said_in_words(meera):
    add_rule(2_000_00, "TRANSACTION")
    add_rule(1_00_000_00, "BALANCE", "C")
    add_rule(24, "CREDIT_STOP", "C")
    words = read_words(look(meera))
    assert "One transaction may be at most ₹2,000.00." in words
    assert "The balance may be at most ₹1,00,000.00 at any time." in words
    assert "Loading stops on 25 Nov 2033, unless the KYC is upgraded." in words


@pytest.mark.parametrize(("later", "left_to_load"), [(-1, "₹10,000.00"), (0, "₹0.00")])
def test_when_loading_stops_nothing_is_left_to_load(meera, later, left_to_load):
    add_rule(1, "CREDIT_STOP", "C")
    midnight = datetime(2031, 12, 24, 18, 30, tzinfo=UTC)
    with clock.freeze(midnight + timedelta(seconds=later)):
        page = look(meera)
    assert list_left(page) == ["₹10,000.00", left_to_load]
    assert ("Loading has stopped at this KYC." in read_words(page)) == (later == 0)


# The last decline.


def test_the_last_decline_is_told_with_why_and_what_would_have_passed(meera, ent):
    make_posting(ent, meera, 9_500_00)
    make_check(ent, meera, 600_00, ref_id="FIRST")
    make_check(ent, meera, 700_00, ref_id="LAST")
    make_check(ent, meera, 100_00)
    words = read_words(look(meera))
    assert "Last declined: over the month’s limit" in words
    assert "Spend ₹700.00, 25 Nov 2031, 4:17 PM, ENT" in words
    assert "₹9,500.00 of ₹10,000.00 was used in the calendar month, and ₹0.00 on hold" in words
    assert "Up to ₹500.00 would have passed." in words


def test_who_was_never_declined_has_no_decline(meera, ent):
    make_check(ent, meera, 1_00)
    assert "Last declined" not in read_words(look(meera))


def test_a_decline_is_looked_for_among_the_newest_checks_alone(meera, ent, monkeypatch):
    monkeypatch.setattr(limit_status, "CHECKS_LOOKED_AT", 2)
    make_check(ent, meera, 20_000_00)
    make_check(ent, meera, 1_00)
    assert "Last declined" in read_words(look(meera))
    make_check(ent, meera, 1_00)
    assert "Last declined" not in read_words(look(meera))


# Who, and what one may do.


@pytest.mark.parametrize(
    ("channel", "nri", "said"),
    [("BRN", "Y", ("Branch", "NRI Yes")), ("XYZ", "N", ("XYZ", "NRI No"))],
)
def test_codes_are_said_in_words_where_they_have_any(ent, channel, nri, said):
    words = read_words(look(make_customer(ent, kyc_updated_channel=channel, nri_flag=nri)))
    assert f"KYC channel {said[0]} Added" in words
    assert said[1] in words


@pytest.mark.parametrize("role", ROLES)
def test_it_says_nothing_private(meera, ent, role):
    make_check(ent, meera, 20_000_00, account_number="009988776655", card_number="4111222233334321")
    page = look(meera, role)
    assert list_unmasked(page) == []
    words = read_words(page)
    assert "Mobile ••••5678 Date of birth •• ••• 1991 PAN ••••234F Email m••••@example.in" in words
    assert "Address ••••, Chennai, Tamil Nadu, •••• Maiden name ••••" in words
    assert "(ENT) since 25 Nov 2031 Customer id ••••0077 CIF id ••••0042" in words
    assert "CIF id ••••0042 Account ••••6655 Active Card ••••4321 Active" in words


def test_accounts_and_cards_stand_with_their_processor(ent, cbs):
    customer = make_customer(ent, customer_id="A1111", account_number="A2222", cif_id="A3333")
    tell(ent, customer, account_number="A4444", account_status="F")
    mobile = Customer.objects.get(pk=customer).mobile
    same = {"mobile_number": mobile, "card_number": "4111222233334321", "card_status": "C"}
    assert make_customer(cbs, customer_id="B5555", account_number="B6666", **same) == customer
    told = read_words(look(customer)).split("Registered through")[1].split("Notes")[0]
    here, there = told.split("CBS (CBS) since 25 Nov 2031")
    assert (
        here.split("since 25 Nov 2031")[1].split()
        == (
            "Customer id ••••1111 CIF id ••••3333 Account ••••2222 Active Account ••••4444 Frozen"
        ).split()
    )
    assert (
        there.split() == "Customer id ••••5555 Account ••••6666 Active Card ••••4321 Closed".split()
    )


@pytest.mark.parametrize(
    ("role", "active", "blocked"),
    [
        ("viewer", [], []),
        ("maker", ["customer-block"], ["customer-unblock"]),
        ("checker", [], []),
        ("auditor", [], []),
        ("admin", [], []),
    ],
)
def test_one_is_offered_what_one_may_do(meera, role, active, blocked):
    def list_offered():
        found = Customer.objects.get(pk=meera)
        names = {button.url_name for button in list_buttons(found, make_user(role), [])}
        return sorted(names & {"customer-block", "customer-unblock"})

    assert list_offered() == active
    blocking.block(customer_id=meera, reason="asked for", user=make_user("maker"))
    assert list_offered() == blocked


@pytest.mark.parametrize(("tier", "label"), [("P", "Upgrade KYC"), ("F", "Change KYC")])
def test_where_no_kyc_is_higher_none_is_offered(ent, tier, label):
    customer = make_customer(ent, kyc_flag=tier, ovid_type="PAN", ovid_value="ABCPE1234F")
    assert f"Edit {label} Correct the month Block" in read_words(look(customer, "maker"))


@pytest.mark.parametrize("number", [100_000_000_000_001, 10**30])
def test_nobody_has_no_page(number):
    assert open_browser("viewer").get(f"/customers/{number}").status_code == 404


def test_it_takes_a_bounded_number_of_queries(meera, ent, django_assert_max_num_queries):
    for _ in range(5):
        make_check(ent, meera, 1_00)
        make_posting(ent, meera, 1_00)
    make_check(ent, meera, 20_000_00)
    client = open_browser("maker")
    with django_assert_max_num_queries(47):
        page = client.get(reverse("customer", args=[meera]))
    assert len(page.content) < 60_000


# Past months.


def test_past_months_say_what_was_spent_and_loaded_by_the_limits_of_then(ent):
    with clock.freeze(AT - timedelta(days=31)):
        customer = make_customer(ent)
        make_posting(ent, customer, 700_00, direction="C")
        make_posting(ent, customer, 300_00)
    make_posting(ent, customer, 2_500_00)
    add_rule(12_000_00, "MONTH", in_force_from=AT)
    words = read_words(look(customer)).split("Past months ")[1]
    assert words.startswith(
        "Month Spent Loaded Limit, New Min KYC ₹12,000.00 ₹10,000.00 Nov 2031 ₹2,500.00 ₹0.00"
        " Limit, New Min KYC ₹10,000.00 ₹10,000.00 Oct 2031 ₹300.00 ₹700.00 Activity"
    )


def test_where_there_is_no_limit_past_months_say_so(ent):
    customer = make_customer(ent, kyc_flag="F", ovid_type="PAN", ovid_value="ABCPE1234F")
    words = read_words(look(customer))
    assert "Limit, Full KYC No limit No limit Nov 2031 ₹0.00 ₹0.00" in words
