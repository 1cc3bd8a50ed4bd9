"""Putting a flagged posting right, from its page: counted."""

import re

import pytest
from playwright.sync_api import expect

from limits.models import Adjustment, LedgerEntry, PostingFinding
from ppims.models import Processor
from tests.browser.action_counter import ActionCounter
from tests.browser.conftest import run_in_thread
from tests.factories import make_customer, make_posting

BOTH_WAYS = pytest.mark.parametrize("scripted", [True, False])


@BOTH_WAYS
def test_a_flagged_posting_is_corrected_and_closed_in_four_actions(visit, site, scripted):
    number = f"WRONG{LedgerEntry.objects.count()}"

    def work():
        ent = Processor.objects.get(system_id="ENT")
        return make_posting(ent, make_customer(ent), 40_000, tran_id=number)[0]

    entry = run_in_thread(work)
    page = visit("maker", f"/work/flagged/{entry.pk}", java_script_enabled=scripted)
    acts = ActionCounter(page)
    acts.press(page.get_by_label("A mistake, and put right", exact=True))
    acts.fill("Note", "The machine was asked twice")
    acts.click("button", "Close", exact=True)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Correct the month")
    expect(page.get_by_label("Take away", exact=True)).to_have_value("400.00")
    expect(page.get_by_label("Reason", exact=True)).to_have_value("The machine was asked twice")
    page.go_back()
    page.go_forward()
    page.reload()
    acts.click("button", "Propose", exact=True)
    expect(page).to_have_url(re.compile("/work/flagged"))
    expect(page.get_by_text("The correction is proposed")).to_be_visible()
    proposal = Adjustment.objects.get(posting_id=entry.pk)
    assert (proposal.amount_paise, proposal.state) == (-40_000, "PROPOSED")
    closing = PostingFinding.objects.exclude(finding="").get(entry=entry)
    assert (closing.finding, closing.note) == ("PUT_RIGHT", "The machine was asked twice")
    assert acts.count <= 4
