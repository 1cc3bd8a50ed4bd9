"""One proposal of each kind there is, made as the pages do: for what holds of every kind.

A kind that comes has its function here: tests/web/test_nobody_alone.py misses it.
"""

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from django.db import transaction
from django.test import override_settings

from customers.details import CustomerDetails
from customers.models import DuplicateReview
from customers.services import blocking, imports, kyc, reviews
from limits.models import LimitRule
from limits.services import adjustments, merges, rules
from limits.services.adjustments import Correction
from limits.services.rules import Proposal
from ppims.backoffice.proposal_kinds import KINDS
from ppims.core import calendar, clock
from ppims.core.errors import Conflict
from ppims.core.roles import ROLES
from ppims.models import Processor
from ppims.services import key_rotations, processor_changes, staff_changes
from ppims.services.processor_changes import NewProcessor
from ppims.services.staff_changes import NewPerson
from tests import customer_files
from tests.factories import draw_mobile, make_customer, make_posting, make_processor

PAN = {"ovid_type": "PAN", "ovid_value": "ABCPE1234F"}


def find_processor(system_id="ENT"):
    return Processor.objects.filter(system_id=system_id).first() or make_processor(system_id)


def propose_kyc(maker):
    customer = make_customer(find_processor())
    details = CustomerDetails(kyc_flag="F", kyc_updated_channel="BRN", **PAN)
    return kyc.change(customer_id=customer, details=details, reason="Seen", user=maker)


def propose_unblocking(maker):
    customer = make_customer(find_processor())
    blocking.block(customer_id=customer, reason="Lost", user=maker)
    return blocking.propose_unblocking(customer_id=customer, reason="Found", user=maker)


def propose_correction(maker):
    processor = find_processor()
    customer = make_customer(processor)
    make_posting(processor, customer, 50_000)
    month = calendar.number_ist_month(clock.now())
    correction = Correction(customer, month, "D", -20_000, "Counted twice")
    return adjustments.propose(correction=correction, user=maker)


def propose_limits(maker):
    several = [Proposal(tier, "D", "MONTH", 5_00, "A test") for tier in "NP"]
    return rules.propose(proposals=several, user=maker)


@transaction.atomic
def propose_rule(maker):
    """Propose a rule by itself, as was done before several were changed as one."""
    rule = LimitRule(tier="N", direction="D", window="MONTH", amount=5_00, source="A test")
    rule.maker, rule.proposed_at = maker, clock.now()
    return rules.RULES_ALONE.keep(rule)


def propose_merge(maker):
    one, other = make_customer(find_processor()), make_customer(find_processor())
    return merges.propose_merge(unique_id=one, other_id=other, reason="One person", user=maker)


def propose_passing_on(maker):
    mobile = draw_mobile()
    make_customer(find_processor(), mobile_number=mobile)
    with pytest.raises(Conflict):
        make_customer(find_processor("CBS"), mobile_number=mobile, date_of_birth=date(1960, 1, 1))
    review = DuplicateReview.objects.latest("pk")
    return reviews.decide(
        review_id=review.pk, outcome="NUMBER_PASSED_ON", reason="Reissued", user=maker
    )


def propose_adding(maker):
    person = NewPerson("second.self", "maker")
    return staff_changes.propose_adding(person=person, reason="Joins us", user=maker)


def propose_processor(maker):
    processor = NewProcessor("UPI", "UPI switch")
    return processor_changes.propose_adding(processor=processor, reason="Goes live", user=maker)


def propose_key(maker):
    return key_rotations.propose(purpose="document", reason="Yearly", user=maker)


def propose_import(maker):
    content = customer_files.write_file(customer_files.make_row())
    # In a folder of its own: tests beside this one delete what is old.
    with TemporaryDirectory() as folder, override_settings(PPIMS_DATA_DIR=Path(folder)):
        file = customer_files.keep_and_read(content, find_processor(), maker)
    return imports.propose(file_id=file.pk, reason="They move to us", user=maker)


PROPOSERS = {
    "kyc": propose_kyc,
    "unblocking": propose_unblocking,
    "adjustment": propose_correction,
    "limit-rule": propose_rule,
    "limit-change": propose_limits,
    "merge": propose_merge,
    "number-passed-on": propose_passing_on,
    "staff": propose_adding,
    "processor": propose_processor,
    "key-rotation": propose_key,
    "customer-import": propose_import,
}
# What the audit tells of each, besides who and when; of all others that is before, after, reason.
DETAIL_BY_KIND = {
    "kyc": {"kyc_flag", "reason"},
    "limit-rule": {"before", "amount", "source"},
    "limit-change": {"rules"},  # each with what is before, the amount and the source
}
DETAIL_OF_OTHERS = {"before", "after", "reason"}


def find_roles(name):
    """Find the roles that propose, and that decide, a kind: the first of each."""
    kind = KINDS[name]
    return tuple(
        next(role for role in ("maker", "checker", "admin") if permission in ROLES[role])
        for permission in (kind.propose, kind.approve)
    )
