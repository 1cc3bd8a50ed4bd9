"""Merging on pages: proposed from a customer's page or a review, decided by another person; what a
merged id leads to; parted again.
"""

import pytest
from django.urls import reverse

from customers.details import CustomerDetails
from customers.matches import Effect, find_matches
from customers.models import Customer, DuplicateReview, Merge, NumberPassedOn
from customers.services import blocking, customers, kyc
from limits.models import LedgerEntry
from limits.verify import verify
from ppims.core.errors import Conflict
from ppims.models import AuditEntry, Operation, Processor
from ppims.services.idempotency import Call
from tests.factories import (
    ToldFactory,
    draw_mobile,
    draw_ref,
    make_check,
    make_customer,
    make_posting,
    make_processor,
)
from tests.two_people import merge_customers
from tests.web.admin_pages import make_user, open_browser, read_words

pytestmark = pytest.mark.django_db
LAKH = 10_000_000


@pytest.fixture
def two(ent, cbs):
    one = make_customer(ent, customer_name="Kavya Roy", mobile_number="919811111111")
    return one, make_customer(cbs, customer_name="K Roy", mobile_number="919822222222")


@pytest.fixture
def merged(two):
    merge_customers(*two)
    return two


@pytest.fixture
def maker():
    return open_browser("maker")


@pytest.fixture
def checker():
    return open_browser("checker")


def claim_mobile_of(processor, customer_id, mobile):
    """Let a processor claim a mobile number for a customer that is another's: the review item."""
    call = Call(processor, Operation.UPDATE_CUSTOMER, draw_ref(), {})
    details = CustomerDetails(unique_id=customer_id, mobile_number=mobile)
    with pytest.raises(Conflict):
        customers.update_customer(call=call, details=details)
    return DuplicateReview.objects.latest("pk")


def send(client, name, key, **data):
    return client.post(reverse(name, args=[key]), data)


def decide(client, proposal, decision, note="As seen"):
    kind = "merge" if isinstance(proposal, Merge) else "number-passed-on"
    address = reverse("approval", args=[kind, proposal.pk])
    return client.post(address, {"decision": decision, "note": note})


def read_page(client, name, *args):
    return read_words(client.get(reverse(name, args=args)))


def assert_proven():
    assert [str(finding) for finding in verify(with_columns=False)] == []


# Proposed from a customer's page.


def test_a_merge_is_found_compared_proposed_and_approved(ent, cbs, two, maker, checker):
    make_posting(ent, two[0], 600_000)
    make_posting(cbs, two[1], 500_000)
    assert "Merge with…" in read_page(maker, "customer", two[0])
    found = send(maker, "customer-merge", two[1], other="9811111111")
    assert found["Location"] == f"/customers/{two[1]}/merge?other={two[0]}"
    page = read_words(maker.get(found["Location"]))
    assert "Spent this month ₹6,000.00 ₹5,000.00 ₹11,000.00" in page
    assert "₹0.00: over the limit of ₹10,000.00" in page
    assert "Mobile number ••••1111 ••••2222 Both" in page
    assert "Document – – –" in page
    done = maker.post(found["Location"], {"reason": "Same PAN"})
    assert done["Location"] == f"/customers/{two[0]}"
    merge = Merge.objects.get()
    assert (merge.customer_id, merge.merged_id, merge.state) == (*two, "PROPOSED")
    assert f"Merge: {two[1]} into {two[0]}" in read_words(checker.get("/work/approvals"))
    page = read_page(checker, "approval", "merge", merge.pk)
    assert "over the limit of ₹10,000.00" in page
    assert decide(maker, merge, "approve").status_code == 403
    assert decide(checker, merge, "approve").status_code == 302
    assert Customer.objects.get(pk=two[1]).survivor_id == two[0]
    assert f"K Roy {two[1]}" in read_page(maker, "customer", two[0])
    assert_proven()


@pytest.mark.parametrize(("text", "said"), [("", "Enter who"), ("nobody-77", "Nobody else is")])
def test_who_is_not_found_is_said(two, maker, text, said):
    response = send(maker, "customer-merge", two[0], other=text)
    assert response.status_code == 422
    assert said in read_words(response)


def test_of_several_one_is_chosen(ent, two, maker):
    make_customer(ent, customer_name="Kavita Roy")
    response = send(maker, "customer-merge", two[0], other="roy")
    assert response.status_code == 422
    assert "Choose who is meant." in read_words(response)
    assert f"/customers/{two[0]}/merge?other={two[1]}" in response.text


def test_a_reason_is_needed_and_one_open_proposal_is_enough(two, maker):
    address = f"/customers/{two[0]}/merge?other={two[1]}"
    assert maker.post(address, {"reason": " "}).status_code == 422
    assert maker.post(address, {"reason": "Same PAN"}).status_code == 302
    response = maker.post(address, {"reason": "Same PAN"})
    assert response.status_code == 422
    assert "A proposal waits already" in read_words(response)
    assert Merge.objects.count() == 1


def test_one_cannot_be_merged_with_oneself(merged, maker):
    address = f"/customers/{merged[0]}/merge?other={merged[1]}"
    assert maker.get(address)["Location"] == f"/customers/{merged[0]}/merge"
    assert not Merge.objects.filter(state="PROPOSED").exists()


@pytest.mark.parametrize("decision", ["reject", "withdraw"])
def test_a_merge_that_is_not_approved_changes_nothing(two, maker, checker, decision):
    maker.post(f"/customers/{two[0]}/merge?other={two[1]}", {"reason": "Same PAN"})
    who = checker if decision == "reject" else maker
    assert decide(who, Merge.objects.get(), decision).status_code == 302
    assert not Customer.objects.exclude(survivor_id=None).exists()
    assert (
        maker.post(f"/customers/{two[0]}/merge?other={two[1]}", {"reason": "Again"}).status_code
        == 302
    )
    assert_proven()


def test_a_merge_that_stands_on_another_ground_by_now_is_stale(two, maker, checker):
    maker.post(f"/customers/{two[0]}/merge?other={two[1]}", {"reason": "Same PAN"})
    proposal = Merge.objects.get()
    Customer.objects.filter(pk=two[1]).update(survivor_id=two[0])
    assert "Stale" in read_page(checker, "approval", "merge", proposal.pk)
    assert decide(checker, proposal, "approve").status_code == 422
    proposal.refresh_from_db()
    assert proposal.state == "PROPOSED"


def test_each_is_told_of_a_merge_once_with_who_and_why(two):
    merge = merge_customers(*two)
    told = (
        AuditEntry.objects.filter(subject__in=two).exclude(action="customer added").order_by("pk")
    )
    assert [(entry.action, entry.subject, entry.user.username) for entry in told] == [
        ("merge proposed", two[0], "him"),
        ("customer merged", two[1], "her"),
        ("merge approved", two[0], "her"),
    ]
    assert str(merge.merged_id) in told[2].detail
    assert "One and the same" in told[2].detail


# What a merged id leads to.


def test_a_merged_ids_address_leads_to_the_survivor_and_says_so(merged):
    response = open_browser("viewer").get(f"/customers/{merged[1]}", follow=True)
    assert response.redirect_chain == [(f"/customers/{merged[0]}", 302)]
    words = read_words(response)
    assert f"{merged[1]} was merged into this customer on" in words
    assert "Un-merge" not in words


def test_the_survivors_page_has_what_happened_by_every_id(ent, cbs, two):
    make_posting(ent, two[0], 10_000, tran_id="T-1")
    make_posting(cbs, two[1], 20_000, tran_id="T-2")
    merge_customers(*two)
    make_posting(cbs, two[1], 30_000, tran_id="T-3")
    words = read_page(open_browser("viewer"), "customer", two[0])
    for amount in ("₹100.00", "₹200.00", "₹300.00", "₹600.00"):
        assert amount in words
    assert "••••1111" in words
    assert "••••2222" in words
    assert f"as {two[1]}" in words


def test_a_statement_has_every_record_of_every_id(ent, cbs, two):
    make_posting(cbs, two[1], 20_000, tran_id="T-2")
    merge_customers(*two)
    response = open_browser("auditor").post(f"/customers/{two[1]}/statement", {"when": ""})
    assert f"statement-{two[0]}-" in response["Content-Disposition"]
    assert "T-2" in response.content.decode()


@pytest.mark.parametrize("typed", ["merged id", "9822222222", "K Roy", "T-2", "account"])
def test_whatever_was_the_merged_ones_finds_the_survivor(cbs, two, typed):
    make_posting(cbs, two[1], 20_000, tran_id="T-2")
    merge_customers(*two)
    number = Customer.objects.get(pk=two[1]).accounts.get().number
    text = {"merged id": str(two[1]), "account": number}.get(typed, typed)
    response = open_browser("viewer").post("/search", {"q": text})
    if typed == "T-2":
        assert response["Location"].startswith("/transactions/entry/")
    else:
        assert response["Location"] == f"/customers/{two[0]}"


def test_the_list_of_customers_has_one_person_once(merged):
    viewer = open_browser("viewer")
    assert f"/customers/{merged[0]}" in viewer.get("/customers").text
    for query in ("", "?processor=CBS"):
        page = viewer.get(f"/customers{query}").text
        assert f"/customers/{merged[1]}" not in page
        assert page.count(f'href="/customers/{merged[0]}"') == 1


def test_what_staff_do_by_the_merged_id_is_done_to_the_survivor(cbs, merged, maker):
    send(maker, "customer-block", merged[1], reason="Asked by police")
    assert [Customer.objects.get(pk=each).is_blocked for each in merged] == [True, False]
    send(maker, "customer-note", merged[1], text="Called her")
    assert "Called her" in read_page(maker, "customer", merged[0])
    assert make_check(cbs, merged[1], 100)[0].reason == "CUSTOMER_BLOCKED"
    assert_proven()


def test_on_boarding_warns_of_the_survivor_by_the_merged_ones_number(ent, cbs, merged):
    [match] = find_matches(ToldFactory(mobile_number="919822222222"), cbs)
    assert (match.customer.pk, match.effect) == (merged[0], Effect.KNOWN)
    third = make_processor("THR")
    [match] = find_matches(ToldFactory(mobile_number="919822222222"), third)
    assert (match.customer.pk, match.effect) == (merged[0], Effect.JOINS)


def test_what_was_proposed_for_the_merged_one_is_stale(two, checker):
    him = make_user("maker")
    lower = CustomerDetails(kyc_flag="N", kyc_updated_channel="BRN")
    change = kyc.change(customer_id=two[1], details=lower, reason="Seen", user=him)
    blocking.block(customer_id=two[1], reason="Lost", user=him)
    unblocking = blocking.propose_unblocking(customer_id=two[1], reason="Found", user=him)
    merge_customers(*two)
    for kind, proposal in (("kyc", change), ("unblocking", unblocking)):
        address = reverse("approval", args=[kind, proposal.pk])
        assert "Stale" in read_words(checker.get(address))
        assert checker.post(address, {"decision": "approve"}).status_code == 422
        assert checker.post(address, {"decision": "reject", "note": "Anew"}).status_code == 302
    assert Customer.objects.get(pk=two[0]).is_blocked


def test_a_merge_over_the_limit_is_flagged_and_looked_at(ent, cbs, two, maker):
    for processor, customer in ((ent, two[0]), (cbs, two[1])):
        make_posting(processor, customer, 600_000)
    merge_customers(*two)
    entry = LedgerEntry.objects.get(kind="M", customer_id=two[0], amount_paise__gt=0)
    assert entry.flags == "OVER_LIMIT"
    assert reverse("flagged-posting", args=[entry.pk]) in maker.get("/work/flagged").text
    assert "over the limit of ₹10,000.00" in read_page(maker, "flagged-posting", entry.pk)
    closed = send(maker, "flagged-posting", entry.pk, finding="GENUINE", note="Two cards")
    assert closed.status_code == 302


# Parted again.


def test_a_merged_customer_is_parted_by_two_people(ent, cbs, two, maker, checker):
    make_posting(ent, two[0], 600_000)
    make_posting(cbs, two[1], 500_000)
    merge_customers(*two)
    make_posting(cbs, two[1], 10_000)
    assert f'href="/customers/{two[1]}/unmerge"' in maker.get(f"/customers/{two[0]}").text
    assert send(maker, "customer-unmerge", two[1], reason="").status_code == 422
    assert send(maker, "customer-unmerge", two[1], reason="Sisters").status_code == 302
    proposal = Merge.objects.get(state="PROPOSED")
    page = read_page(checker, "approval", "merge", proposal.pk)
    assert "Spent this month ₹6,000.00 ₹5,100.00 ₹11,100.00" in page
    assert decide(checker, proposal, "approve").status_code == 302
    assert checker.get(f"/customers/{two[1]}").status_code == 200
    assert "₹5,100.00" in read_page(checker, "customer", two[1])
    assert_proven()


def test_who_is_merged_into_nobody_cannot_be_parted(two, maker):
    assert maker.get(f"/customers/{two[1]}/unmerge")["Location"] == f"/customers/{two[1]}"
    send(maker, "customer-unmerge", two[1], reason="Sisters")
    assert not Merge.objects.exists()


# From a review.


def test_same_person_proposes_the_merge_and_its_approval_closes_the_review(
    ent, cbs, two, maker, checker
):
    review = claim_mobile_of(Processor.objects.get(pk=cbs.pk), two[1], "919811111111")
    assert "Together" in read_page(maker, "review", review.pk)
    send(maker, "review", review.pk, finding="SAME_PERSON", note="Same PAN")
    review.refresh_from_db()
    assert review.outcome == ""
    assert "To be merged" in read_words(maker.get("/work/reviews"))
    assert "another person decides" in read_page(maker, "review", review.pk)
    assert send(maker, "review", review.pk, finding="DIFFERENT_PEOPLE", note="x").status_code == 422
    decide(checker, Merge.objects.get(), "approve")
    review.refresh_from_db()
    assert (review.outcome, review.is_open) == ("SAME_PERSON", False)
    assert review.merged_at is not None
    assert_proven()
    # What was refused goes through now: it is one person.
    call = Call(cbs, Operation.UPDATE_CUSTOMER, draw_ref(), {})
    details = CustomerDetails(unique_id=two[1], mobile_number="919811111111")
    assert customers.update_customer(call=call, details=details)[0].unique_id == two[0]


def test_a_rejected_merge_lets_the_review_wait_again(cbs, two, maker, checker):
    review = claim_mobile_of(cbs, two[1], "919811111111")
    send(maker, "review", review.pk, finding="SAME_PERSON", note="Same PAN")
    decide(checker, Merge.objects.get(), "reject")
    assert "To be merged" not in read_words(maker.get("/work/reviews"))
    assert send(maker, "review", review.pk, finding="DIFFERENT_PEOPLE", note="x").status_code == 302


def test_a_merge_from_the_page_decides_the_review_too(cbs, two):
    review = claim_mobile_of(cbs, two[1], "919811111111")
    merge_customers(*two)
    review.refresh_from_db()
    assert (review.outcome, review.decided_by.username) == ("SAME_PERSON", "him")
    assert_proven()


def test_a_number_is_passed_on_by_two_people(cbs, two, maker, checker):
    review = claim_mobile_of(cbs, two[1], "919811111111")
    send(maker, "review", review.pk, finding="NUMBER_PASSED_ON", note="Called both")
    proposal = NumberPassedOn.objects.get()
    assert Customer.objects.get(pk=two[0]).mobile == "919811111111"
    page = read_page(checker, "approval", "number-passed-on", proposal.pk)
    assert "Mobile number ••••1111 – Claimed by K Roy" in page
    assert decide(maker, proposal, "approve").status_code == 403
    assert decide(checker, proposal, "approve").status_code == 302
    review.refresh_from_db()
    assert Customer.objects.get(pk=two[0]).mobile == ""
    assert (review.outcome, review.reason) == ("NUMBER_PASSED_ON", "Called both")
    told = AuditEntry.objects.filter(action__startswith="number passed on").order_by("pk")
    assert [entry.action.rpartition(" ")[2] for entry in told] == ["proposed", "approved"]
    assert_proven()


def test_a_rejected_passing_on_lets_the_review_wait_again(cbs, two, maker, checker):
    review = claim_mobile_of(cbs, two[1], "919811111111")
    send(maker, "review", review.pk, finding="NUMBER_PASSED_ON", note="Called both")
    assert "Passing on proposed" in read_words(maker.get("/work/reviews"))
    decide(checker, NumberPassedOn.objects.get(), "reject")
    review.refresh_from_db()
    assert review.outcome == ""
    assert Customer.objects.get(pk=two[0]).mobile == "919811111111"
    assert send(maker, "review", review.pk, finding="DIFFERENT_PEOPLE", note="x").status_code == 302


def test_a_number_that_has_changed_since_is_stale(cbs, ent, two, maker, checker):
    review = claim_mobile_of(cbs, two[1], "919811111111")
    send(maker, "review", review.pk, finding="NUMBER_PASSED_ON", note="Called both")
    call = Call(ent, Operation.UPDATE_CUSTOMER, draw_ref(), {})
    details = CustomerDetails(unique_id=two[0], mobile_number=draw_mobile())
    customers.update_customer(call=call, details=details)
    proposal = NumberPassedOn.objects.get()
    assert "Stale" in read_page(checker, "approval", "number-passed-on", proposal.pk)
    assert decide(checker, proposal, "approve").status_code == 422


def test_a_maker_who_is_a_checker_too_cannot_decide_their_own(two):
    both = make_user("maker")
    client = open_browser("viewer")
    client.force_login(both)
    client.post(f"/customers/{two[0]}/merge?other={two[1]}", {"reason": "Same PAN"})
    both.groups.add(*make_user("checker").groups.all())
    assert decide(client, Merge.objects.get(), "approve").status_code == 422
    assert Merge.objects.get().state == "PROPOSED"
