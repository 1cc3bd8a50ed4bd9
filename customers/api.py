"""Three operations of the API: add customer, update customer, check customer KYC."""

from collections.abc import Callable
from functools import partial

from ninja import Router

from customers import people
from customers.models import Receipt
from customers.schemas import (
    AddCustomerData,
    AddCustomerIn,
    AddCustomerOut,
    CheckKycData,
    CheckKycOut,
    UpdateCustomerData,
    UpdateCustomerIn,
    UpdateCustomerOut,
    read_details,
)
from customers.services import customers
from ppims.db.group_commit import run_write
from ppims.db.reads import run_read
from ppims.models import Operation
from ppims.services.credentials import ProcessorRequest
from ppims.services.idempotency import Call
from ppims.wire.envelope import Meta, ReadMeta, Reply, Request
from ppims.wire.reply import WireReply

# Named once: looking up the type of an answer would cost as much as making it.
AddReply = Reply[AddCustomerOut, Meta]
UpdateReply = Reply[UpdateCustomerOut, Meta]
KycReply = Reply[CheckKycOut, ReadMeta]

router = Router(tags=["Customers"], by_alias=True)


@router.post("/add-customer", response=AddReply, summary="Add customer")
async def add_customer(request: ProcessorRequest, body: Request[AddCustomerData]) -> WireReply:
    """Add a customer, or register a known one through your System_Id: 000; already registered:
    200.
    """
    receipt, meta = await _run(
        customers.add_customer, Operation.ADD_CUSTOMER, request, body.Data.Add_Customer
    )
    return AddReply(Data=AddCustomerOut.from_receipt(receipt), Meta=meta).write()


@router.post("/update-customer", response=UpdateReply, summary="Update customer")
async def update_customer(
    request: ProcessorRequest, body: Request[UpdateCustomerData]
) -> WireReply:
    """Change what is known of a customer; absent fields stay as they are."""
    receipt, meta = await _run(
        customers.update_customer, Operation.UPDATE_CUSTOMER, request, body.Data.Update_Customer
    )
    return UpdateReply(Data=UpdateCustomerOut.from_receipt(receipt), Meta=meta).write()


@router.post("/check-customer-kyc", response=KycReply, summary="Check customer KYC")
async def check_customer_kyc(request: ProcessorRequest, body: Request[CheckKycData]) -> WireReply:
    """Tell how well the customer is known. Nothing is kept; each call answers afresh."""
    unique_id = body.Data.Check_KYC.unique_id
    known = await run_read(partial(people.find_known, request.auth, unique_id))
    return KycReply(Data=CheckKycOut.from_known(known), Meta=ReadMeta()).write()


async def _run(
    use_case: Callable[..., tuple[Receipt, bool]],
    operation: Operation,
    request: ProcessorRequest,
    message: AddCustomerIn | UpdateCustomerIn,
) -> tuple[Receipt, Meta]:
    # Made here, on the event loop: the digests in it cost the writer thread no time.
    call = Call(request.auth, operation, message.ref_id, message.make_content())
    details = read_details(message)
    receipt, is_replay = await run_write(partial(use_case, call=call, details=details))
    return receipt, Meta(Replayed=is_replay)
