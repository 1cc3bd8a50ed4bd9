"""A refused call is understood in three actions at most, with scripts and without; and the command
that sends it again is copied.
"""

import pytest
from playwright.sync_api import expect

from tests.browser.action_counter import ActionCounter

BOTH_WAYS = pytest.mark.parametrize("scripted", [True, False], ids=["scripts", "no scripts"])


@BOTH_WAYS
def test_a_refused_call_is_understood_in_three_actions(visit, scripted):
    page = visit("auditor", "/overview", java_script_enabled=scripted)
    acts = ActionCounter(page)
    acts.click("link", "Calls", exact=True)
    row = page.get_by_role("row").filter(has_text="DEMO-CALL-4")
    acts.press(row.get_by_role("link"))
    assert acts.count <= 3
    request = page.get_by_label("Request", exact=True)
    expect(request.locator("mark")).to_have_text(['"Amount": "1,000",', '"Tran_Type": "X",'])
    expect(request).to_contain_text("must be text like 2000.00")
    expect(page.get_by_label("Answer", exact=True)).to_contain_text('"Resp_Code": "400"')
    expect(page.locator("main")).to_contain_text("Refused: nothing is booked.")


def test_it_is_found_by_its_ref_id_and_its_command_is_copied(visit):
    page = visit("maker", "/settings/processors/calls", permissions=["clipboard-write"])
    acts = ActionCounter(page)
    acts.fill("Ref_Id, Tran_Id or request id", "DEMO-CALL-1")
    acts.submit()
    expect(page.locator("tbody tr")).to_have_count(1)
    acts.press(page.locator("tbody").get_by_role("link"))
    acts.click("button", "Copy the command")
    selected = page.evaluate("getSelection().toString()")
    assert selected == page.locator("#curl").inner_text()
    assert "$PPIMS_PASSWORD" in selected
    assert acts.count <= 4
