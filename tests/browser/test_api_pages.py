"""A developer tries an operation on the API's own page, with scripts and without."""

import json

import pytest

from tests.browser.conftest import PHONE
from tests.factories import draw_ref

ADDRESS = "/api/PPIM/v1/docs/check-customer-limit"


@pytest.mark.parametrize("more", [{}, {"java_script_enabled": False}, PHONE], ids=str)
def test_a_developer_chooses_an_example_edits_it_and_sends_it(visit, more):
    page = visit("", ADDRESS, **more)
    page.locator("#try ~ .way-on").get_by_role("link", name="Malformed").click()
    page.get_by_role("button", name="Send").click()
    answer = page.locator("#answer")
    answer.get_by_text("Data.Check_Limit.Amount", exact=True).wait_for()
    assert "HTTP 400" in answer.inner_text()
    text = page.get_by_label("POST /api/PPIM/v1/check-customer-limit")
    sent = json.loads(text.input_value())
    assert sent["Data"]["Check_Limit"]["Amount"] == "1,000"  # what was sent stays to be mended
    sent["Data"]["Check_Limit"] |= {"Amount": "1.00", "Tran_Type": "D", "Ref_Id": draw_ref()}
    text.fill(json.dumps(sent, indent=2))
    page.get_by_role("button", name="Send").click()
    answer.get_by_text("Resp_Code 000", exact=True).wait_for()
    assert json.loads(answer.locator("pre").inner_text())["Data"]["Resp_Code"] == "000"
    assert "ENT123" not in page.url
