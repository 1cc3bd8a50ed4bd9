"""Staff at work: on-boarding, warned of who is alike; blocking; KYC by two people. With scripts and
without; what a person does is counted.
"""

import re
from datetime import date
from functools import partial

import pytest
from playwright.sync_api import expect

from customers.models import Customer, KycChange, KycProposal
from ppims.models import Processor
from tests.browser.action_counter import ActionCounter
from tests.browser.conftest import ONE_OF_EACH, REFUSED_MESSAGE, run_in_thread
from tests.factories import draw_mobile, make_check, make_customer

BOTH_WAYS = pytest.mark.parametrize("scripted", [True, False], ids=["scripts", "no scripts"])
INVALID_MESSAGES = (f"{REFUSED_MESSAGE}422",)
NOT_EMPTY = re.compile(".")


@pytest.fixture
def ent(site):
    return Processor.objects.get(system_id="ENT")


def make_customer_of_ours(ent, **told):
    return Customer.objects.get(pk=run_in_thread(partial(make_customer, ent, **told)))


def answer_check(ent, customer):
    return run_in_thread(partial(make_check, ent, customer.pk, 100))[0].reason


def draw_name(name):
    """Make a name, of letters alone, that is nobody else's."""
    digits = str(Customer.objects.count())
    return f"{name} {''.join(chr(ord('A') + int(digit)) for digit in digits)}"


def fill_in(acts, name, mobile, born="14-02-1991"):
    acts.fill("Name", name)
    acts.fill("Mobile number", mobile)
    acts.fill("Date of birth", born)
    acts.fill("Processor", "Enterprise card system (ENT)")
    acts.fill("Customer id", "C-77")
    acts.fill("Account number", "A-77")


@BOTH_WAYS
def test_min_kyc_is_one_page_of_seven_fields_and_one_that_may_stay_empty(visit, site, scripted):
    page = visit("maker", "/customers", java_script_enabled=scripted)
    page.get_by_role("link", name="On-board").click()
    name, mobile = draw_name("Kavya Rao"), draw_mobile()
    acts = ActionCounter(page)
    seen = page.locator("form[novalidate] .field:visible")
    assert seen.locator("label").all_inner_texts() == [
        *("Name", "Mobile number", "Date of birth", "KYC"),
        *("Processor", "Customer id", "Account number", "CIF id"),
    ]
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    fill_in(acts, name, mobile)
    acts.fill("KYC", "Min KYC")
    page.go_back()
    expect(page.get_by_role("heading", name="Customers")).to_be_visible()
    page.go_forward()
    page.reload()  # nothing is stored, and the next form is as good
    assert not Customer.objects.filter(name=name).exists()
    acts = ActionCounter(page)
    fill_in(acts, name, mobile)
    acts.fill("KYC", "Min KYC")
    acts.click("button", "On-board")
    expect(page.get_by_text("The customer is added, with the unique id")).to_be_visible()
    assert acts.count == 8
    customer = Customer.objects.get(name=name)
    assert (customer.tier, customer.mobile) == ("N", mobile)
    assert mobile[2:] not in page.url


def test_a_second_click_adds_nobody(visit, site):
    page = visit("maker", "/onboard")
    name = draw_name("Kavya Rao")
    fill_in(ActionCounter(page), name, draw_mobile())
    page.evaluate("for (let n = 0; n < 3; n++) document.querySelector('main button').click()")
    expect(page.get_by_text("The customer is added")).to_be_visible()
    assert Customer.objects.filter(name=name).count() == 1


def test_what_is_wrong_is_said_as_soon_as_one_goes_on(visit, site):
    page = visit("maker", "/onboard")
    acts = ActionCounter(page)
    acts.fill("Mobile number", "12345")
    acts.fill("Date of birth", "14-02-1991")
    field = page.get_by_label("Mobile number")
    expect(page.locator("#id_mobile_number_error")).to_have_text(
        re.compile("^Enter a mobile number")
    )
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Date of birth")).to_be_focused()
    acts.fill("Mobile number", draw_mobile())
    page.get_by_label("Name", exact=True).focus()
    expect(page.locator("#id_mobile_number_error")).to_be_empty()
    expect(field).not_to_have_attribute("aria-invalid", NOT_EMPTY)


@BOTH_WAYS
def test_what_is_wrong_at_last_is_summed_up_where_the_focus_is(visit, site, scripted):
    page = visit("maker", "/onboard", java_script_enabled=scripted, expected=INVALID_MESSAGES)
    acts = ActionCounter(page)
    acts.fill("Mobile number", "12345")
    acts.click("button", "On-board")
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("Enter the customer’s name.")
    expect(summary).to_be_focused()
    page.get_by_role("link", name="Enter a mobile number of 10 digits").click()
    expect(page.get_by_label("Mobile number")).to_be_focused()
    expect(page.get_by_label("Mobile number")).to_have_value("12345")
    if scripted:  # what is empty stays said to be, until it is filled in
        acts.fill("Mobile number", draw_mobile())
        acts.fill("Name", "Kavya Rao")
        page.get_by_label("Date of birth").focus()
        for name in ("mobile_number", "customer_name"):
            expect(page.locator(f"#id_{name}_error")).to_be_empty()
        missing = page.locator("#id_date_of_birth_error")
        expect(missing).to_have_text("Enter the customer’s date of birth.")


DOCUMENT = "Document number"


@BOTH_WAYS
def test_full_kyc_asks_for_the_document_at_once(visit, site, scripted):
    page = visit("maker", "/onboard", java_script_enabled=scripted)
    number, box = page.get_by_label(DOCUMENT), page.get_by_label("With a document")
    expect(number).to_be_hidden()
    acts, name = ActionCounter(page), draw_name("Kavya Rao")
    fill_in(acts, name, draw_mobile())
    acts.fill("KYC", "Full KYC")
    expect(box).to_be_hidden()
    acts.fill("Document", "PAN")
    acts.fill(DOCUMENT, f"BBCPE{Customer.objects.count():04d}F")
    acts.click("button", "On-board")
    expect(page.get_by_text("Full KYC waits for another person")).to_be_visible()
    assert acts.count == 10
    assert Customer.objects.get(name=name).documents.count() == 1


@BOTH_WAYS
def test_another_kyc_may_have_a_document_and_what_is_filled_in_stays_in_sight(
    visit, site, scripted
):
    page = visit("maker", "/onboard", java_script_enabled=scripted, expected=INVALID_MESSAGES)
    number, box = page.get_by_label(DOCUMENT), page.get_by_label("With a document")
    box.check()
    number.fill("x")
    box.uncheck()
    expect(number).to_be_visible()
    page.get_by_role("button", name="On-board").click()
    expect(number).to_have_value("x")
    page.get_by_role("link", name="Enter 4 to 20 letters and digits").click()
    expect(number).to_be_focused()
    number.fill("")
    expect(number).to_be_hidden()
    box.check()
    page.get_by_label("Document", exact=True).select_option("PAN")
    box.uncheck()
    expect(number).to_be_visible()


def test_the_processor_is_remembered_for_the_next_customer(visit, site):
    page = visit("maker", "/onboard")
    fill_in(ActionCounter(page), draw_name("Kavya Rao"), draw_mobile())
    page.get_by_role("button", name="On-board").click()
    expect(page.get_by_text("The customer is added")).to_be_visible()
    page.goto("/onboard")
    expect(page.get_by_label("Processor")).to_have_value("ENT")


@pytest.mark.parametrize("known_by", ["mobile", "document"])
def test_who_is_alike_is_shown_as_soon_as_the_mobile_or_the_document_is_left(visit, ent, known_by):
    pan = f"CBCPE{Customer.objects.count():04d}F"
    other = make_customer_of_ours(
        ent, customer_name=draw_name("Ravi Das"), ovid_type="PAN", ovid_value=pan
    )
    page = visit("maker", "/onboard")
    acts = ActionCounter(page)
    if known_by == "mobile":
        acts.fill("Mobile number", other.mobile[2:])
    else:
        acts.fill("KYC", "Full KYC")
        acts.fill("Document", "PAN")
        acts.fill(DOCUMENT, pan)
    page.keyboard.press("Tab")
    hint = page.get_by_role("region", name="On record already?")
    expect(hint).to_contain_text(other.name)
    expect(hint).to_contain_text(f"Same {known_by}")
    expect(hint).not_to_contain_text(other.mobile[2:])
    expect(hint.get_by_role("checkbox")).to_have_count(0)


def make_alike(ent, name):
    return make_customer_of_ours(ent, customer_name=name, date_of_birth=date(1991, 2, 14))


def test_a_duplicate_is_warned_of_with_why_before_the_submit(visit, ent):
    other = make_alike(ent, draw_name("Ravi Das"))
    page = visit("maker", "/onboard")
    acts = ActionCounter(page)
    fill_in(acts, other.name, draw_mobile())
    page.get_by_label("KYC", exact=True).focus()
    warning = page.get_by_role("region", name="On record already?")
    expect(warning).to_contain_text("Same name, same date of birth")
    expect(warning).to_contain_text("Another customer is added.")
    assert Customer.objects.filter(name=other.name).count() == 1
    page.get_by_label("I have looked at this; go on.").check()
    page.get_by_role("button", name="On-board").click()
    expect(page.get_by_text("The customer is added")).to_be_visible()
    assert Customer.objects.filter(name=other.name).count() == 2


def test_a_tick_made_while_a_look_is_under_way_stays(visit, ent):
    other = make_alike(ent, draw_name("Ravi Das"))
    page = visit("maker", "/onboard")
    acts = ActionCounter(page)
    fill_in(acts, other.name, draw_mobile())
    page.get_by_label("KYC", exact=True).focus()
    tick = page.get_by_label("I have looked at this; go on.")
    expect(tick).to_be_visible()
    page.wait_for_load_state("networkidle")
    looks = []

    def hold(route):
        looks.append(route)

    page.route("**/onboard", hold)
    acts.fill("Account number", "A-78")
    tick.check()  # leaves the field: its look is not answered yet
    for _ in range(250):
        page.wait_for_timeout(20)
        if len(looks) == 2:
            break
    with page.expect_response("**/onboard"):
        looks[1].continue_()
    page.unroute("**/onboard")
    expect(tick).to_be_checked()
    page.get_by_role("button", name="On-board").click()
    expect(page.get_by_text("The customer is added")).to_be_visible()


@BOTH_WAYS
def test_a_first_submit_of_a_duplicate_stores_nothing_and_offers_to_go_on(visit, ent, scripted):
    other = make_alike(ent, draw_name("Ravi Das"))
    cbs = Processor.objects.get(system_id="CBS")
    page = visit("maker", "/onboard", java_script_enabled=scripted, expected=INVALID_MESSAGES)
    acts = ActionCounter(page)
    fill_in(acts, other.name, other.mobile)
    acts.fill("Processor", f"{cbs.name} (CBS)")
    acts.click("button", "On-board")
    expect(page.get_by_role("alert")).to_contain_text("Somebody like that is on record")
    warning = page.get_by_role("region", name="On record already?")
    expect(warning).to_contain_text("Same mobile number, same name, same date of birth")
    page.reload()  # sends it once more, and stores nothing
    expect(warning).to_contain_text("Same mobile number, same name, same date of birth")
    page.go_back()
    assert other.registrations.count() == 1
    page.reload()
    fill_in(acts, other.name, other.mobile)
    acts.fill("Processor", f"{cbs.name} (CBS)")
    acts.click("button", "On-board")
    expect(warning).to_contain_text("Same mobile number, same name, same date of birth")
    page.get_by_label("I have looked at this; go on.").check()
    page.get_by_role("button", name="On-board").click()
    known = f"{other.name} is now also known through {cbs.system_id}"
    expect(page.get_by_text(known)).to_be_visible()
    assert other.registrations.count() == 2


@BOTH_WAYS
def test_a_block_takes_a_reason_and_the_next_check_declines(visit, ent, scripted):
    customer = make_customer_of_ours(ent)
    assert answer_check(ent, customer) == "WITHIN_LIMITS"
    page = visit("maker", "/customers", java_script_enabled=scripted)
    acts = ActionCounter(page)
    acts.press(page.get_by_role("row", name=str(customer.pk)).get_by_role("link"))
    acts.click("link", "Block")
    page.go_back()
    page.go_forward()
    page.reload()
    acts.fill("Reason", "Reported stolen")
    acts.click("button", "Block")
    expect(page.get_by_text("The customer is blocked")).to_be_visible()
    assert acts.count == 4
    assert page.url.endswith(f"/customers/{customer.pk}")
    assert answer_check(ent, customer) == "CUSTOMER_BLOCKED"


@BOTH_WAYS
def test_full_kyc_is_proposed_on_one_page_and_approved_by_a_colleague_on_two(visit, ent, scripted):
    name = draw_name("Kavya Rao")
    customer = make_customer_of_ours(ent, customer_name=name)
    page = visit("maker", f"/customers/{customer.pk}/kyc", java_script_enabled=scripted)
    acts = ActionCounter(page)
    acts.fill("KYC", "Full KYC")
    acts.fill("Document", "PAN")
    acts.fill("Document number", f"ABCPE{KycProposal.objects.count():04d}F")
    acts.fill("Reason", "Original seen")
    acts.click("button", "Save")
    expect(page.get_by_text("another person approves it")).to_be_visible()
    customer.refresh_from_db()
    assert customer.tier == "P"

    page = visit("checker", "/work/approvals", java_script_enabled=scripted)
    acts = ActionCounter(page)
    row = page.get_by_role("row", name=name)
    acts.press(row.get_by_role("link"))
    expect(page.get_by_role("row", name="KYC New Min KYC Full KYC")).to_be_visible()
    page.go_back()
    expect(row).to_be_visible()
    acts.press(row.get_by_role("link"))
    page.reload()
    acts.click("button", "Approve")
    expect(page.get_by_text("Approved.")).to_be_visible()
    customer.refresh_from_db()
    assert customer.tier == "F"
    last = KycChange.objects.filter(customer=customer).latest("pk")
    assert last.user.username == ONE_OF_EACH["maker"]


@BOTH_WAYS
def test_an_edit_says_what_is_wrong_and_then_keeps_what_is_right(visit, ent, scripted):
    customer = make_customer_of_ours(ent)
    address = f"/customers/{customer.pk}/edit"
    page = visit("maker", address, java_script_enabled=scripted, expected=INVALID_MESSAGES)
    acts = ActionCounter(page)
    acts.fill("E-mail", "nobody")
    acts.click("button", "Save")
    expect(page.get_by_role("alert")).to_contain_text("Enter an e-mail address with one @")
    acts.fill("E-mail", "meera@example.in")
    acts.click("button", "Save")
    expect(page.get_by_text("The changes are recorded.")).to_be_visible()
    customer.refresh_from_db()
    assert (customer.email, customer.name) == ("meera@example.in", "Meera Iyer")


@BOTH_WAYS
def test_a_note_is_written_on_the_customers_own_page(visit, ent, scripted):
    customer = make_customer_of_ours(ent)
    address = f"/customers/{customer.pk}"
    page = visit("maker", address, java_script_enabled=scripted, expected=INVALID_MESSAGES)
    page.get_by_role("button", name="Add the note").click()
    expect(page.get_by_role("alert")).to_contain_text("Write the note first.")
    expect(page.get_by_role("alert")).to_be_focused()
    acts = ActionCounter(page)
    acts.fill("New note", "Called about the limit.")
    acts.click("button", "Add the note")
    expect(page.locator("#notes li")).to_contain_text("Called about the limit.")
    expect(page.get_by_label("New note")).to_have_value("")
    expect(page.get_by_role("heading", name="Left to spend this month")).to_be_visible()
    assert page.url.endswith(address if scripted else f"{address}#notes")
    if scripted:
        expect(page.get_by_role("button", name="Add the note")).to_be_focused()
    page.reload()
    expect(page.locator("#notes li")).to_have_count(1)
    assert (acts.count, customer.notes.count()) == (2, 1)


@BOTH_WAYS
def test_what_is_on_record_stands_masked_below_its_field_and_goes_by_a_tick(visit, ent, scripted):
    customer = make_customer_of_ours(ent, email_id="meera@example.in", city="Pune")
    page = visit("maker", f"/customers/{customer.pk}/edit", java_script_enabled=scripted)
    expect(page.get_by_label("E-mail", exact=True)).to_have_accessible_description(
        "On record: m••••@example.in"
    )
    acts = ActionCounter(page)
    acts.press(page.get_by_label("Remove E-mail"))
    acts.click("button", "Save")
    expect(page.get_by_text("The changes are recorded.")).to_be_visible()
    assert acts.count == 2
    customer.refresh_from_db()
    assert (customer.email, customer.city) == ("", "Pune")


@BOTH_WAYS
def test_a_reason_that_is_missing_or_may_not_be_kept_is_said_as_anywhere(visit, ent, scripted):
    customer = make_customer_of_ours(ent)
    address = f"/customers/{customer.pk}/block"
    page = visit("maker", address, java_script_enabled=scripted, expected=INVALID_MESSAGES)
    expect(page.get_by_label("Reason")).to_be_focused()
    page.get_by_role("button", name="Block").click()
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("link", name="Enter the reason.").click()
    expect(page.get_by_label("Reason")).to_be_focused()
    if scripted:
        page.keyboard.type("card 4111-1111-1111-1111")
        page.keyboard.press("Tab")
        error = page.locator("#id_reason_error")
        expect(error).to_contain_text("write its last four digits")
    customer.refresh_from_db()
    assert not customer.is_blocked
