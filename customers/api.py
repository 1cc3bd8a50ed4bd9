"""Three operations of the API: add customer, update customer, check customer KYC."""

from functools import partial
from typing import cast

from django.http import HttpRequest
from ninja import Router

from customers import records
from customers.schemas import (
    AddCustomerData,
    AddCustomerOut,
    CheckKycData,
    CheckKycOut,
    UpdateCustomerData,
    UpdateCustomerOut,
    read_details,
)
from customers.services import customers
from ppims.db.group_commit import run_write
from ppims.models import Operation, Processor
from ppims.services.idempotency import Call
from ppims.wire.envelope import Meta, Reply, Request
from ppims.wire.reply import WireReply

# Named once: looking up the type of an answer would cost as much as making it.
AddReply = Reply[AddCustomerOut, Meta]
UpdateReply = Reply[UpdateCustomerOut, Meta]
KycReply = Reply[CheckKycOut, Meta]

router = Router(tags=["Customers"], by_alias=True)


@router.post("/add-customer", response=AddReply, summary="Add customer")
async def add_customer(request: HttpRequest, body: Request[AddCustomerData]) -> WireReply:
    """Add a customer, or register a known one through your System_Id: 000; already registered:
    200.
    """
    message = body.Data.Add_Customer
    call = Call(
        _get_caller(request), Operation.ADD_CUSTOMER, message.ref_id, message.make_content()
    )
    receipt, is_replay = await run_write(
        partial(customers.add_customer, call=call, details=read_details(message))
    )
    reply = AddReply(Data=AddCustomerOut.from_receipt(receipt), Meta=Meta(Replayed=is_replay))
    return reply.write()


@router.post("/update-customer", response=UpdateReply, summary="Update customer")
async def update_customer(request: HttpRequest, body: Request[UpdateCustomerData]) -> WireReply:
    """Change what is known of a customer; absent fields stay as they are."""
    message = body.Data.Update_Customer
    call = Call(
        _get_caller(request), Operation.UPDATE_CUSTOMER, message.ref_id, message.make_content()
    )
    receipt, is_replay = await run_write(
        partial(customers.update_customer, call=call, details=read_details(message))
    )
    reply = UpdateReply(Data=UpdateCustomerOut.from_receipt(receipt), Meta=Meta(Replayed=is_replay))
    return reply.write()


@router.post("/check-customer-kyc", response=KycReply, summary="Check customer KYC")
async def check_customer_kyc(request: HttpRequest, body: Request[CheckKycData]) -> WireReply:
    """Tell how well the customer is known. Nothing is kept; each call answers afresh."""
    registration = records.find_registration(_get_caller(request), body.Data.Check_KYC.unique_id)
    return KycReply(Data=CheckKycOut.from_registration(registration), Meta=Meta()).write()


def _get_caller(request: HttpRequest) -> Processor:
    return cast("Processor", request.auth)  # type: ignore[attr-defined]  # ninja sets it
