"""What the wire says of limits, and how it is read and written."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, WithJsonSchema

from customers.schemas import OvidType, OvidValue, judge_document
from limits.decision import KYC_EXPIRED
from limits.known import Ask, Check, Entry, Report
from limits.posting import RELEASE_KIND
from limits.services.checks import RegistrationStatus
from ppims.core import money
from ppims.wire import reply_fields
from ppims.wire.envelope import Answer, Credentials, Message, Meta
from ppims.wire.reply_fields import AmountOut, DateOut, IdOut, InstantOut, TextOut
from ppims.wire.request_fields import (
    AmountIn,
    BalanceIn,
    BirthDateIn,
    Id,
    MobileIn,
    OptionalText,
    UniqueId,
)

TranType = Literal["D", "C"]


def _read_balance(value: object) -> int | None:
    try:
        return money.read_balance_paise(value) if isinstance(value, str) else None
    except ValueError:
        return None


AnyBalance = Annotated[
    int | None,
    BeforeValidator(_read_balance),
    WithJsonSchema({"type": "string", "examples": ["10500.00"]}),
]


class CheckRegStatusIn(Message):
    ref_id: Id
    system_id: Id
    mobile_number: MobileIn
    name: OptionalText = None
    date_of_birth: BirthDateIn | None = None
    ovid_type: OvidType | None = None
    ovid_value: OvidValue | None = None

    @classmethod
    def check_across(cls, present: dict[str, Any]) -> Iterator[tuple[str, str]]:
        yield from judge_document(present)

    @property
    def document(self) -> tuple[str, str] | None:
        return (self.ovid_type, self.ovid_value) if self.ovid_type and self.ovid_value else None


class CheckLimitIn(Message):
    ref_id: Id
    unique_id: UniqueId
    amount: AmountIn
    tran_type: TranType
    system_id: Id
    account_number: Id | None = None
    card_number: Id | None = None
    avail_bal: BalanceIn | None = None

    def ask(self) -> Ask:
        return Ask(
            self.unique_id,
            self.tran_type,
            self.amount,
            self.avail_bal,
            self.account_number,
            self.card_number,
        )


class UpdateLimitIn(Message):
    ref_id: Id
    unique_id: UniqueId
    amount: AmountIn
    tran_status: Literal["S", "F", "R"]
    tran_type: TranType
    system_id: Id
    avail_bal: AnyBalance = None
    tran_id: Id | None = None
    enquiry_ref_id: Id | None = None

    @classmethod
    def check_across(cls, present: dict[str, Any]) -> Iterator[tuple[str, str]]:
        enquiry = present.get("Enquiry_Ref_Id")
        readable = isinstance(enquiry, str) and re.fullmatch("[A-Za-z0-9_-]{1,32}", enquiry)
        if present.get("Tran_Status") in ("S", "R") and not readable:
            present.pop("Enquiry_Ref_Id", None)  # never a reason not to book what happened
        if present.get("Tran_Status") == "R" and "Tran_Id" not in present:
            yield "tran_id", "is required to reverse"

    def make_report(self) -> Report:
        return Report(
            self.unique_id,
            self.tran_status,
            self.tran_type,
            self.amount,
            self.avail_bal,
            self.tran_id,
            self.enquiry_ref_id,
        )


class CheckRegStatusData(Credentials):
    Check_Reg_Status: CheckRegStatusIn


class CheckLimitData(Credentials):
    Check_Limit: CheckLimitIn


class UpdateLimitData(Credentials):
    Update_Limit: UpdateLimitIn


class CheckRegStatusOut(Answer):
    unique_id: IdOut
    kyc_flag: TextOut
    kyc_updated_channel: TextOut
    kyc_updated_on: InstantOut
    cif_id: TextOut
    remaining_avail_limit: AmountOut
    utilized_bal: AmountOut

    @classmethod
    def from_status(cls, status: RegistrationStatus) -> "CheckRegStatusOut":
        customer = status.customer
        return cls(
            resp_code="000" if customer else "500",
            unique_id=customer.unique_id if customer else None,
            kyc_flag=customer.tier if customer else None,
            kyc_updated_channel=customer.kyc_updated_channel if customer else None,
            kyc_updated_on=customer.kyc_updated_on if customer else None,
            cif_id=(customer.cif_id or None) if customer else None,
            remaining_avail_limit=status.figures.available,
            utilized_bal=status.figures.cumulative,
        )


class CheckLimitOut(Answer):
    unique_id: IdOut
    allow_customer: Literal["T", "F"]
    cumulative_bal: AmountOut
    avail_amount_limit: AmountOut
    cif_id: TextOut
    old_unique_id: IdOut

    @classmethod
    def from_check(cls, check: Check) -> "CheckLimitOut":
        return cls(
            resp_code="000",
            unique_id=check.customer_id,
            allow_customer="T" if check.is_allowed else "F",
            cumulative_bal=check.cumulative_paise,
            avail_amount_limit=check.available_paise,
            cif_id=check.cif_id or None,
            old_unique_id=check.old_unique_id,
        )


class UpdateLimitOut(Answer):
    cumulative_bal: AmountOut
    avail_limit: AmountOut

    @classmethod
    def from_entry(cls, entry: Entry) -> "UpdateLimitOut":
        return cls(
            resp_code="000",
            cumulative_bal=entry.cumulative_paise,
            avail_limit=entry.available_paise,
        )


class DecisionOut(BaseModel):
    """Why: the rule that decided and its figures after the decision. Limit: rupees; of a
    CREDIT_STOP rule, months.
    """

    Reason: str
    Rule: IdOut
    Limit: TextOut
    Used: AmountOut
    Held: AmountOut
    Remaining: AmountOut
    Resets_On: DateOut
    Hold_Until: InstantOut
    Unjudged: list[str]

    @classmethod
    def from_check(cls, check: Check) -> "DecisionOut":
        return cls(
            Reason=check.reason,
            Rule=check.rule_id,
            Limit=_write_limit(check),
            Used=check.used_paise,
            Held=check.held_paise,
            Remaining=check.remaining_paise,
            Resets_On=check.resets_on,
            Hold_Until=check.hold_until,
            Unjudged=check.unjudged.split(",") if check.unjudged else [],
        )


class CheckLimitMeta(Meta):
    Decision: DecisionOut


class UpdateLimitMeta(Meta):
    Flags: list[str]
    Month: str | None = reply_fields.make_optional_field()

    @classmethod
    def from_entry(cls, entry: Entry, *, is_replay: bool) -> "UpdateLimitMeta":
        month = f"{entry.month % 100:02d}-{entry.month // 100}"
        moves_money = entry.kind != RELEASE_KIND
        return cls(
            Flags=entry.flags.split(",") if entry.flags else [],
            Month=month if moves_money else None,
            Replayed=is_replay,
        )


def _write_limit(check: Check) -> str | None:
    if check.limit is None:
        return None
    is_months = check.reason == KYC_EXPIRED
    return str(check.limit) if is_months else money.to_rupees(check.limit)
