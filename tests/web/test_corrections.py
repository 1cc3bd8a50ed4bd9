"""Correcting the month: from a customer, from a transaction and from a flagged posting."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from customers.models import Customer
from limits.models import Adjustment, LedgerEntry, PostingFinding
from limits.services import adjustments, findings
from ppims.core import clock
from ppims.models import AuditEntry, FourEyes
from tests.factories import make_customer, make_posting, refuse
from tests.two_people import merge_customers, unmerge_customer
from tests.web.admin_pages import open_browser, read_words
from tests.web.users import find_user

pytestmark = pytest.mark.django_db
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)
THIS_MONTH = 203106
MONTH = {"amount": "250", "way": "add", "direction": "D", "month": THIS_MONTH, "reason": "x"}


@pytest.fixture(autouse=True)
def _now():
    with clock.freeze(AT):
        yield


@pytest.fixture
def posted(ent, customer):
    """A posting without a check: it is flagged."""
    return make_posting(ent, customer, 40_000, tran_id="T1")[0]


def find_form(customer, query=""):
    return f"{reverse('customer-correct', args=[customer])}{query}"


def find_flagged_page(entry):
    return reverse("flagged-posting", args=[entry.pk])


def find_detail(entry):
    return reverse("transaction", args=["entry", entry.pk])


def approve(proposal):
    checker = open_browser("checker")
    page = reverse("approval", args=["adjustment", proposal.pk])
    shown = read_words(checker.get(page))
    answer = checker.post(page, {"decision": "approve"})
    assert answer.status_code == 302, read_words(answer)
    return shown


@pytest.mark.parametrize(
    ("way", "written", "paise"),
    [("add", "250", 25_000), ("take", "1,000.50", -100_050), ("take", "₹ 7", -700)],
)
def test_a_month_is_corrected_by_two_people(ent, customer, maker, way, written, paise):
    make_posting(ent, customer, 200_000)
    form = {**MONTH, "way": way, "amount": written}
    answer = maker.post(find_form(customer), form)
    assert answer["Location"] == reverse("customer", args=[customer])
    proposal = Adjustment.objects.get()
    kept = (proposal.month, proposal.direction, proposal.amount_paise, proposal.posting_id)
    assert kept == (THIS_MONTH, "D", paise, None)
    assert proposal.maker == find_user(maker)
    assert "Correction:" in read_words(maker.get(answer["Location"]))
    approve(proposal)
    assert LedgerEntry.objects.get(kind="A").amount_paise == paise


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"amount": ""}, "Enter the amount."),
        ({"amount": "0"}, "Enter rupees above zero"),
        ({"amount": "-5"}, "Enter rupees above zero"),
        ({"amount": "1.005"}, "Enter rupees above zero"),
        ({"reason": " "}, "Enter the reason."),
        ({"month": "203107"}, "Select a valid choice"),
        ({"direction": "X"}, "Select a valid choice"),
        ({"way": ""}, "required"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_proposed(customer, maker, changes, said):
    answer = maker.post(find_form(customer), {**MONTH, **changes})
    assert answer.status_code == 422
    assert said in read_words(answer)
    assert not Adjustment.objects.exists()


def test_months_go_back_two_years_and_the_address_may_begin_with_another(customer, maker):
    shown = maker.get(find_form(customer)).content.decode()
    assert "Jun 2029" in shown
    assert "May 2029" not in shown
    begun = maker.get(find_form(customer, "?month=202811&direction=C")).context["form"]
    assert (begun["month"].value(), begun["direction"].value()) == (202811, "C")
    for wrong in ("203107", "202813", "x", "9" * 40):
        begun = maker.get(find_form(customer, f"?month={wrong}&direction=S")).context["form"]
        assert (begun["month"].value(), begun["direction"].value()) == (None, None)


# One posting.


def test_a_posting_is_corrected_by_what_is_left_of_it(ent, customer, maker, posted):
    make_posting(ent, customer, 10_000, kind="R", tran_id="T1")
    detail = maker.get(find_detail(posted))
    address = find_form(customer, f"?posting={posted.pk}")
    assert address in detail.content.decode()
    shown = maker.get(address)
    assert "Spend ₹400.00, 17 Jun 2031, 12:00 PM, ENT." in read_words(shown)
    assert "It counts in Jun 2031; ₹300.00 is left of it." in read_words(shown)
    assert shown.context["form"]["amount"].value() == "300.00"
    answer = maker.post(address, {"amount": "300.01", "reason": "twice"})
    assert answer.status_code == 422
    assert "Enter at most ₹300.00: that is left of it." in read_words(answer)
    answer = maker.post(address, {"amount": "120", "reason": "twice"})
    assert answer["Location"] == find_detail(posted)
    proposal = Adjustment.objects.get()
    kept = (proposal.month, proposal.direction, proposal.amount_paise, proposal.posting_id)
    assert kept == (THIS_MONTH, "D", -12_000, posted.pk)
    assert "Correction waits -₹120.00" in read_words(maker.get(find_detail(posted)))
    shown = approve(proposal)
    assert "Left of ₹400.00, posted 17 Jun 2031, 12:00 PM ₹300.00 ₹180.00" in shown
    page = maker.get(find_detail(posted))
    assert "Left of it ₹180.00" in read_words(page)
    assert "₹220.00 given back" in read_words(page)
    kinds = [step.line.row.kind for step in page.context["steps"]]
    assert kinds == ["posted", "reversed", "adjusted"]


def test_a_correction_leads_to_its_posting_and_is_no_transaction_of_its_own(ent, customer, maker):
    entry = make_posting(ent, customer, 40_000, tran_id="T1")[0]
    maker.post(find_form(customer, f"?posting={entry.pk}"), {"amount": "400", "reason": "x"})
    approve(Adjustment.objects.get())
    correction = LedgerEntry.objects.get(kind="A")
    page = maker.get(find_detail(correction))
    assert [step.line.row.id for step in page.context["steps"]] == [entry.pk, correction.pk]
    listed = read_words(maker.get("/transactions"))
    assert "₹400.00" in listed
    assert "-₹400.00" not in listed
    assert "Reversed" in listed
    assert "-₹400.00" in read_words(maker.get("/transactions?every=adjusted"))
    # All was given back: nothing is left to correct.
    assert "/correct?posting=" not in page.content.decode()


@pytest.mark.parametrize("named", ["x", "", "0", "9" * 40])
def test_a_posting_that_is_none_of_the_customers_is_not_found(ent, customer, maker, named):
    assert maker.get(find_form(customer, f"?posting={named}")).status_code == 404
    stranger = make_posting(ent, make_customer(ent), 500)[0]
    assert maker.get(find_form(customer, f"?posting={stranger.pk}")).status_code == 404


def test_who_may_not_propose_is_offered_nothing(ent, customer, posted):
    for role in ("viewer", "checker", "auditor", "admin"):
        client = open_browser(role)
        for page in (find_detail(posted), find_flagged_page(posted)):
            assert "/correct?" not in client.get(page).content.decode()


# A flagged posting.


def close(client, entry, note="counted twice"):
    return client.post(find_flagged_page(entry), {"finding": "PUT_RIGHT", "note": note})


def test_a_mistake_that_nobody_has_put_right_leads_to_the_correction(customer, maker, posted):
    answer = close(maker, posted)
    assert answer["Location"] == find_form(customer, f"?posting={posted.pk}&close={posted.pk}")
    (noted,) = PostingFinding.objects.all()
    assert (noted.finding, noted.note) == ("", "counted twice")
    shown = maker.get(answer["Location"])
    assert "The note is kept. Propose the correction: that closes it." in read_words(shown)
    begun = shown.context["form"]
    assert (begun["amount"].value(), begun["reason"].value()) == ("400.00", "counted twice")
    done = maker.post(answer["Location"], {"amount": "400", "reason": "counted twice"})
    assert done["Location"] == "/work/flagged"
    assert "Closed. The correction is proposed" in read_words(maker.get("/work/flagged"))
    closing = PostingFinding.objects.latest("pk")
    assert (closing.finding, closing.note) == ("PUT_RIGHT", "counted twice")
    assert Adjustment.objects.get().posting_id == posted.pk
    actions = AuditEntry.objects.filter(user=find_user(maker)).order_by("pk")
    assert [entry.action for entry in actions] == [
        "flagged posting noted",
        "adjustment proposed",
        "flagged posting closed",
    ]


def test_who_leaves_the_correction_has_closed_nothing(customer, maker, posted):
    close(maker, posted)
    assert "₹400.00" in read_words(maker.get("/work/flagged"))
    assert "counted twice" in read_words(maker.get(find_flagged_page(posted)))


def test_what_was_reversed_or_waits_for_a_correction_is_closed_at_once(ent, customer, maker):
    reversed_one = make_posting(ent, customer, 500, tran_id="T1")[0]
    make_posting(ent, customer, 500, kind="R", tran_id="T1")
    waiting = make_posting(ent, customer, 700)[0]
    maker.post(find_form(customer, f"?posting={waiting.pk}"), {"amount": "7", "reason": "x"})
    for entry in (reversed_one, waiting):
        close(maker, entry)
    assert PostingFinding.objects.filter(finding="PUT_RIGHT").count() == 2


def test_too_little_posted_is_put_right_by_adding_to_its_month(customer, maker, posted):
    close(maker, posted)
    page = maker.get(find_form(customer, f"?posting={posted.pk}&close={posted.pk}"))
    address = find_form(customer, f"?month={THIS_MONTH}&direction=D&close={posted.pk}")
    assert address.replace("&", "&amp;") in page.content.decode()
    done = maker.post(address, {**MONTH, "reason": "less than was spent"})
    assert done["Location"] == "/work/flagged"
    assert Adjustment.objects.get().amount_paise == 25_000
    assert PostingFinding.objects.latest("pk").finding == "PUT_RIGHT"


def test_a_flagged_correction_leads_to_its_month(customer, maker):
    maker.post(find_form(customer), {**MONTH, "amount": "20000"})
    approve(Adjustment.objects.get())
    entry = LedgerEntry.objects.get(kind="A")
    assert entry.flags == "OVER_LIMIT"
    with clock.freeze(AT.replace(hour=7)):
        answer = close(maker, entry)
    expected = f"?month={THIS_MONTH}&direction=D&close={entry.pk}"
    assert answer["Location"] == find_form(customer, expected)


def test_what_is_closed_is_not_closed_again(customer, maker, posted):
    maker.post(find_flagged_page(posted), {"finding": "GENUINE", "note": "it is so"})
    assert close(maker, posted).status_code == 422
    maker.post(
        find_form(customer, f"?posting={posted.pk}&close={posted.pk}"),
        {"amount": "1", "reason": "after all"},
    )
    assert Adjustment.objects.count() == 1
    assert [kept.finding for kept in PostingFinding.objects.all()] == ["GENUINE"]


def test_what_is_gone_by_its_approval_is_stale(ent, customer, maker, posted):
    maker.post(find_form(customer, f"?posting={posted.pk}"), {"amount": "400", "reason": "x"})
    make_posting(ent, customer, 1, kind="R", tran_id="T1")
    proposal = Adjustment.objects.get()
    page = reverse("approval", args=["adjustment", proposal.pk])
    checker = open_browser("checker")
    assert "more than is left of its posting" in read_words(checker.get(page))
    assert checker.post(page, {"decision": "approve"}).status_code == 422
    proposal.refresh_from_db()
    assert proposal.state == FourEyes.State.PROPOSED


def test_its_maker_does_not_approve_it(customer, maker):
    maker.post(find_form(customer), MONTH)
    page = reverse("approval", args=["adjustment", Adjustment.objects.get().pk])
    assert maker.post(page, {"decision": "approve"}).status_code == 403


def test_a_failing_audit_keeps_neither_the_correction_nor_the_finding(
    customer, maker, posted, monkeypatch
):
    maker.raise_request_exception = False
    close(maker, posted)
    record = adjustments.findings.audit.record

    def fail(action, **more):
        if action == "flagged posting closed":
            raise RuntimeError
        return record(action, **more)

    monkeypatch.setattr("limits.services.findings.audit.record", fail)
    address = find_form(customer, f"?posting={posted.pk}&close={posted.pk}")
    assert maker.post(address, {"amount": "400", "reason": "x"}).status_code == 500
    assert not Adjustment.objects.exists()
    assert not PostingFinding.objects.exclude(finding="").exists()


# Of whom merges connected.


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


def find_approval(proposal):
    return reverse("approval", args=["adjustment", proposal.pk])


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


def test_what_cannot_be_told_is_no_empty_comparison(customer, maker, monkeypatch):
    """Django shows nothing where a template looks up a row that is missing."""
    maker.post(find_form(customer), MONTH)
    checker = open_browser("checker")
    checker.raise_request_exception = False

    def fail(*_args):
        raise LedgerEntry.DoesNotExist

    monkeypatch.setattr("ppims.backoffice.proposal_kinds.correction.ledger.read_usage", fail)
    assert checker.get(find_approval(Adjustment.objects.get())).status_code == 500


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
