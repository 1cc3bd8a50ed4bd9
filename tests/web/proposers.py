"""One proposal of each kind there is, made as the pages do: for what holds of every kind.

A kind that comes has its function here: tests/web/test_nobody_alone.py misses it.
"""

from customers.details import CustomerDetails
from customers.services import blocking, kyc
from limits.services import adjustments, rules
from limits.services.adjustments import Correction
from limits.services.rules import Proposal
from ppims.backoffice.proposal_kinds import KINDS
from ppims.core import calendar, clock
from ppims.core.roles import ROLES
from ppims.models import Processor
from ppims.services import processor_changes, staff_changes
from ppims.services.processor_changes import NewProcessor
from ppims.services.staff_changes import NewPerson
from tests.factories import make_customer, make_posting, make_processor

PAN = {"ovid_type": "PAN", "ovid_value": "ABCPE1234F"}


def find_processor():
    return Processor.objects.filter(system_id="ENT").first() or make_processor("ENT")


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


def propose_rule(maker):
    return rules.propose(proposals=[Proposal("N", "D", "MONTH", 5_00, "A test")], user=maker)[0]


def propose_adding(maker):
    person = NewPerson("second.self", "maker")
    return staff_changes.propose_adding(person=person, reason="Joins us", user=maker)


def propose_processor(maker):
    processor = NewProcessor("UPI", "UPI switch")
    return processor_changes.propose_adding(processor=processor, reason="Goes live", user=maker)


PROPOSERS = {
    "kyc": propose_kyc,
    "unblocking": propose_unblocking,
    "adjustment": propose_correction,
    "limit-rule": propose_rule,
    "staff": propose_adding,
    "processor": propose_processor,
}
# What the audit tells of each, besides who and when; of all others that is before, after, reason.
DETAIL_BY_KIND = {"kyc": {"kyc_flag", "reason"}, "limit-rule": {"before", "amount", "source"}}
DETAIL_OF_OTHERS = {"before", "after", "reason"}


def find_roles(name):
    """Find the roles that propose, and that decide, a kind: the first of each."""
    kind = KINDS[name]
    return tuple(
        next(role for role in ("maker", "checker", "admin") if permission in ROLES[role])
        for permission in (kind.propose, kind.approve)
    )
