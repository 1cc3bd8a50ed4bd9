"""Correcting the month: from a customer, from a transaction and from a flagged posting."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from limits.models import Adjustment, LedgerEntry, PostingFinding
from limits.services import adjustments
from ppims.core import clock
from ppims.models import AuditEntry, FourEyes
from tests.factories import make_customer, make_posting
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


def find_approval(proposal):
    return reverse("approval", args=["adjustment", proposal.pk])


def test_what_cannot_be_told_is_no_empty_comparison(customer, maker, monkeypatch):
    """Django shows nothing where a template looks up a row that is missing."""
    maker.post(find_form(customer), MONTH)
    checker = open_browser("checker")
    checker.raise_request_exception = False

    def fail(*_args):
        raise LedgerEntry.DoesNotExist

    monkeypatch.setattr("ppims.backoffice.proposal_kinds.correction.ledger.read_usage", fail)
    assert checker.get(find_approval(Adjustment.objects.get())).status_code == 500
