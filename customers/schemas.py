"""The messages about customers: their fields, and what must fit together in them."""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema

from customers.details import CustomerDetails
from customers.models import Receipt
from customers.people import Known
from ppims.wire.envelope import Answer, Credentials, Message
from ppims.wire.reply_fields import IdOut, InstantOut, TextOut
from ppims.wire.request_fields import (
    BirthDateIn,
    CardExpiry,
    CustomerType,
    Id,
    InstantIn,
    MobileIn,
    OptionalEmail,
    OptionalText,
    Pincode,
    Text,
    UniqueId,
    make_malformed,
)

KycFlag = Literal["N", "P", "F"]
Status = Literal["A", "I", "C", "F", "N"]
OvidType = Literal["ADR", "PAN", "DRL", "VOT", "PSP", "NRG", "NPR"]


def _clean_number(value: object) -> str | None:
    """Write a document's number as it is kept; None: it can't be one."""
    is_text = isinstance(value, str) and value.isascii()
    number = re.sub(r"[ /-]", "", str(value)).upper() if is_text else ""
    return number if re.fullmatch(r"[A-Z0-9]{4,20}", number) else None


def _read_document_number(value: object) -> str:
    if number := _clean_number(value):
        return number
    raise make_malformed("must have 4 to 20 letters and digits")


OvidValue = Annotated[
    str,
    BeforeValidator(_read_document_number),
    WithJsonSchema({"type": "string", "examples": ["123456789012"]}),
]


def judge_document(present: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with Ovid_Type and Ovid_Value together."""
    kind, value = present.get("Ovid_Type"), present.get("Ovid_Value")
    if value is not None and kind is None:
        yield "ovid_type", "is required with Ovid_Value"
    if kind is not None and value is None:
        yield "ovid_value", "is required with Ovid_Type"
    number = _clean_number(value) if kind == "ADR" else None
    if number and not re.fullmatch(r"[0-9]{12}", number):
        yield "ovid_value", "must have 12 digits"


class AddCustomerIn(Message):
    ref_id: Id
    unique_id: UniqueId | None = None
    customer_id: Id
    customer_name: Text
    maiden_name: OptionalText = None
    mobile_number: MobileIn
    date_of_birth: BirthDateIn
    email_id: OptionalEmail = None
    address_line1: OptionalText = None
    address_line2: OptionalText = None
    city: OptionalText = None
    state: OptionalText = None
    pincode: Pincode | None = None
    account_number: Id
    account_status: Status
    card_number: Id | None = None
    card_exp_date: CardExpiry | None = None
    card_status: Status | None = None
    kyc_flag: KycFlag
    kyc_updated_channel: Text
    kyc_updated_on: InstantIn | None = None
    ovid_value: OvidValue | None = None
    ovid_type: OvidType | None = None
    cif_id: Id | None = None
    system_id: Id
    customer_type: CustomerType
    ppi_type: Literal["SC", "CL", "OP"] | None = None
    nri_flag: Literal["Y", "N"] | None = None

    @classmethod
    def check_across(cls, present: dict[str, Any]) -> Iterator[tuple[str, str]]:
        yield from judge_document(present)
        if present.get("KYC_Flag") == "F" and not {"Ovid_Type", "Ovid_Value"} & present.keys():
            yield "ovid_type", "is required for Full KYC"
            yield "ovid_value", "is required for Full KYC"


class UpdateCustomerIn(Message):
    ref_id: Id
    unique_id: UniqueId
    system_id: Id
    mobile_number: MobileIn | None = None
    customer_name: OptionalText = None
    date_of_birth: BirthDateIn | None = None
    email_id: OptionalEmail = None
    account_number: Id | None = None
    account_status: Status | None = None
    card_number: Id | None = None
    card_status: Status | None = None
    kyc_flag: KycFlag | None = None
    kyc_updated_channel: OptionalText = None
    kyc_updated_on: InstantIn | None = None
    maiden_name: OptionalText = None
    ovid_type: OvidType | None = None
    ovid_value: OvidValue | None = None
    cif_id: Id | None = None

    @classmethod
    def check_across(cls, present: dict[str, Any]) -> Iterator[tuple[str, str]]:
        yield from judge_document(present)
        for name in ("account", "card"):
            if f"{name.title()}_Status" in present and f"{name.title()}_Number" not in present:
                yield f"{name}_number", f"is required with {name.title()}_Status"
        optional = {field.alias for field in cls.model_fields.values() if not field.is_required()}
        if not optional & present.keys():
            yield "", "says nothing to change"


class CheckKycIn(Message):
    ref_id: Id
    unique_id: UniqueId
    system_id: Id


class AddCustomerData(Credentials):
    Add_Customer: AddCustomerIn


class UpdateCustomerData(Credentials):
    Update_Customer: UpdateCustomerIn


class CheckKycData(Credentials):
    Check_KYC: CheckKycIn


def read_details(message: AddCustomerIn | UpdateCustomerIn) -> CustomerDetails:
    """Read a message's fields as CustomerDetails, which has them by the same names."""
    known = {field.name for field in fields(CustomerDetails)}
    return CustomerDetails(**message.model_dump(include=known))


class AddCustomerOut(Answer):
    unique_id: IdOut
    kyc_flag: TextOut
    kyc_updated_channel: TextOut
    kyc_updated_on: InstantOut

    @classmethod
    def from_receipt(cls, receipt: Receipt) -> "AddCustomerOut":
        return cls(
            resp_code=receipt.resp_code,
            unique_id=receipt.unique_id,
            kyc_flag=receipt.tier,
            kyc_updated_channel=receipt.kyc_updated_channel,
            kyc_updated_on=receipt.kyc_updated_on,
        )


class UpdateCustomerOut(Answer):
    unique_id: IdOut
    old_unique_id: IdOut

    @classmethod
    def from_receipt(cls, receipt: Receipt) -> "UpdateCustomerOut":
        return cls(
            resp_code=receipt.resp_code,
            unique_id=receipt.unique_id,
            old_unique_id=receipt.old_unique_id,
        )


class CheckKycOut(Answer):
    kyc_flag: TextOut
    kyc_updated_channel: TextOut
    kyc_updated_on: InstantOut
    cif_id: TextOut
    unique_id: IdOut
    old_unique_id: IdOut

    @classmethod
    def from_known(cls, known: Known) -> "CheckKycOut":
        customer = known.customer
        return cls(
            resp_code="000",
            kyc_flag=customer.tier,
            kyc_updated_channel=customer.kyc_updated_channel,
            kyc_updated_on=customer.kyc_updated_on,
            cif_id=known.registration.cif_id or None,
            unique_id=customer.pk,
            old_unique_id=known.old_unique_id,
        )
