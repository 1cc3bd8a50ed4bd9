"""Two admins and a new processor, up to its first allowed check by what its sheet says; with
scripts and without; what they do is counted.
"""

import json
import re
import shlex
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import expect

from customers.models import Customer
from ppims.demo.load import STAFF
from ppims.models import Processor
from tests.browser import conftest
from tests.browser.action_counter import ActionCounter
from tests.browser.conftest import REFUSED_MESSAGE, find_violations
from tests.factories import draw_mobile

BOTH_WAYS = pytest.mark.parametrize("scripted", [True, False], ids=["scripts", "no scripts"])
FIRST_ADMIN, SECOND_ADMIN = (name for name, role in STAFF.items() if role == "admin")
READ_CLIPBOARD = "navigator.clipboard.readText()"


@pytest.fixture
def visit_as(visit, monkeypatch):
    """Open a page as one of the demo's people by name: of some roles there are two."""

    def open_page(name, address, **more):
        monkeypatch.setitem(conftest.ONE_OF_EACH, name, name)
        return visit(name, address, **more)

    return open_page


def send(address, body):
    request = Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request) as answer:
        return json.loads(answer.read())["Data"]


def call(sheet, operation, name, **fields):
    """Call an operation by what a sheet says."""
    body = {name: {"System_Id": sheet["code"], "Ref_Id": f"R{sheet['code']}{operation}"[:32]}}
    body[name] |= fields
    body |= {"Username": sheet["username"], "Password": sheet["password"]}
    return send(f"{sheet['address']}/{operation}", {"Data": body, "Risk": {}})


def read_sheet(page):
    names = ("address", "code", "username", "password", "curl")
    return {name: page.locator(f"#sheet-{name}").inner_text() for name in names}


def propose(visit_as, code, scripted):
    page = visit_as(FIRST_ADMIN, "/settings/processors", java_script_enabled=scripted)
    acts = ActionCounter(page)
    acts.click("link", "New", exact=True)
    acts.fill("Code (System_Id)", code)
    acts.fill("Reason", "Goes live")
    acts.submit()
    expect(page.get_by_text("it waits for another admin")).to_be_visible()
    return page, acts.count


def approve(visit_as, code, scripted):
    page = visit_as(SECOND_ADMIN, "/work/approvals", java_script_enabled=scripted)
    acts = ActionCounter(page)
    acts.click("link", f"Processor: add {code}")
    acts.click("button", "Approve")
    expect(page.get_by_text("Approved.")).to_be_visible()
    return acts.count


@BOTH_WAYS
def test_a_new_processor_to_its_first_allowed_check_takes_seven_actions(visit_as, site, scripted):
    code = f"NEW{Processor.objects.count()}"
    page, count = propose(visit_as, code, scripted)
    count += approve(visit_as, code, scripted)
    page.goto("/settings/processors")
    acts = ActionCounter(page)
    acts.click("button", f"Show the password of {code}")
    sheet = read_sheet(page)
    assert count + acts.count <= 7

    *_, address, _, body = shlex.split(sheet["curl"])
    assert send(address, json.loads(body))["Resp_Code"] == "500"
    person = {
        "Unique_Id": "NA",
        "Customer_Id": f"C{code}",
        "Customer_Name": "Kiran Bose",
        "Mobile_Number": draw_mobile(),
        "Date_Of_Birth": "21-08-1994",
        "Account_Number": f"A{code}",
        "Account_Status": "A",
        "KYC_Flag": "P",
        "KYC_Updated_Channel": "PGO",
        "Customer_Type": "N",
    }
    added = call(sheet, "add-customer", "Add_Customer", **person)
    assert added["Resp_Code"] == "000"
    asked = {"Unique_Id": added["Unique_Id"], "Amount": "100.00", "Tran_Type": "D"}
    checked = call(sheet, "check-customer-limit", "Check_Limit", **asked)
    assert (checked["Resp_Code"], checked["Allow_Customer"]) == ("000", "T")
    assert Customer.objects.filter(pk=added["Unique_Id"]).exists()


def test_what_is_to_be_copied_is_copied_and_a_second_look_shows_nothing(visit_as, site):
    code = f"NEW{Processor.objects.count()}"
    refused = (f"{REFUSED_MESSAGE}422",)
    propose(visit_as, code, True)
    approve(visit_as, code, True)
    page = visit_as(FIRST_ADMIN, "/settings/processors", expected=refused)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name=f"Show the password of {code}").click()
    sheet = read_sheet(page)
    buttons = {"address": "the address", "code": "the code", "username": "the username"}
    for name, said in {**buttons, "password": "the password", "curl": "the command"}.items():
        page.get_by_role("button", name=f"Copy {said}").click()
        assert page.evaluate(READ_CLIPBOARD) == sheet[name]
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("The password was shown already")
    assert sheet["password"] not in page.content()


def test_a_sheet_is_accessible_and_fits_a_phone_and_a_page(visit_as, site):
    code = f"NEW{Processor.objects.count()}"
    propose(visit_as, code, True)
    approve(visit_as, code, True)
    page = visit_as(FIRST_ADMIN, "/settings/processors", **conftest.PHONE)
    page.get_by_role("button", name=f"Show the password of {code}").click()
    assert find_violations(page) == []
    root = "document.documentElement"
    assert not page.evaluate(f"{root}.scrollWidth > {root}.clientWidth")
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) == 1
