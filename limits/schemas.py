"""What the wire says of limits, and how it is read and written."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from customers.schemas import (
    CIF_ID_OUT,
    KYC_CHANNEL_OUT,
    KYC_CODES_OUT,
    KYC_FLAG_OUT,
    KYC_ON_OUT,
    OLD_UNIQUE_ID_OUT,
    OVID_VALUE,
    REF_ID,
    REF_ID_OF_A_READ,
    SYSTEM_ID,
    UNIQUE_ID,
    UNIQUE_ID_OUT,
    OvidType,
    OvidValue,
    judge_document,
)
from limits.decision import KYC_EXPIRED
from limits.known import Ask, Check, Entry, Report
from limits.posting import RELEASE_KIND
from limits.services.checks import RegistrationStatus
from ppims.core import money
from ppims.wire import reply_fields
from ppims.wire.envelope import Answer, Credentials, Message, Meta
from ppims.wire.field_words import describe_codes, describe_text, make_coded_field
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

TranType = Annotated[
    Literal["D", "C"], describe_codes({"D": "Debit: a spend", "C": "Credit: a load"})
]
TranStatus = Annotated[
    Literal["S", "F", "R"],
    describe_codes(
        {
            "S": "It happened: booked, whatever the limit says",
            "F": "It failed: its hold is released, nothing is booked",
            "R": "The S with this Tran_Id is undone, in full or in part",
        }
    ),
]
REASON_WORDS = {
    "WITHIN_LIMITS": "Allowed",
    "MONTH_LIMIT": "Declined: over the limit of the calendar month",
    "FINANCIAL_YEAR_LIMIT": "Declined: over the limit of the financial year",
    "TRANSACTION_LIMIT": "Declined: over the limit of one transaction",
    "BALANCE_LIMIT": "Declined: the balance would be too high after this load",
    "KYC_EXPIRED": "Declined: the customer has been at this KYC for too long to load",
    "CUSTOMER_BLOCKED": "Declined: the bank has blocked the customer",
    "ACCOUNT_NOT_ACTIVE": "Declined: you have not registered the account, or it is not active",
    "CARD_NOT_ACTIVE": "Declined: the card is not active",
    "HOLD_CLOSED": "A repeat of an allowed check: an S or F has come for it since",
    "HOLD_EXPIRED": "A repeat of an allowed check: its hold has ended",
}
FLAG_WORDS = {
    "UNCHECKED": "Without a check, or with one that is settled or not this customer's or type's",
    "LATE": "After its hold had ended",
    "DECLINED": "Though its check was declined",
    "AMOUNT_DIFFERS": "With another amount than its check's",
    "OVER_LIMIT": "Over the limit now",
    "BLOCKED": "While the customer was blocked, or the account of its check not active",
}


def _read_balance(value: object) -> int | None:
    try:
        return money.read_balance_paise(value) if isinstance(value, str) else None
    except ValueError:
        return None


AnyBalance = Annotated[
    int | None,
    BeforeValidator(_read_balance),
    describe_text("text like 2000.00, zero or negative too", examples=["10500.00"]),
]


class CheckRegStatusIn(Message):
    ref_id: Id = Field(description=REF_ID_OF_A_READ)
    system_id: Id = Field(description=SYSTEM_ID)
    mobile_number: MobileIn = Field(description="The mobile number to look for.")
    name: OptionalText = Field(
        None, description="The person's name. It plays no part in the search."
    )
    date_of_birth: BirthDateIn | None = Field(
        None, description="The birth date. It plays no part in the search."
    )
    ovid_type: OvidType | None = Field(
        None,
        description="The kind of document to look for. It goes before the mobile number.",
    )
    ovid_value: OvidValue | None = Field(None, description=OVID_VALUE)

    @classmethod
    def check_across(cls, present: dict[str, Any]) -> Iterator[tuple[str, str]]:
        yield from judge_document(present)

    @property
    def document(self) -> tuple[str, str] | None:
        return (self.ovid_type, self.ovid_value) if self.ovid_type and self.ovid_value else None


class CheckLimitIn(Message):
    ref_id: Id = Field(
        description="Your id of this check. Sent again, what was allowed is T while its hold is"
        " open, F afterwards; what was declined stays F."
    )
    unique_id: UniqueId = Field(description=UNIQUE_ID)
    amount: AmountIn = Field(description="What is to be spent or loaded, in rupees.")
    tran_type: TranType = Field(
        description="Whether it is a spend or a load: each has its own limits."
    )
    system_id: Id = Field(description=SYSTEM_ID)
    account_number: Id | None = Field(
        None,
        description="The account used: one that you have registered, and that is active or new.",
    )
    card_number: Id | None = Field(
        None,
        description="The card used. If you have registered it, it has to be active or new.",
    )
    avail_bal: BalanceIn | None = Field(
        None,
        description="The balance before the transaction. By it a limit of the balance is judged.",
    )

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
    ref_id: Id = Field(description=REF_ID)
    unique_id: UniqueId = Field(description=UNIQUE_ID)
    amount: AmountIn = Field(description="What was spent, loaded or given back, in rupees.")
    tran_status: TranStatus = Field(description="What became of the transaction.")
    tran_type: TranType = Field(
        description="Whether it is a spend or a load; of an R as the S that it undoes."
    )
    system_id: Id = Field(description=SYSTEM_ID)
    avail_bal: AnyBalance = Field(
        None,
        description="The balance after the transaction. One that can't be read counts as absent.",
    )
    tran_id: Id | None = Field(
        None,
        description="Your number of the transaction. An R needs it: it finds by it what it undoes.",
    )
    enquiry_ref_id: Id | None = Field(
        None,
        description="The Ref_Id of its check. Without it that hold stays until its time is up.",
    )

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
    Check_Reg_Status: CheckRegStatusIn = Field(description="The operation's fields.")


class CheckLimitData(Credentials):
    Check_Limit: CheckLimitIn = Field(description="The operation's fields.")


class UpdateLimitData(Credentials):
    Update_Limit: UpdateLimitIn = Field(description="The operation's fields.")


class CheckRegStatusOut(Answer):
    unique_id: IdOut = Field(description=UNIQUE_ID_OUT)
    kyc_flag: TextOut = make_coded_field(KYC_FLAG_OUT, KYC_CODES_OUT)
    kyc_updated_channel: TextOut = Field(description=KYC_CHANNEL_OUT)
    kyc_updated_on: InstantOut = Field(description=KYC_ON_OUT)
    cif_id: TextOut = Field(description=CIF_ID_OUT)
    remaining_avail_limit: AmountOut = Field(
        description="What is left to spend, or a new customer could. NA: there is no limit."
    )
    utilized_bal: AmountOut = Field(description="What is used and on hold, of spending.")

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
    unique_id: IdOut = Field(description=UNIQUE_ID_OUT)
    allow_customer: Literal["T", "F"] = make_coded_field(
        "Whether to go ahead.", {"T": "Go ahead now: the amount is on hold", "F": "Do not go ahead"}
    )
    cumulative_bal: AmountOut = Field(
        description="What is used and on hold; of T with this amount."
    )
    avail_amount_limit: AmountOut = Field(
        description="What is left; of T after this amount. NA: there is no limit."
    )
    cif_id: TextOut = Field(description=CIF_ID_OUT)
    old_unique_id: IdOut = Field(description=OLD_UNIQUE_ID_OUT)

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
    cumulative_bal: AmountOut = Field(
        description="What is used and on hold after booking, in the month of arrival."
    )
    avail_limit: AmountOut = Field(
        description="What is left then, of the limit with the least left. NA: there is no limit."
    )

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

    Reason: str = make_coded_field("Why the check is allowed or declined.", REASON_WORDS)
    Rule: IdOut = Field(description="The id of the limit rule that decided.")
    Limit: TextOut = Field(
        description="That rule's limit, in rupees; of KYC_EXPIRED a number of months."
    )
    Used: AmountOut = Field(description="What is used in that rule's window, after the decision.")
    Held: AmountOut = Field(description="What is on hold there, after the decision.")
    Remaining: AmountOut = Field(description="What is left there, after the decision.")
    Resets_On: DateOut = Field(description="The first day of the next window.")
    Hold_Until: InstantOut = Field(description="Until when the amount is on hold.")
    Unjudged: list[str] = Field(
        description="The windows that could not be judged: BALANCE, without an Avail_Bal."
    )

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
    Decision: DecisionOut = Field(description="Why: the rule that decided and its figures.")


class UpdateLimitMeta(Meta):
    Flags: list[str] = make_coded_field(
        "Why staff will look at the posting. Empty: they need not.", FLAG_WORDS
    )
    Month: str | None = reply_fields.make_optional_field(
        "The month that an S or R is booked in, MM-YYYY. Left out of an F."
    )

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
