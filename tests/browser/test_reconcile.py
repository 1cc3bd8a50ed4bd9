"""A maker brings a processor's file, watches it being compared, and settles what differs; with and
without JavaScript.
"""

import pytest
from playwright.sync_api import expect

from ppims.backoffice.reconciling.files import TEMPLATE_NAME
from ppims.core import clock
from ppims.maintenance import jobs as runner
from tests.browser.conftest import find_violations, run_in_thread

LINES = "Tran_Id,Tran_Type,Amount,Tran_Date\nT-OF-THEIRS,D,250.00,{day:%d-%m-%Y}\n"


def run_all():
    while runner.run_next("1-one"):
        pass


@pytest.mark.parametrize("is_scripted", [True, False])
def test_a_file_is_brought_watched_and_its_difference_settled(visit, is_scripted):
    page = visit("maker", "/reconcile", java_script_enabled=is_scripted)
    page.get_by_role("link", name="Compare a file").click()
    expect(page.get_by_role("link", name="Fetch the template")).to_be_visible()
    day = clock.today()
    page.get_by_label("Processor").select_option(index=1)
    for label in ("First day", "Last day"):
        page.get_by_label(label).fill(f"{day:%d-%m-%Y}")
    content = LINES.format(day=day).encode()
    file = {"name": TEMPLATE_NAME, "mimeType": "text/csv", "buffer": content}
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#state")).to_contain_text("It begins as soon as")
    run_in_thread(run_all)
    if not is_scripted:
        page.get_by_role("link", name="Look again").click()
    page.get_by_role("link", name="Only in their file, spend, T-OF-THEIRS").click()
    page.get_by_label("Note").fill("They report it late")
    if is_scripted:
        assert find_violations(page) == []
    page.get_by_role("button", name="Settle").click()
    expect(page.get_by_role("status")).to_contain_text("Settled.")
