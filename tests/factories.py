"""The shortest way to a processor, a customer, a check and a posting."""

from datetime import date, timedelta
from functools import cache
from itertools import count
from typing import Any

import factory
import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from factory.django import DjangoModelFactory

from customers import records
from customers.details import CustomerDetails
from customers.models import Customer
from customers.services import blocking, customers
from limits.known import Ask, OtherAmount, Report
from limits.models import (
    LedgerEntry,
    LimitCheck,
    LimitRule,
    Notice,
    RefusedReport,
    work_out_urgency,
)
from limits.services import checks, refused_reports, updates
from ppims.core import clock
from ppims.models import Operation, Processor, User
from ppims.services import audit, role_groups
from ppims.services.idempotency import Call

PASSWORD = "a-password-of-tests"
_numbers = count(1)

make_password_once = cache(make_password)


def ensure_roles() -> None:
    """Let the staff's roles be there: a flush takes them away, and making them takes a while."""
    if not Group.objects.exists():
        role_groups.set_up()


def draw_ref() -> str:
    return f"R{next(_numbers):09d}"


def draw_mobile() -> str:
    return f"919{next(_numbers):09d}"


class ProcessorFactory(DjangoModelFactory):
    """An active processor that logs in with PASSWORD."""

    class Meta:
        model = Processor

    system_id = factory.Sequence("P{}".format)
    name = factory.SelfAttribute("system_id")
    username = factory.LazyAttribute(lambda made: f"PPIM_{made.system_id}")
    password = factory.LazyFunction(lambda: make_password_once(PASSWORD))


class ToldFactory(factory.Factory):
    """What an add tells of a new New Min KYC customer."""

    class Meta:
        model = CustomerDetails

    customer_id = factory.Sequence("{:012d}".format)
    customer_name = "Meera Iyer"
    mobile_number = factory.LazyFunction(draw_mobile)
    date_of_birth = date(1991, 2, 14)
    account_number = factory.SelfAttribute("customer_id")
    account_status = "A"
    kyc_flag = "P"
    kyc_updated_channel = "PGO"
    customer_type = "N"


def make_processor(system_id: str = "ENT", **fields: Any) -> Processor:
    return ProcessorFactory(system_id=system_id, **fields)


def make_customer(processor: Processor, *more: Processor, **details: Any) -> int:
    """Add a New Min KYC customer through each of the processors: the Unique_Id."""
    person = ToldFactory(**details)
    for who in (processor, *more):
        call = Call(who, Operation.ADD_CUSTOMER, draw_ref(), {})
        receipt, _ = customers.add_customer(call=call, details=person)
    return receipt.unique_id


def make_rule(**fields: Any) -> LimitRule:
    """Add an approved rule, audited as those of the first start are."""
    at = fields["in_force_from"]
    approved = {"state": "APPROVED", "source": "a test", "proposed_at": at, "decided_at": at}
    rule = LimitRule.objects.create(**{**approved, **fields})
    audit.record("limit rule of a test", at=at, rows=[rule])
    return rule


def make_notice(**fields: Any) -> Notice:
    """Add a notice: of a loading stop in ten days, or of what it is told."""
    kind = fields.get("kind", Notice.Kind.LOADING_STOP)
    day = fields.get("day", clock.today() + timedelta(days=10))
    matter = f"{kind} {next(_numbers)}"
    found = {"matter": matter, "found_at": clock.now(), "urgency": work_out_urgency(kind, day)}
    return Notice.objects.create(**{"kind": kind, "day": day, **found, **fields})


def set_blocked(unique_id: int, *, blocked: bool) -> None:
    """Block or unblock a customer, as two people would."""
    maker, checker = (User.objects.get_or_create(username=name)[0] for name in ("him", "her"))
    if blocked:
        blocking.block(customer_id=unique_id, reason="a test", user=maker)
        return
    proposal = blocking.propose_unblocking(customer_id=unique_id, reason="a test", user=maker)
    blocking.UNBLOCKING_PROPOSALS.decide(proposal_id=proposal.pk, state="APPROVED", user=checker)


def set_tier(unique_id: int, tier: str) -> None:
    """Give a customer another tier, whichever it is, audited."""
    customer, at = Customer.objects.get(pk=unique_id), clock.now()
    details = CustomerDetails(kyc_flag=tier)
    change = records.change_kyc(details, customer=customer, processor=None, user=None, at=at)
    if change:
        customer.save()
        audit.record("tier of a test", at=at, subject=unique_id, rows=[customer, change])


def make_check(
    processor: Processor,
    unique_id: int,
    paise: int,
    direction: str = "D",
    ref_id: str | None = None,
    **more: Any,
) -> tuple[LimitCheck, bool]:
    ask = Ask(unique_id, direction, paise, **more)
    call = Call(processor, Operation.CHECK_LIMIT, ref_id or draw_ref(), _make_content(ask))
    check, is_replay = checks.check_limit(call=call, ask=ask)
    return LimitCheck.from_db("default", check._fields, check), is_replay


def make_posting(
    processor: Processor,
    unique_id: int,
    paise: int,
    kind: str = "S",
    direction: str = "D",
    ref_id: str | None = None,
    tran_id: str | None = None,
    enquiry: str | None = None,
) -> tuple[LedgerEntry, bool]:
    report = Report(unique_id, kind, direction, paise, None, tran_id, enquiry)
    call = Call(processor, Operation.UPDATE_LIMIT, ref_id or draw_ref(), _make_content(report))
    entry, is_replay = updates.update_limit(call=call, report=report)
    return LedgerEntry.from_db("default", entry._fields, entry), is_replay


def refuse(
    processor: Processor, unique_id: int, paise: int, tran_id: str, direction: str = "D"
) -> RefusedReport:
    """Report by a Tran_Id that is posted already another amount, which is refused: what is kept."""
    report = Report(unique_id, "S", direction, paise, None, tran_id)
    call = Call(processor, Operation.UPDATE_LIMIT, draw_ref(), _make_content(report))
    with pytest.raises(OtherAmount) as refusal:
        updates.update_limit(call=call, report=report)
    refused_reports.keep(call=call, report=report, posting=refusal.value.posting)
    return RefusedReport.objects.get(customer_id=unique_id, ref_id=call.ref_id)


def make_person(**changes: Any) -> dict[str, Any]:
    """Give the fields of a valid Add_Customer; a change of None leaves the field out."""
    number = next(_numbers)
    fields = {
        "Customer_Id": f"{number:012d}",
        "Customer_Name": "Meera Iyer",
        "Mobile_Number": draw_mobile(),
        "Date_Of_Birth": "14-02-1991",
        "Account_Number": f"{number:012d}",
        "Account_Status": "A",
        "KYC_Flag": "P",
        "KYC_Updated_Channel": "PGO",
        "KYC_Updated_On": "03-04-2025 10:15:00",
        "Customer_Type": "N",
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _make_content(said: Ask | Report) -> dict[str, str | None]:
    return {name: None if value is None else str(value) for name, value in vars(said).items()}
