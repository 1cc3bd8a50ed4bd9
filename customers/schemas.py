"""The messages about customers: their fields, and what must fit together in them."""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from customers.choices import DocumentKind, InstrumentStatus, Tier
from customers.details import CustomerDetails
from customers.models import Receipt
from customers.people import Known
from ppims.wire.envelope import Answer, Credentials, Message
from ppims.wire.field_words import describe_codes, describe_text, make_coded_field
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

KycFlag = Annotated[Literal["N", "P", "F"], describe_codes(dict(Tier.choices))]
Status = Annotated[Literal["A", "I", "C", "F", "N"], describe_codes(dict(InstrumentStatus.choices))]
OvidType = Annotated[
    Literal["ADR", "PAN", "DRL", "VOT", "PSP", "NRG", "NPR"],
    describe_codes(dict(DocumentKind.choices)),
]
PpiType = Annotated[
    Literal["SC", "CL", "OP"], describe_codes({"SC": "Semi-closed", "CL": "Closed", "OP": "Open"})
]
YesOrNo = Annotated[Literal["Y", "N"], describe_codes({"Y": "Yes", "N": "No"})]

# What fields of several operations mean.
REF_ID = (
    "Your id of this request. Sent again with the same content, it gets its first answer again and"
    " has no second effect."
)
REF_ID_OF_A_READ = "Your id of this request. Nothing is kept of it: each call is answered afresh."
SYSTEM_ID = "Your code, the one that goes with your Username."
UNIQUE_ID = "The customer's id here, which add-customer has answered with."
OVID_TYPE = "The kind of document. It comes with Ovid_Value."
OVID_VALUE = "The document's number. It comes with Ovid_Type."
KYC_CODES_OUT = {**dict(Tier.choices), "NA": "Not known"}
KYC_FLAG_OUT = "How well the customer is known."
KYC_CHANNEL_OUT = "Where that KYC was taken: the code of whoever told it."
KYC_ON_OUT = "When that KYC was taken."
CIF_ID_OUT = "The Cif_Id that you have registered for the customer."
UNIQUE_ID_OUT = "The customer's id. After a merge it is that of the customer who goes on."
OLD_UNIQUE_ID_OUT = "The Unique_Id that you sent, where that customer was merged into another."


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
    describe_text(
        "4 to 20 letters and digits, of ADR 12 digits; spaces, - and / are dropped",
        examples=["123456789012"],
    ),
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
    ref_id: Id = Field(description=REF_ID)
    unique_id: UniqueId | None = Field(
        None, description="The person's Unique_Id, if you know it: another one is refused."
    )
    customer_id: Id = Field(description="Your own id of the customer.")
    customer_name: Text = Field(description="The customer's full name.")
    maiden_name: OptionalText = Field(None, description="The name before marriage.")
    mobile_number: MobileIn = Field(
        description="The mobile number. By it, or by the document, a person is found again."
    )
    date_of_birth: BirthDateIn = Field(
        description="The birth date. It tells the person from an earlier owner of the mobile."
    )
    email_id: OptionalEmail = Field(None, description="The e-mail address.")
    address_line1: OptionalText = Field(None, description="The postal address, its first line.")
    address_line2: OptionalText = Field(None, description="The postal address, its second line.")
    city: OptionalText = Field(None, description="The city of the postal address.")
    state: OptionalText = Field(None, description="The state of the postal address.")
    pincode: Pincode | None = Field(None, description="The PIN code of the postal address.")
    account_number: Id = Field(
        description="The account or wallet that your transactions will name."
    )
    account_status: Status = Field(
        description="The account's status. A check that names it goes through only for A and N."
    )
    card_number: Id | None = Field(
        None, description="The card. Only its last four digits can be read later."
    )
    card_exp_date: CardExpiry | None = Field(None, description="When the card expires.")
    card_status: Status | None = Field(
        None, description="The card's status. A check that names it goes through only for A and N."
    )
    kyc_flag: KycFlag = Field(description="How well you know a new customer. F needs a document.")
    kyc_updated_channel: Text = Field(description="Where that KYC was taken, by a code of yours.")
    kyc_updated_on: InstantIn | None = Field(
        None, description="When that KYC was taken. Absent: on arrival."
    )
    ovid_value: OvidValue | None = Field(None, description=OVID_VALUE)
    ovid_type: OvidType | None = Field(None, description=OVID_TYPE)
    cif_id: Id | None = Field(None, description="Your core banking's id of the customer.")
    system_id: Id = Field(description=SYSTEM_ID)
    customer_type: CustomerType = Field(description="The kind of customer, by a code of yours.")
    ppi_type: PpiType | None = Field(None, description="The kind of instrument.")
    nri_flag: YesOrNo | None = Field(
        None, description="Whether the customer is a non-resident Indian."
    )

    @classmethod
    def check_across(cls, present: dict[str, Any]) -> Iterator[tuple[str, str]]:
        yield from judge_document(present)
        if present.get("KYC_Flag") == "F" and not {"Ovid_Type", "Ovid_Value"} & present.keys():
            yield "ovid_type", "is required for Full KYC"
            yield "ovid_value", "is required for Full KYC"


class UpdateCustomerIn(Message):
    ref_id: Id = Field(description=REF_ID)
    unique_id: UniqueId = Field(description=UNIQUE_ID)
    system_id: Id = Field(description=SYSTEM_ID)
    mobile_number: MobileIn | None = Field(
        None, description="The new mobile number. The one before it finds nobody from then on."
    )
    customer_name: OptionalText = Field(None, description="The new full name.")
    date_of_birth: BirthDateIn | None = Field(None, description="The right birth date.")
    email_id: OptionalEmail = Field(None, description="The new e-mail address.")
    account_number: Id | None = Field(
        None, description="An account: a known one gets Account_Status, another one is added."
    )
    account_status: Status | None = Field(
        None, description="The status of Account_Number. Absent: A, where the account is new."
    )
    card_number: Id | None = Field(
        None, description="A card: a known one gets Card_Status, another one is added."
    )
    card_status: Status | None = Field(
        None, description="The status of Card_Number. Absent: A, where the card is new."
    )
    kyc_flag: KycFlag | None = Field(
        None,
        description="How well you know the customer: not lower than on record. F needs a document.",
    )
    kyc_updated_channel: OptionalText = Field(
        None, description="Where that KYC was taken, by a code of yours."
    )
    kyc_updated_on: InstantIn | None = Field(
        None, description="When that KYC was taken. Absent: on arrival, where KYC_Flag rises."
    )
    maiden_name: OptionalText = Field(None, description="The new name before marriage.")
    ovid_type: OvidType | None = Field(
        None,
        description="The kind of document. It takes the place of the one of its kind on record.",
    )
    ovid_value: OvidValue | None = Field(None, description=OVID_VALUE)
    cif_id: Id | None = Field(None, description="Your core banking's new id of the customer.")

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
    ref_id: Id = Field(description=REF_ID_OF_A_READ)
    unique_id: UniqueId = Field(description=UNIQUE_ID)
    system_id: Id = Field(description=SYSTEM_ID)


class AddCustomerData(Credentials):
    Add_Customer: AddCustomerIn = Field(description="The operation's fields.")


class UpdateCustomerData(Credentials):
    Update_Customer: UpdateCustomerIn = Field(description="The operation's fields.")


class CheckKycData(Credentials):
    Check_KYC: CheckKycIn = Field(description="The operation's fields.")


def read_details(message: AddCustomerIn | UpdateCustomerIn) -> CustomerDetails:
    """Read a message's fields as CustomerDetails, which has them by the same names."""
    known = {field.name for field in fields(CustomerDetails)}
    return CustomerDetails(**message.model_dump(include=known))


class AddCustomerOut(Answer):
    unique_id: IdOut = Field(
        description="The customer's id, new or known already. Keep it: all other calls need it."
    )
    kyc_flag: TextOut = make_coded_field(KYC_FLAG_OUT, KYC_CODES_OUT)
    kyc_updated_channel: TextOut = Field(description=KYC_CHANNEL_OUT)
    kyc_updated_on: InstantOut = Field(description=KYC_ON_OUT)

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
    unique_id: IdOut = Field(description=UNIQUE_ID_OUT)
    old_unique_id: IdOut = Field(description=OLD_UNIQUE_ID_OUT)

    @classmethod
    def from_receipt(cls, receipt: Receipt) -> "UpdateCustomerOut":
        return cls(
            resp_code=receipt.resp_code,
            unique_id=receipt.unique_id,
            old_unique_id=receipt.old_unique_id,
        )


class CheckKycOut(Answer):
    kyc_flag: TextOut = make_coded_field(KYC_FLAG_OUT, KYC_CODES_OUT)
    kyc_updated_channel: TextOut = Field(description=KYC_CHANNEL_OUT)
    kyc_updated_on: InstantOut = Field(description=KYC_ON_OUT)
    cif_id: TextOut = Field(description=CIF_ID_OUT)
    unique_id: IdOut = Field(description=UNIQUE_ID_OUT)
    old_unique_id: IdOut = Field(description=OLD_UNIQUE_ID_OUT)

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
