"""What waits for staff: review items with their evidence, flagged postings with what happened."""

from datetime import UTC, date, datetime, timedelta

import pytest

from customers.details import CustomerDetails
from customers.models import DuplicateReview
from customers.services import blocking, customers
from limits.models import LedgerEntry, PostingFinding
from limits.services import adjustments
from limits.services.adjustments import Correction
from ppims.backoffice import labels
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.models import AuditEntry, Operation
from ppims.reports import keyset, reviews
from ppims.services.idempotency import Call
from tests.factories import draw_ref, make_check, make_customer, make_posting
from tests.web.admin_pages import open_browser, read_words
from tests.web.users import find_user

pytestmark = pytest.mark.django_db
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)
MOBILE = "919812345678"
HTMX = {"HX-Request": "true"}
LIMIT = 1_000_000


@pytest.fixture
def review(ent, cbs):
    """Somebody else with the mobile number of a customer on record."""
    return claim(ent, cbs)


def claim(ent, cbs, mobile=MOBILE, at=AT, **more):
    with clock.freeze(at):
        make_customer(ent, mobile_number=mobile)
        details = {"customer_name": "Ravi Rao", "date_of_birth": date(1970, 1, 2), **more}
        with pytest.raises(Conflict):
            make_customer(cbs, mobile_number=mobile, **details)
    return DuplicateReview.objects.latest("pk")


def claim_for_another_customer(ent, **what):
    """Two records: what one has is claimed for the other."""
    with clock.freeze(AT):
        make_customer(ent, **what)
        other = make_customer(ent)
        call = Call(ent, Operation.UPDATE_CUSTOMER, draw_ref(), {})
        with pytest.raises(Conflict):
            customers.update_customer(call=call, details=CustomerDetails(unique_id=other, **what))
    return DuplicateReview.objects.latest("pk")


def find_page(review):
    return f"/work/reviews/{review.pk}"


def decide(client, review, outcome, reason="Called them"):
    return client.post(find_page(review), {"finding": outcome, "note": reason})


# Review items.


def test_the_list_has_the_oldest_first_and_asks_who_it_is(ent, cbs, maker):
    claim(ent, cbs, at=AT + timedelta(hours=1))
    claim(ent, cbs, mobile="919812345679", at=AT)
    shown = read_words(maker.get("/work/reviews"))
    row = "Meera Iyer or Ravi Rao? Mobile number CBS 17 Jun 2031,"
    assert f"{row} 12:00 PM {row} 1:00 PM" in shown


def test_record_and_claim_stand_side_by_side_masked(review, maker):
    page = maker.get(find_page(review))
    shown = read_words(page)
    assert (
        "CBS tried to add a person whose mobile number belongs to Meera Iyer. 17 Jun 2031, 12:00 PM"
        in shown
    )
    assert "Name Meera Iyer Ravi Rao Differs Mobile number ••••5678 ••••5678 The same" in shown
    assert "Date of birth •• ••• 1991 •• ••• 1970 Differs Document – – –" in shown
    assert MOBILE not in page.content.decode()


@pytest.mark.parametrize("outcome", ["SAME_PERSON", "DIFFERENT_PEOPLE"])
def test_a_decision_is_taken_with_its_reason_and_who_and_when(review, outcome):
    client = open_browser("maker")
    with clock.freeze(AT):
        answer = decide(client, review, outcome, " Called them ")
    review.refresh_from_db()
    assert (review.outcome, review.reason, review.decided_at) == (outcome, "Called them", AT)
    assert answer["Location"] == "/work/reviews"
    assert f"Decided: {review.get_outcome_display().lower()}." in read_words(
        client.get("/work/reviews")
    )
    page = read_words(client.get(find_page(review)))
    assert f"Called them {review.decided_by}, 17 Jun 2031, 12:00 PM" in page
    assert "What is it?" not in page


@pytest.mark.parametrize(
    ("outcome", "reason", "said"),
    [
        ("DIFFERENT_PEOPLE", "", "Write what you found out."),
        ("DIFFERENT_PEOPLE", "x" * 501, "at most 500 characters"),
        ("", "Called them", "Choose what it is."),
        ("NOBODY", "Called them", "Choose what it is."),
    ],
)
def test_without_an_outcome_and_a_reason_nothing_is_decided(review, maker, outcome, reason, said):
    answer = decide(maker, review, outcome, reason)
    assert answer.status_code == 422
    assert said in read_words(answer)
    review.refresh_from_db()
    assert review.outcome == ""


def test_what_another_has_decided_meanwhile_stays(review, maker):
    decide(maker, review, "DIFFERENT_PEOPLE")
    again = decide(open_browser("maker"), review, "SAME_PERSON", "I think so")
    assert again.status_code == 422
    assert "was decided before" in read_words(again)
    review.refresh_from_db()
    assert review.outcome == "DIFFERENT_PEOPLE"


def test_two_records_of_one_person_stay_until_they_are_merged(ent, maker):
    review = claim_for_another_customer(ent, mobile_number=MOBILE)
    assert "It is proposed to merge the two records" in read_words(maker.get(find_page(review)))
    decide(maker, review, "SAME_PERSON")
    assert "one person or two? To be merged Mobile number" in read_words(maker.get("/work/reviews"))
    assert "It is proposed, and another person decides" in read_words(maker.get(find_page(review)))
    assert "None so far." in read_words(maker.get("/work/reviews?done=1"))


def test_what_is_decided_goes_to_the_other_list(review, maker):
    decide(maker, review, "DIFFERENT_PEOPLE")
    assert "Nothing waits." in read_words(maker.get("/work/reviews"))
    assert "Meera Iyer or Ravi Rao? Different people" in read_words(
        maker.get("/work/reviews?done=1")
    )


def test_a_number_that_was_not_claimed_is_not_offered_to_be_passed_on(ent, maker):
    review = claim_for_another_customer(ent, ovid_type="PAN", ovid_value="ABCPE1234F")
    page = maker.get(find_page(review))
    assert "ENT tried to give Meera Iyer the document of Meera Iyer." in read_words(page)
    assert "Number passed on" not in read_words(page)
    assert decide(maker, review, "NUMBER_PASSED_ON").status_code == 422


def test_who_may_not_decide_sees_the_evidence_and_no_form(review):
    page = open_browser("checker").get(find_page(review))
    assert "A maker decides." in read_words(page)
    assert "<textarea" not in page.content.decode()


@pytest.mark.parametrize("done", ["", "done=1&"])
@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_pages_of_any_size_give_each_item_once(ent, cbs, maker, monkeypatch, rows, done):
    made = []
    for number in range(4):
        item = claim(ent, cbs, mobile=f"91981234000{number}", at=AT + timedelta(days=number // 2))
        made.append(item.pk)
        if done:
            decide(maker, item, "DIFFERENT_PEOPLE")
    report = reviews.list_decided if done else reviews.list_waiting
    found, cursor = [], ""
    while True:
        page = report(cursor=cursor, rows=rows)
        found += [item.pk for item in page.rows]
        cursor = page.next
        if not cursor:
            break
    assert found == (made[::-1] if done else made)


# Flagged postings.


@pytest.fixture
def customer(ent):
    with clock.freeze(AT):
        return make_customer(ent)


def find_flagged_page(entry):
    return f"/work/flagged/{entry.pk}"


def make_flagged_posting(ent, customer, paise=40_000, at=AT, **more):
    with clock.freeze(at):
        return make_posting(ent, customer, paise, **more)[0]


def send_note(client, entry, finding="GENUINE", note="ENT confirms it"):
    return client.post(find_flagged_page(entry), {"finding": finding, "note": note})


def note_only(client, entry, note):
    return client.post(find_flagged_page(entry), {"note": note, "only_note": "1"})


def test_the_queue_has_the_oldest_first_with_what_happened(ent, customer, maker):
    make_flagged_posting(ent, customer, 1, AT, kind="F")
    make_flagged_posting(ent, customer, LIMIT + 1, AT + timedelta(hours=1))
    shown = read_words(maker.get("/work/flagged"))
    assert (
        "Spend without a check and over the limit ₹10,000.01 Meera Iyer ENT 17 Jun 2031, 1:00 PM"
        in shown
    )
    assert shown.count("17 Jun 2031") == 1


def test_what_happened_is_said_in_words_for_every_flag(ent, customer, maker):
    with clock.freeze(AT):
        make_check(ent, customer, LIMIT + 1, ref_id="C1")
        make_check(ent, customer, 50_000, ref_id="C2")
        make_check(ent, customer, 50_000, ref_id="C3")
    declined = make_flagged_posting(ent, customer, LIMIT + 1, enquiry="C1")
    late = make_flagged_posting(ent, customer, 40_000, AT + timedelta(hours=1), enquiry="C2")
    blocking.block(customer_id=customer, reason="lost", user=find_user(maker))
    blocked = make_flagged_posting(ent, customer, 50_000, AT + timedelta(hours=2))
    said = [read_words(maker.get(find_flagged_page(entry))) for entry in (declined, late, blocked)]
    assert "Its check had been declined; it happened all the same." in said[0]
    assert (
        "With it ₹10,000.01 was used and ₹1,000.00 on hold, over the limit of ₹10,000.00."
        in (said[0])
    )
    assert "Its hold had ended, or been released, before it was reported." in said[1]
    assert "Spend after its hold ended, with another amount and over the limit" in said[1]
    assert "Its check ₹500.00, " in said[1]
    assert "No open check for this spend." in said[2]
    assert "The customer was blocked by us, or the account of its check not active." in said[2]


def test_what_was_checked_and_what_is_left_stand_beside_what_happened(ent, customer, maker):
    with clock.freeze(AT):
        make_check(ent, customer, LIMIT + 1, ref_id="C1")
    entry = make_flagged_posting(ent, customer, 30_000, enquiry="C1")
    unchecked = make_flagged_posting(ent, customer, 10_000, direction="C")
    with clock.freeze(AT):
        checked, loaded = (maker.get(find_flagged_page(each)) for each in (entry, unchecked))
    said = read_words(checked)
    assert "Its check ₹10,000.01, 17 Jun 2031, 12:00 PM: declined: over the month’s limit" in said
    assert "Left to spend this month ₹9,700.00 of ₹10,000.00" in said
    said = read_words(loaded)
    assert "Its check No open check for this load. Left to load this month ₹9,900.00" in said
    assert "Left to spend" not in said


def test_every_flag_has_its_sentence():
    assert set(labels.FLAG_TEXTS) == set(LedgerEntry.Flag)


def test_a_note_is_kept_and_it_goes_on_waiting(ent, customer, maker):
    entry = make_flagged_posting(ent, customer)
    answer = note_only(maker, entry, "asked ENT")
    assert answer["Location"] == find_flagged_page(entry)
    page = read_words(maker.get(find_flagged_page(entry)))
    assert "The note is kept." in page
    assert f"asked ENT Note, {find_user(maker)}," in page
    assert "₹400.00" in read_words(maker.get("/work/flagged"))


@pytest.mark.parametrize("finding", PostingFinding.Finding)
def test_a_finding_closes_it(ent, customer, maker, finding):
    entry = make_flagged_posting(ent, customer)
    with clock.freeze(AT):
        # What was a mistake is put right.
        correction = Correction(customer, entry.month, "D", 5, "too little")
        adjustments.propose(correction=correction, user=find_user(maker))
        answer = send_note(maker, entry, finding.value)
    assert answer["Location"] == "/work/flagged"
    queue = read_words(maker.get("/work/flagged"))
    assert f"Closed: {finding.label.lower()}." in queue
    assert "Nothing waits." in queue
    closed = read_words(maker.get("/work/flagged?done=1"))
    assert f"{finding.label} ₹400.00 Meera Iyer {find_user(maker)} 17 Jun 2031, 12:00 PM" in closed
    kept = AuditEntry.objects.get(action="flagged posting closed")
    assert (kept.subject, kept.user) == (customer, find_user(maker))
    page = maker.get(find_flagged_page(entry)).content.decode()
    assert 'value="GENUINE"' not in page
    assert "Add the note" in page
    detail = open_browser("viewer").get(f"/transactions/entry/{entry.pk}")
    assert {f.value: f.address for step in detail.context["steps"] for f in step.facts}[
        str(finding.label)
    ] == (find_flagged_page(entry))


@pytest.mark.parametrize(
    ("finding", "note", "said"),
    [
        ("GENUINE", "", "Write what you found out."),
        ("", "  ", "Write what you found out."),
        ("", "asked", "Choose what it is."),
        ("NOTHING", "asked", "Choose what it is."),
    ],
)
def test_what_is_not_whole_closes_nothing(ent, customer, maker, finding, note, said):
    answer = send_note(maker, make_flagged_posting(ent, customer), finding, note)
    assert answer.status_code == 422
    assert said in read_words(answer)
    assert not PostingFinding.objects.exists()


def test_what_another_has_closed_meanwhile_stays_closed(ent, customer, maker):
    entry = make_flagged_posting(ent, customer)
    send_note(maker, entry)
    again = send_note(open_browser("maker"), entry, "REPORTED")
    assert again.status_code == 422
    assert "was closed before" in read_words(again)
    assert [kept.finding for kept in PostingFinding.objects.all()] == ["GENUINE"]


def test_who_may_not_close_it_sees_what_happened_and_no_form(ent, customer):
    page = open_browser("auditor").get(find_flagged_page(make_flagged_posting(ent, customer)))
    assert "A maker closes it." in read_words(page)
    assert "<textarea" not in page.content.decode()


def test_a_posting_without_a_flag_has_no_such_page(ent, customer, maker):
    assert (
        maker.get(find_flagged_page(make_flagged_posting(ent, customer, kind="F"))).status_code
        == 404
    )


# Both.


@pytest.mark.parametrize("address", ["reviews", "flagged"])
@pytest.mark.parametrize("query", ["/0", f"/{10**30}", "?after=x", "?done=1&after=x"])
def test_what_is_not_there_is_404(maker, address, query):
    assert maker.get(f"/work/{address}{query}").status_code == 404


@pytest.mark.parametrize("done", ["", "?done=1"])
def test_a_queue_takes_a_bounded_number_of_queries_and_htmx_gets_its_rows(
    ent, cbs, customer, maker, done, django_assert_max_num_queries
):
    for number in range(6):
        item = claim(ent, cbs, mobile=f"91981234000{number}")
        entry = make_flagged_posting(ent, customer, 1 + number)
        if done:
            decide(maker, item, "DIFFERENT_PEOPLE")
            send_note(maker, entry)
    for address in ("reviews", "flagged"):
        maker.get(f"/work/{address}")  # counts what waits, once a minute
        with django_assert_max_num_queries(14):
            page = maker.get(f"/work/{address}{done}")
        assert len(page.context["rows"]) == 6
        rows = maker.get(f"/work/{address}{done}", headers=HTMX).content.decode()
        assert (rows.count("<tr"), rows.count("<table")) == (6, 0)


def test_a_queue_has_a_link_to_what_follows(ent, customer, maker, monkeypatch):
    monkeypatch.setattr(keyset, "LOOKED_AT", 2)
    for number in range(3):
        send_note(
            maker, make_flagged_posting(ent, customer, 1 + number, AT + timedelta(seconds=number))
        )
    last = make_flagged_posting(ent, customer, 777, AT + timedelta(seconds=9))
    page = maker.get("/work/flagged")
    assert "Look further on" in read_words(page)
    more = maker.get(f"/work/flagged?{page.context['more']}")
    assert [row.address for row, _ in more.context["rows"]] == [find_flagged_page(last)]


@pytest.mark.parametrize("kind", ["review", "flagged"])
def test_an_item_takes_a_bounded_number_of_queries(
    ent, customer, review, maker, kind, django_assert_max_num_queries
):
    entry = make_flagged_posting(ent, customer)
    note_only(maker, entry, "asked ENT")
    address = find_page(review) if kind == "review" else find_flagged_page(entry)
    with django_assert_max_num_queries(23):
        assert maker.get(address).status_code == 200
