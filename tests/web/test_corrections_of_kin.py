"""Corrections, and the queue that leads to them, of customers whom merges connected: each row is
told, and corrected, for whose it is by now.
"""

from datetime import timedelta

import pytest
from django.urls import reverse

from customers.models import Customer
from limits.models import Adjustment, LedgerEntry
from limits.services import findings
from ppims.core import clock
from tests.factories import make_customer, make_posting, refuse
from tests.two_people import merge_customers, unmerge_customer
from tests.web.admin_pages import open_browser, read_words
from tests.web.test_corrections import (
    AT,
    approve,
    close,
    find_approval,
    find_detail,
    find_flagged_page,
    find_form,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now():
    with clock.freeze(AT):
        yield


@pytest.fixture
def parted(ent):
    """A merge and un-merge with a posting of the merged one between: the survivor, who is older,
    the other, and the posting, which is in the survivor's ledger.
    """
    ids = []
    for days in (4, 3):
        with clock.freeze(AT - timedelta(days=days)):
            ids.append(make_customer(ent))
    with clock.freeze(AT - timedelta(days=2)):
        merge_customers(*ids)
    with clock.freeze(AT - timedelta(days=1)):
        entry = make_posting(ent, ids[1], 40_000, tran_id="T1")[0]
    assert entry.customer_id == ids[0]
    with clock.freeze(AT - timedelta(hours=1)):
        unmerge_customer(ids[1])
    return *ids, entry


def merge_again(ids):
    with clock.freeze(AT - timedelta(minutes=1)):
        merge_customers(*ids)


def test_the_checker_sees_before_and_after_of_a_posting_in_the_ledger_of_the_merged_one(ent, maker):
    ids = []
    for hours in (2, 1):
        with clock.freeze(AT - timedelta(hours=hours)):
            ids.append(make_customer(ent))
            entry = make_posting(ent, ids[-1], 40_000, tran_id=f"T{hours}")[0]
    assert entry.customer_id == ids[1]
    merge_again(ids)
    maker.post(find_form(ids[0], f"?posting={entry.pk}"), {"amount": "100", "reason": "x"})
    shown = approve(Adjustment.objects.get())
    assert "Spend, Jun 2031 ₹800.00 ₹700.00" in shown
    assert "Left of ₹400.00, posted 17 Jun 2031, 11:00 AM ₹400.00 ₹300.00" in shown


def test_what_waits_for_one_who_was_merged_since_is_told_of_both_together(ent, maker, parted):
    older, younger, entry = parted
    make_posting(ent, older, 5_000)
    maker.post(find_form(younger, f"?posting={entry.pk}"), {"amount": "100", "reason": "x"})
    proposal = Adjustment.objects.get()
    assert proposal.customer_id == younger
    checker = open_browser("checker")
    assert "Spend, Jun 2031 ₹400.00 ₹300.00" in read_words(checker.get(find_approval(proposal)))
    with clock.freeze(AT + timedelta(minutes=1)):
        merge_customers(older, younger)
        shown = approve(proposal)
    assert "Spend, Jun 2031 ₹450.00 ₹350.00" in shown
    assert "Left of ₹400.00" in shown


def test_after_an_un_merge_a_posting_is_corrected_for_whom_it_named(maker, parted):
    older, younger, entry = parted
    address = find_form(younger, f"?posting={entry.pk}")
    assert address in maker.get(find_detail(entry)).content.decode()
    assert maker.get(find_form(older, f"?posting={entry.pk}")).status_code == 404
    answer = close(maker, entry)
    assert answer["Location"] == f"{address}&close={entry.pk}"
    maker.post(answer["Location"], {"amount": "400", "reason": "counted twice"})
    proposal = Adjustment.objects.get()
    assert (proposal.customer_id, findings.find_closing(entry).finding) == (younger, "PUT_RIGHT")
    assert "Spend, Jun 2031 ₹400.00 ₹0.00" in approve(proposal)


def test_a_flagged_move_is_closed_for_whose_ledger_it_is_in(ent, maker, parted):
    older, younger, _ = parted
    for each in (older, younger):
        make_posting(ent, each, 990_000)
    with clock.freeze(AT + timedelta(minutes=1)):
        merge_customers(older, younger)
    moved = LedgerEntry.objects.get(kind="M", flags="OVER_LIMIT")
    with clock.freeze(AT + timedelta(minutes=2)):
        unmerge_customer(younger)
        answer = close(maker, moved)
        assert answer["Location"].startswith(find_form(older, "?month="))
        assert maker.get(answer["Location"]).context["closes"] == moved


def test_the_queue_tells_whose_a_flagged_posting_is_now(ent, maker, parted):
    """Of whom it named, though it is in another's ledger; and of both, once they are one."""
    older, younger, entry = parted
    report = refuse(ent, younger, 40_001, "T1")
    names = {older: "Asha Rao", younger: "Bela Shah"}
    for each, name in names.items():
        Customer.objects.filter(pk=each).update(name=name)
    report_page = reverse("refused-report", args=[report.pk])
    pages = ("/work/flagged", find_flagged_page(entry), "/work/refused", report_page)
    for owner in (younger, older):
        for page in pages:
            shown = maker.get(page)
            assert names[owner] in read_words(shown), page
            assert names[({*names} - {owner}).pop()] not in read_words(shown), page
        for page in pages[1::2]:
            assert reverse("customer", args=[owner]) in maker.get(page).content.decode()
            assert "₹9,600.00 of ₹10,000.00" in read_words(maker.get(page))
        if owner == younger:
            merge_again([older, younger])
    for page, finding in ((pages[1], "GENUINE"), (pages[3], "REPEAT")):
        maker.post(page, {"finding": finding, "note": "it is so"})
    for page in pages[::2]:
        assert names[older] in read_words(maker.get(f"{page}?done"))


def test_transactions_tell_whose_each_is_now(maker, parted):
    older, younger, entry = parted
    names = {older: "Asha Rao", younger: "Bela Shah"}
    for each, name in names.items():
        Customer.objects.filter(pk=each).update(name=name)
    exporter = open_browser("auditor")
    for owner in (younger, older):
        days = maker.get("/transactions").context["days"]
        (line,) = [each for _, lines in days for each in lines if each.row.id == entry.pk]
        told = (line.customer, line.customer_address)
        assert told == (names[owner], reverse("customer", args=[owner]))
        assert names[owner] in read_words(maker.get(find_detail(entry)))
        file = exporter.post("/transactions/export", {"every": "posted"})
        (row,) = b"".join(file.streaming_content).decode().splitlines()[1:]
        assert f",{owner}," in row
        if owner == younger:
            merge_again([older, younger])
