"""Whichever write of a use-case fails, nothing of it is kept; checks and updates of limits are in
tests/concurrency/test_failures.py.
"""

from dataclasses import replace
from datetime import date
from functools import partial

import pytest
from django.apps import apps

from customers.claims import Doubt
from customers.details import CustomerDetails
from customers.models import Account, Customer, DuplicateReview
from customers.services import blocking, customers, kyc, reviews
from limits.services import adjustments, merges, rules, seals
from limits.services.adjustments import Correction
from limits.services.rules import Proposal
from ppims.core import calendar, clock
from ppims.core.errors import Conflict, Unavailable
from ppims.models import Operation
from ppims.services.idempotency import Call
from tests.concurrency.worker import fail_write
from tests.factories import (
    ToldFactory,
    draw_mobile,
    draw_ref,
    make_customer,
    make_posting,
    make_processor,
)
from tests.ledger.histories import make_maker_and_checker

pytestmark = pytest.mark.django_db(transaction=True)
ADDS = """customers.Registration customers.Account customers.Card customers.Document
    customers.Identifier customers.Receipt ppims.ReplayKey ppims.AuditEntry ppims.AuditHead"""
AUDITS = "ppims.AuditEntry ppims.AuditHead"
ADULT = ToldFactory.build(
    mobile_number="919898989898",
    card_number="6012345678901234",
    card_status="A",
    ovid_type="PAN",
    ovid_value="ABCDE1234F",
)


class World:
    """Two processors, two people of the staff, and a customer whom ADULT tells of."""

    def __init__(self):
        self.ent, self.cbs = make_processor("ENT"), make_processor("CBS")
        self.maker, self.checker = make_maker_and_checker()
        self.customer = make_customer(self.ent)

    def add(self, details, processor):
        call = Call(processor, Operation.ADD_CUSTOMER, draw_ref(), {})
        return partial(customers.add_customer, call=call, details=details)

    def update(self, **details):
        call = Call(self.ent, Operation.UPDATE_CUSTOMER, draw_ref(), {})
        return partial(
            customers.update_customer,
            call=call,
            details=CustomerDetails(unique_id=self.customer, **details),
        )

    def block(self):
        about = {"customer_id": self.customer, "reason": "lost", "user": self.maker}
        return partial(blocking.block, **about)

    def propose_unblocking(self):
        self.block()()
        about = {"customer_id": self.customer, "reason": "found", "user": self.maker}
        return partial(blocking.propose_unblocking, **about)

    def unblock(self):
        return self.approve(
            blocking.UNBLOCKING_PROPOSALS.decide, proposal_id=self.propose_unblocking()().pk
        )

    def approve(self, decide, **proposal):
        return partial(decide, state="APPROVED", user=self.checker, **proposal)

    def add_by_staff(self):
        """Someone of the staff on-boards a customer at Full KYC: that is proposed as well."""
        call = Call(self.ent, Operation.ADD_CUSTOMER, draw_ref(), {})
        details = replace(ADULT, kyc_flag="F")
        return partial(customers.add_customer, call=call, details=details, user=self.maker)

    def edit(self):
        account = Account.objects.get(customer=self.customer)
        details = CustomerDetails(mobile_number=draw_mobile(), customer_name="Kavya Rao")
        about = {"accounts": {account.pk: "F"}, "cards": {}, "user": self.maker}
        return partial(customers.edit_customer, customer_id=self.customer, details=details, **about)

    def propose_kyc(self):
        details = CustomerDetails(kyc_flag="F", ovid_type="PAN", ovid_value="ABCDE1234F")
        about = {"reason": "seen", "user": self.maker}
        return partial(kyc.change, customer_id=self.customer, details=details, **about)

    def raise_kyc(self):
        return self.approve(kyc.decide, proposal_id=self.propose_kyc()().pk)

    def add_a_stranger(self):
        """Someone else claims the customer's mobile number: a 409, and a review is opened."""
        mobile = Customer.objects.get(pk=self.customer).mobile
        stranger = replace(ADULT, mobile_number=mobile, date_of_birth=date(2001, 5, 17))
        return self.add(stranger, self.ent)

    def propose_passing_on(self):
        with pytest.raises(Conflict):
            self.add_a_stranger()()
        review = DuplicateReview.objects.get()
        about = {"outcome": "NUMBER_PASSED_ON", "reason": "asked", "user": self.maker}
        return partial(reviews.decide, review_id=review.pk, **about)

    def pass_number_on(self):
        decide = reviews.NUMBER_PROPOSALS.decide
        return self.approve(decide, proposal_id=self.propose_passing_on()().pk)

    def propose_merge(self):
        """Someone is on record twice; the younger record is blocked, and of Full KYC."""
        other = make_customer(self.cbs, kyc_flag="F", ovid_type="PAN", ovid_value="ABCDE1234F")
        for each in (self.customer, other):
            make_posting(self.ent if each == self.customer else self.cbs, each, 5_000)
        blocking.block(customer_id=other, reason="lost", user=self.maker)
        about = {"unique_id": self.customer, "other_id": other, "reason": "Same PAN"}
        return partial(merges.propose_merge, **about, user=self.maker)

    def merge(self):
        return self.approve(merges.decide, proposal_id=self.propose_merge()().pk)

    def propose_unmerge(self):
        merged_id = self.merge()().merged_id
        about = {"merged_id": merged_id, "reason": "Sisters", "user": self.maker}
        return partial(merges.propose_unmerge, **about)

    def unmerge(self):
        return self.approve(merges.decide, proposal_id=self.propose_unmerge()().pk)

    def propose_rules(self):
        proposals = [Proposal("P", direction, "MONTH", 1, "A test") for direction in "DC"]
        return partial(rules.propose, proposals=proposals, user=self.maker)

    def approve_rules(self):
        return self.approve(rules.decide, proposal_id=self.propose_rules()().pk)

    def propose_adjustment(self):
        make_posting(self.ent, self.customer, 5_000)
        month = calendar.number_ist_month(clock.now())
        correction = Correction(self.customer, month, "D", -2_000, "counted twice")
        return partial(adjustments.propose, correction=correction, user=self.maker)

    def adjust(self):
        return self.approve(adjustments.decide, proposal_id=self.propose_adjustment()().pk)

    def seal(self):
        make_posting(self.ent, self.customer, 5_000)
        return partial(seals.make, user=self.checker)


# What is done, and the tables that it writes when nothing fails.
USE_CASES = {
    "add": (
        lambda world: world.add(ADULT, world.ent),
        f"{ADDS} customers.Customer customers.KycChange customers.NameWord",
    ),
    "add through a second processor": (
        lambda world: (world.add(replace(ADULT, ovid_type=None), world.ent)(),
                       world.add(ADULT, world.cbs))[1],
        ADDS,
    ),
    "add a stranger": (World.add_a_stranger, "customers.DuplicateReview"),
    "update the mobile number": (
        lambda world: world.update(mobile_number=draw_mobile()),
        f"customers.Customer customers.Identifier customers.Receipt ppims.ReplayKey {AUDITS}",
    ),
    "update document, KYC, account and card": (
        lambda world: (world.update(ovid_type="PAN", ovid_value="ABCDE1234F")(),
                       world.update(ovid_type="PAN", ovid_value="FGHIJ5678K", kyc_flag="F",
                                    account_number="1", card_number="2", cif_id="3"))[1],
        f"{ADDS} customers.Customer customers.KycChange",
    ),
    "block": (World.block, f"customers.Customer {AUDITS}"),
    "propose to unblock": (World.propose_unblocking, f"customers.Unblocking {AUDITS}"),
    "unblock": (World.unblock, f"customers.Customer customers.Unblocking {AUDITS}"),
    "add by staff": (
        World.add_by_staff,
        f"""{ADDS} customers.Customer customers.KycChange customers.NameWord
        customers.KycProposal""",
    ),
    "edit": (
        World.edit,
        f"customers.Customer customers.NameWord customers.Identifier customers.Account {AUDITS}",
    ),
    "propose Full KYC": (World.propose_kyc, f"customers.KycProposal {AUDITS}"),
    "raise to Full KYC": (
        World.raise_kyc,
        f"""customers.KycProposal customers.Customer customers.KycChange customers.Document
        customers.Identifier {AUDITS}""",
    ),
    "propose that a number was passed on": (
        World.propose_passing_on,
        f"customers.NumberPassedOn {AUDITS}",
    ),
    "pass a number on": (
        World.pass_number_on,
        f"""customers.NumberPassedOn customers.DuplicateReview customers.Identifier
        customers.Customer {AUDITS}""",
    ),
    "propose to merge": (World.propose_merge, f"customers.Merge {AUDITS}"),
    "merge": (
        World.merge,
        f"""customers.Merge customers.Kin customers.Customer customers.KycChange
        limits.LedgerEntry limits.LedgerHead limits.MonthlyUsage {AUDITS}""",
    ),
    "propose to un-merge": (World.propose_unmerge, f"customers.Merge {AUDITS}"),
    "un-merge": (
        World.unmerge,
        f"""customers.Merge customers.Customer customers.KycChange
        limits.LedgerEntry limits.LedgerHead limits.MonthlyUsage {AUDITS}""",
    ),
    "propose rules": (World.propose_rules, f"limits.RuleSet limits.LimitRule {AUDITS}"),
    "approve rules": (World.approve_rules, f"limits.RuleSet limits.LimitRule {AUDITS}"),
    "propose an adjustment": (World.propose_adjustment, f"limits.Adjustment {AUDITS}"),
    "adjust": (
        World.adjust,
        f"limits.Adjustment limits.LedgerEntry limits.LedgerHead limits.MonthlyUsage {AUDITS}",
    ),
    "seal": (World.seal, f"limits.Seal {AUDITS}"),
}  # fmt: skip


def read_everything():
    return {
        model._meta.label: sorted(map(repr, model._base_manager.values_list()))
        for model in apps.get_models()
    }


def find_outcome(act):
    try:
        act()
    except (RuntimeError, Conflict, Unavailable) as error:
        return type(error)
    return None


@pytest.mark.parametrize(("how", "heard"), [("fault", RuntimeError), ("busy", Unavailable)])
@pytest.mark.parametrize("use_case", USE_CASES)
def test_whichever_write_fails_nothing_of_it_is_kept(use_case, how, heard):
    make, tables = USE_CASES[use_case]
    act = make(World())
    before, number = read_everything(), 1
    while True:
        with fail_write(how, number) as writes:
            ended = find_outcome(act)
        if len(writes) < number:
            break
        assert ended is heard
        assert read_everything() == before
        number += 1
    assert ended is (Doubt if use_case == "add a stranger" else None)
    after = read_everything()
    changed = {table for table in before if before[table] != after[table]}
    assert changed == set(tables.split())
    assert number > len(changed)
