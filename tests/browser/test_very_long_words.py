"""Words as long as they may be, without a space: for them no page is wider than its window, and no
column so wide that it leaves the others out of sight. What is made here stays: it comes last.
"""

from datetime import date

import pytest
from django.contrib.auth.models import Group

from customers.details import CustomerDetails
from customers.models import DuplicateReview, KycProposal
from customers.services import blocking, customers, kyc, notes
from limits.models import LedgerEntry, LimitCheck
from ppims.core.errors import Conflict
from ppims.models import Operation, Processor, User
from ppims.services.idempotency import Call
from tests.browser import conftest
from tests.browser.conftest import PHONE, run_in_thread
from tests.browser.test_pages import TOO_WIDE, WIDE_SCREEN
from tests.factories import draw_mobile, draw_ref, make_check, make_posting

WORD = ("Wilhelminavenkatanarasimharajuvaripetalakshminarayana" * 10)[:500]
NAME, ID, USERNAME = WORD[:100], "W" * 32, WORD[:150]
FIND_TOO_WIDE = """() => [...document.querySelectorAll('main *, header *')]
    .filter(e => !e.closest('svg, select, .unseen, .table *, #hits, .person > summary'))
    .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map(e => e.outerHTML.slice(0, 80))"""
# A column that is wider leaves no other in sight on a phone; a desktop shows whole tables. Of a
# list's `rows` the cells follow one another there, on two lines.
WIDE_COLUMNS = """() => [...document.querySelectorAll('td:not([colspan], .rows td)')]
    .filter(cell => cell.getBoundingClientRect().width > 330)
    .map(cell => cell.outerHTML.slice(0, 80))"""
WIDE_TABLES = """() => [...document.querySelectorAll('.table')]
    .filter(table => table.scrollWidth > table.clientWidth)
    .map(table => table.getAttribute('aria-label') || table.getAttribute('aria-labelledby'))"""
LOOKS = {"desktop": (WIDE_SCREEN, WIDE_TABLES), "phone": (PHONE, WIDE_COLUMNS)}
PAGES = (
    *("/overview", "/work/reviews", "/work/reviews/{review}", "/work/flagged"),
    *("/work/flagged/{flagged}", "/transactions", "/transactions/check/{check}"),
    *("/transactions/entry/{flagged}", "/customers", "/customers/{customer}", "/onboard"),
    *(f"/customers/{{customer}}/{what}" for what in ("reveal", "edit", "kyc", "unblock")),
    *(
        "/work/approvals",
        "/work/approvals/kyc/{proposal}",
        "/work/approvals/unblocking/{unblocking}",
        "/settings/limits",
    ),
)


def make_details(**changes):
    as_long_as_may_be = {
        **dict.fromkeys(("customer_name", "maiden_name", "city", "state"), NAME),
        **dict.fromkeys(("address_line1", "address_line2", "kyc_updated_channel"), NAME),
        **dict.fromkeys(("customer_id", "account_number", "card_number", "cif_id"), ID),
        "email_id": f"{'w' * 240}@example.in",
        "pincode": "4" * 10,
    }
    codes = {"account_status": "A", "card_status": "A", "kyc_flag": "N", "customer_type": "N"}
    own = {"mobile_number": draw_mobile(), "date_of_birth": date(1991, 2, 14)}
    return CustomerDetails(**as_long_as_may_be, **codes, **{**own, **changes})


def make_all():
    """Make a customer, a processor and staff of long names, and of each something on every page."""
    maker = User.objects.create(username=USERNAME, is_staff=True)
    maker.groups.add(Group.objects.get(name="maker"))
    processor = Processor.objects.create(system_id=ID, name=NAME, username="w" * 64, password="!")

    def add(person):
        call = Call(processor, Operation.ADD_CUSTOMER, draw_ref(), {})
        return customers.add_customer(call=call, details=person)[0].customer_id

    person = make_details()
    customer = add(person)
    flagged, _ = make_posting(processor, customer, 99_000_00, tran_id=ID)
    declined, _ = make_check(processor, customer, 10_000_000_00)
    with pytest.raises(Conflict):
        add(make_details(mobile_number=person.mobile_number, date_of_birth=date(1960, 1, 1)))
    notes.add_note(customer_id=customer, text=WORD, user=maker)
    document = CustomerDetails(
        kyc_flag="F", kyc_updated_channel=NAME, ovid_type="DRL", ovid_value="W" * 20
    )
    kyc.change(customer_id=customer, details=document, reason=WORD, user=maker)
    blocking.block(customer_id=customer, reason=WORD, user=maker)
    unblocking = blocking.propose_unblocking(customer_id=customer, reason=WORD, user=maker)
    return {
        "customer": customer,
        "flagged": LedgerEntry.objects.get(pk=flagged.pk).pk,
        "check": LimitCheck.objects.get(pk=declined.pk).pk,
        "review": DuplicateReview.objects.get(customer_id=customer).pk,
        "proposal": KycProposal.objects.get(customer_id=customer).pk,
        "unblocking": unblocking.pk,
    }


@pytest.fixture(scope="module")
def made(site):
    return run_in_thread(make_all)


@pytest.mark.parametrize("look", LOOKS)
def test_no_page_goes_sideways(visit, made, look, monkeypatch):
    monkeypatch.setitem(conftest.ONE_OF_EACH, "maker", USERNAME)
    size, too_wide = LOOKS[look]
    page, found = visit("maker", **size), {}
    for address in PAGES:
        page.goto(address.format(**made))
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert page.get_by_role("heading", level=1).is_visible()
        wide = [page.evaluate(TOO_WIDE), *page.evaluate(FIND_TOO_WIDE), *page.evaluate(too_wide)]
        if any(wide):
            found[address] = wide
    assert found == {}
