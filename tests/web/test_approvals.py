"""Approvals: one person proposes, another decides; nobody, if what it stood on has moved."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from customers.details import CustomerDetails
from customers.models import Customer, Document, KycChange, KycProposal, Unblocking
from customers.services import blocking, customers, kyc
from limits.models import LedgerEntry, RuleSet
from limits.services import adjustments, rules
from limits.services.adjustments import Correction
from limits.services.rules import Proposal
from ppims.backoffice import proposals
from ppims.core import calendar, clock
from ppims.core.errors import Conflict
from ppims.models import AuditEntry, Operation
from ppims.services import audit
from ppims.services.idempotency import Call
from tests.factories import draw_mobile, draw_ref, make_customer, make_posting
from tests.web.admin_pages import make_user, open_browser, read_words

pytestmark = pytest.mark.django_db
PAN = {"ovid_type": "PAN", "ovid_value": "ABCPE1234F"}


@pytest.fixture
def maker():
    return make_user("maker")


@pytest.fixture
def customer(ent):
    return Customer.objects.get(pk=make_customer(ent))


def propose_full(customer, maker, **details):
    details = {"kyc_flag": "F", "kyc_updated_channel": "BRN", **PAN, **details}
    return kyc.change(
        customer_id=customer.pk, details=CustomerDetails(**details), reason="Seen", user=maker
    )


def write_address(row):
    names = {KycProposal: "kyc", Unblocking: "unblocking", RuleSet: "limit-change"}
    return reverse("approval", args=[names.get(type(row), "adjustment"), row.pk])


def decide(client, row, decision):
    return client.post(write_address(row), {"decision": decision, "note": "As seen"})


def read_state(row):
    row.refresh_from_db()
    return row.state


def open_client(user):
    client = open_browser("viewer")
    client.force_login(user)
    return client


# KYC.


def test_the_checker_sees_before_after_and_why_and_approves(customer, maker):
    proposal = propose_full(customer, maker)
    checker = open_browser("checker")
    assert f"KYC change: New Min KYC → Full KYC Meera Iyer {maker.username}" in read_words(
        checker.get("/work/approvals")
    )
    page = read_words(checker.get(write_address(proposal)))
    assert "KYC New Min KYC Full KYC KYC channel PGO Branch" in page
    assert "Document – PAN ••••234F" in page
    assert "Why Seen Proposed by" in page
    response = decide(checker, proposal, "approve")
    assert response["Location"] == reverse("approvals")
    customer.refresh_from_db()
    assert (customer.tier, customer.kyc_updated_channel) == ("F", "BRN")
    assert Document.objects.get().reveal() == "ABCPE1234F"
    last = KycChange.objects.order_by("pk").last()
    assert (last.from_tier, last.to_tier, last.user, last.processor) == ("P", "F", maker, None)
    audited = AuditEntry.objects.filter(subject=customer.pk).order_by("number")
    details = [(entry.action, entry.user) for entry in audited][-2:]
    checked_by = response.wsgi_request.user
    assert details == [("KYC change proposed", maker), ("KYC change approved", checked_by)]
    assert not any("ABCPE1234F" in entry.detail for entry in audited)


def test_until_it_is_approved_nothing_has_changed_and_the_document_is_encrypted(customer, maker):
    proposal = propose_full(customer, maker)
    customer.refresh_from_db()
    assert customer.tier == "P"
    assert not Document.objects.exists()
    assert b"ABCPE1234F" not in bytes(proposal.sealed)
    assert KycProposal.objects.get().read_document() == ("PAN", "ABCPE1234F")


@pytest.mark.parametrize("decision", ["reject", "withdraw"])
def test_one_rejected_or_withdrawn_changes_nothing(customer, maker, decision):
    proposal = propose_full(customer, maker)
    decider = open_client(maker) if decision == "withdraw" else open_browser("checker")
    before = Customer.objects.values().get()
    assert decide(decider, proposal, decision).status_code == 302
    assert Customer.objects.values().get() == before
    assert read_state(proposal) == {"reject": "REJECTED", "withdraw": "WITHDRAWN"}[decision]
    assert propose_full(customer, maker).state == "PROPOSED"  # another may follow


@pytest.mark.parametrize("kind", ["kyc", "unblocking", "adjustment", "limit-change"])
def test_who_rejects_says_why_and_the_maker_sees_it(ent, customer, kind):
    own, client = make_user(MAKERS.get(kind, "admin")), open_browser(CHECKERS.get(kind, "admin"))
    row = make_proposal(kind, ent, customer, own)
    for note in ("", "  ", "x" * 501):
        refused = client.post(write_address(row), {"decision": "reject", "note": note})
        assert refused.status_code == 422
        assert "Reason is required to reject, 500 characters at most" in read_words(refused)
        assert read_state(row) == "PROPOSED"
    said = " The photo is another person's "
    assert client.post(write_address(row), {"decision": "reject", "note": said}).status_code == 302
    assert (read_state(row), row.decision_note) == ("REJECTED", said.strip())
    maker = open_client(own)
    assert f"Rejected: {said.strip()} " in read_words(maker.get("/work/approvals?done=1"))
    assert f"Reason of the decision {said.strip()}" in read_words(maker.get(write_address(row)))
    detail = audit.read_detail(AuditEntry.objects.latest("pk"))
    assert detail["decision_note"] == said.strip()


def test_what_was_typed_is_not_lost_where_the_decision_is_refused(customer, maker):
    proposal = propose_full(customer, maker)
    refused = open_browser("checker").post(write_address(proposal), {"note": "Not his PAN"})
    assert refused.status_code == 422
    assert ">Not his PAN</textarea>" in refused.content.decode()


def test_nobody_approves_their_own_though_the_role_may(customer):
    both = make_user("maker")
    both.groups.add(*make_user("checker").groups.all())
    proposal = propose_full(customer, both)
    assert (
        "Approve" not in read_words(open_client(both).get(write_address(proposal))).split("Why")[1]
    )
    assert decide(open_client(both), proposal, "approve").status_code == 422
    assert read_state(proposal) == "PROPOSED"


@pytest.mark.parametrize("state", ["APPROVED", "REJECTED"])
def test_the_database_itself_refuses_a_maker_who_is_the_checker(customer, maker, state):
    proposal = propose_full(customer, maker)
    decided = {"state": state, "decided_at": clock.now(), "checker": maker}
    with pytest.raises(IntegrityError, match="maker_is_not_checker"), transaction.atomic():
        KycProposal.objects.filter(pk=proposal.pk).update(**decided)
    with pytest.raises(IntegrityError, match="two_people"), transaction.atomic():
        KycProposal.objects.filter(pk=proposal.pk).update(**{**decided, "checker": None})


def raise_kyc(ent, customer):
    call = Call(ent, Operation.UPDATE_CUSTOMER, draw_ref(), {})
    details = CustomerDetails(unique_id=customer.pk, kyc_updated_channel="MOB")
    customers.update_customer(call=call, details=details)


def add_document(ent, customer):
    call = Call(ent, Operation.UPDATE_CUSTOMER, draw_ref(), {})
    details = CustomerDetails(unique_id=customer.pk, ovid_type="ADR", ovid_value="234567890124")
    customers.update_customer(call=call, details=details)


@pytest.mark.parametrize("moved", [raise_kyc, add_document])
def test_one_whose_ground_moved_is_stale_and_can_only_be_rejected(ent, customer, maker, moved):
    proposal = propose_full(customer, maker)
    checker = open_browser("checker")
    assert "Stale" not in read_words(checker.get("/work/approvals"))
    moved(ent, customer)
    assert "Stale" in read_words(checker.get("/work/approvals"))
    page = checker.get(write_address(proposal)).content.decode()
    assert 'value="approve"' not in page
    assert 'value="reject"' in page
    refused = decide(checker, proposal, "approve")
    assert refused.status_code == 422
    assert "What it stands on has changed since" in read_words(refused)
    customer.refresh_from_db()
    assert customer.tier == "P"
    assert decide(checker, proposal, "reject").status_code == 302


def test_an_adjustment_that_could_not_be_booked_is_stale(ent, customer, maker):
    proposal = make_proposal("adjustment", ent, customer, maker)
    checker = open_browser("checker")
    assert 'value="approve"' in checker.get(write_address(proposal)).content.decode()
    assert "Stale" not in read_words(checker.get("/work/approvals"))
    make_posting(ent, customer.pk, 1_000, tran_id="T1")
    again = Correction(
        customer.pk, calendar.number_ist_month(clock.now()), "D", -40_000, "Counted twice"
    )
    other = adjustments.propose(correction=again, user=maker)
    assert decide(checker, other, "approve").status_code == 302
    assert "Stale" in read_words(checker.get("/work/approvals"))
    page = checker.get(write_address(proposal))
    assert "Stale: it would take away what is not used any more" in read_words(page)
    assert 'value="approve"' not in page.content.decode()
    refused = decide(checker, proposal, "approve")
    assert refused.status_code == 422
    assert read_state(proposal) == "PROPOSED"


def test_a_rule_before_which_another_stands_by_now_says_so(ent, customer):
    admin, other = make_user("admin"), open_browser("admin")
    asked = [Proposal("N", "D", "MONTH", 5_00, "A"), Proposal("N", "C", "MONTH", 5_00, "B")]
    first, elsewhere = (rules.propose(proposals=[each], user=admin) for each in asked)
    second = make_proposal("limit-change", ent, customer, admin)
    assert "Stale" not in read_words(other.get("/work/approvals"))
    assert decide(other, elsewhere, "approve").status_code == 302
    assert "Stale" not in read_words(other.get("/work/approvals"))
    assert decide(other, first, "approve").status_code == 302
    assert "Stale" in read_words(other.get("/work/approvals"))
    page = read_words(other.get(write_address(second)))
    assert "Stale: another rule is in force than when this was proposed." in page
    assert decide(other, second, "approve").status_code == 302
    assert "Stale" not in read_words(other.get(write_address(second)))


def test_a_change_of_the_mobile_number_does_not_move_the_ground(ent, customer, maker):
    proposal = propose_full(customer, maker)
    call = Call(ent, Operation.UPDATE_CUSTOMER, draw_ref(), {})
    details = CustomerDetails(unique_id=customer.pk, mobile_number=draw_mobile())
    customers.update_customer(call=call, details=details)
    assert decide(open_browser("checker"), proposal, "approve").status_code == 302


def test_a_document_that_is_another_customers_by_then_is_not_approved(ent, customer, maker):
    proposal = propose_full(customer, maker)
    make_customer(ent, date_of_birth=date(1960, 1, 1), **PAN)
    refused = decide(open_browser("checker"), proposal, "approve")
    assert refused.status_code == 422
    assert "another customer's" in read_words(refused)
    assert read_state(proposal) == "PROPOSED"


def test_one_proposal_at_a_time(customer, maker):
    propose_full(customer, maker)
    with pytest.raises(Conflict, match="conflicts"):
        propose_full(customer, maker)
    assert KycProposal.objects.count() == 1


def test_it_is_decided_once(customer, maker):
    proposal = propose_full(customer, maker)
    checker = open_browser("checker")
    assert decide(checker, proposal, "approve").status_code == 302
    again = decide(checker, proposal, "reject")
    assert again.status_code == 422
    assert "was decided before" in read_words(again)
    assert KycChange.objects.filter(to_tier="F").count() == 1


# Every kind of proposal, by every role.


def make_proposal(kind, ent, customer, maker):
    if kind == "kyc":
        return propose_full(customer, maker)
    if kind == "unblocking":
        blocking.block(customer_id=customer.pk, reason="Lost", user=maker)
        found = {"customer_id": customer.pk, "reason": "Found", "user": maker}
        return blocking.propose_unblocking(**found)
    if kind == "adjustment":
        make_posting(ent, customer.pk, 50_000)
        month = calendar.number_ist_month(clock.now())
        correction = Correction(customer.pk, month, "D", -20_000, "Counted twice")
        return adjustments.propose(correction=correction, user=maker)
    return rules.propose(proposals=[Proposal("N", "D", "MONTH", 5_00, "A test")], user=maker)


CHECKERS = {"kyc": "checker", "unblocking": "checker", "adjustment": "checker"}
MAKERS = {"kyc": "maker", "unblocking": "maker", "adjustment": "maker"}


@pytest.mark.parametrize("kind", ["kyc", "unblocking", "adjustment", "limit-change"])
@pytest.mark.parametrize("role", ["viewer", "maker", "checker", "auditor", "admin"])
def test_each_kind_is_seen_by_all_and_approved_by_its_role_alone(ent, customer, kind, role):
    row = make_proposal(kind, ent, customer, make_user(MAKERS.get(kind, "admin")))
    client, may = open_browser(role), role == CHECKERS.get(kind, "admin")
    page = client.get(write_address(row)).content.decode()
    assert ('value="approve"' in page) == may
    assert decide(client, row, "approve").status_code == (302 if may else 403)
    assert read_state(row) == ("APPROVED" if may else "PROPOSED")


@pytest.mark.parametrize("kind", ["kyc", "unblocking", "adjustment", "limit-change"])
def test_only_its_maker_withdraws_one(ent, customer, kind):
    role = MAKERS.get(kind, "admin")
    own = make_user(role)
    row = make_proposal(kind, ent, customer, own)
    assert decide(open_browser(role), row, "withdraw").status_code == 422
    assert decide(open_client(own), row, "withdraw").status_code == 302
    assert read_state(row) == "WITHDRAWN"


def test_what_is_approved_happens(ent, customer, maker):
    checker = open_browser("checker")
    decide(checker, make_proposal("unblocking", ent, customer, maker), "approve")
    customer.refresh_from_db()
    assert not customer.is_blocked
    adjustment = make_proposal("adjustment", ent, customer, maker)
    assert f"{clock.now():%b %Y} ₹500.00 ₹300.00" in read_words(
        checker.get(write_address(adjustment))
    )
    decide(checker, adjustment, "approve")
    assert LedgerEntry.objects.get(kind="A").amount_paise == -20_000


def test_a_rule_is_set_beside_the_one_in_force(ent, customer):
    rule = make_proposal("limit-change", ent, customer, make_user("admin"))
    page = read_words(open_browser("admin").get(write_address(rule)))
    assert "Min KYC, Spend, Calendar month ₹10,000.00 ₹5.00" in page


def test_an_unblocking_says_why_the_customer_is_blocked(ent, customer, maker):
    row = make_proposal("unblocking", ent, customer, maker)
    page = read_words(open_browser("checker").get(write_address(row)))
    assert "Status Blocked by us: Lost Active" in page


@pytest.mark.parametrize("path", ["kyc/999", "rumour/1", "adjustment/0"])
def test_what_was_never_proposed_is_404(path):
    assert open_browser("checker").get(f"/work/approvals/{path}").status_code == 404


def test_the_list_has_who_waits_longest_first_and_then_what_was_decided(ent, customer, maker):
    first = propose_full(customer, maker)
    other = Customer.objects.get(pk=make_customer(ent, customer_name="Ravi Das"))
    propose_full(other, maker, ovid_value="ABCPE9999F")
    checker = open_browser("checker")
    shown = checker.get("/work/approvals")
    assert list_names(shown) == [customer.name, other.name]
    decide(checker, first, "reject")
    assert list_names(checker.get("/work/approvals")) == [other.name]
    shown = checker.get("/work/approvals?done=1")
    assert list_names(shown) == [customer.name]
    assert "New Min KYC → Full KYC Meera Iyer Rejected: As seen" in read_words(shown)
    assert "Recent decisions" in read_words(shown)


def list_names(shown):
    return [row.values[0] for row, _ in shown.context["rows"]]


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("kyc", "KYC change: Meera Iyer"),
        ("unblocking", "Unblocking: Meera Iyer"),
        ("adjustment", "Correction: -₹200.00, spend, {month}"),
        ("limit-change", "Change of limits: Min, spend, month: ₹5 from its approval"),
    ],
)
def test_a_page_is_called_what_is_proposed(ent, customer, kind, title):
    row = make_proposal(kind, ent, customer, make_user(MAKERS.get(kind, "admin")))
    page = read_words(open_browser("viewer").get(write_address(row)))
    assert page.startswith(f"{title.format(month=f'{clock.now():%b %Y}')} · PPIMS")


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_pages_of_any_size_give_each_proposal_once(ent, maker, rows):
    made = []
    for number in range(2):
        customer = Customer.objects.get(pk=make_customer(ent))
        made += [propose_full(customer, maker, ovid_value=f"ABCPE{number:04d}F")]
        made += [make_proposal(kind, ent, customer, maker) for kind in ("unblocking", "adjustment")]
    found, cursor = [], ""
    while True:
        page = proposals.list_waiting(maker, cursor=cursor, rows=rows)
        found += [each.row for each in page.rows]
        cursor = page.next
        if not cursor:
            break
    assert found == made


def test_it_takes_a_bounded_number_of_queries(ent, maker, django_assert_max_num_queries):
    rows = []
    for number in range(8):
        customer = Customer.objects.get(pk=make_customer(ent))
        rows.append(propose_full(customer, maker, ovid_value=f"ABCPE{number:04d}F"))
        make_proposal("unblocking", ent, customer, maker)
        make_proposal("adjustment", ent, customer, maker)
    for _ in range(5):
        make_proposal("limit-change", ent, customer, make_user("admin"))
    checker = open_browser("checker")
    for row in rows[:4]:
        decide(checker, row, "approve")
    checker.get("/work/approvals")  # counts what waits, once a minute
    with django_assert_max_num_queries(32):
        assert len(checker.get("/work/approvals").content) < 60_000
    with django_assert_max_num_queries(17):
        checker.get(write_address(rows[5]))
