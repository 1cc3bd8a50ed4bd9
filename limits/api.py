"""Three operations of the API: registration status, check limit, update limit."""

import logging
from functools import partial

from ninja import Router

from limits.known import OtherAmount, Posting, Report
from limits.schemas import (
    CheckLimitData,
    CheckLimitMeta,
    CheckLimitOut,
    CheckRegStatusData,
    CheckRegStatusOut,
    DecisionOut,
    UpdateLimitData,
    UpdateLimitMeta,
    UpdateLimitOut,
)
from limits.services import checks, refused_reports, updates
from limits.stores.carry_out import carry_out
from ppims.db.group_commit import run_in_group, run_write
from ppims.db.reads import run_read
from ppims.models import Operation
from ppims.services.credentials import ProcessorRequest
from ppims.services.idempotency import Call
from ppims.wire.envelope import ReadMeta, Reply, Request
from ppims.wire.reply import WireReply

# Named once: looking up the type of an answer would cost as much as making it.
StatusReply = Reply[CheckRegStatusOut, ReadMeta]
CheckReply = Reply[CheckLimitOut, CheckLimitMeta]
UpdateReply = Reply[UpdateLimitOut, UpdateLimitMeta]

router = Router(tags=["Limits"], by_alias=True)
logger = logging.getLogger("ppims.api")


@router.post(
    "/customer-registration-status",
    response=StatusReply,
    summary="Customer registration status",
)
async def customer_registration_status(
    request: ProcessorRequest, body: Request[CheckRegStatusData]
) -> WireReply:
    """Tell whether a mobile number or document is known, through whichever processor, and what is
    left to spend.
    """
    message = body.Data.Check_Reg_Status
    status = await run_read(
        partial(
            checks.find_registration_status,
            processor=request.auth,
            mobile=message.mobile_number,
            document=message.document,
        )
    )
    return StatusReply(Data=CheckRegStatusOut.from_status(status), Meta=ReadMeta()).write()


@router.post(
    "/check-customer-limit",
    response=CheckReply,
    summary="Check customer limit",
)
async def check_customer_limit(
    request: ProcessorRequest, body: Request[CheckLimitData]
) -> WireReply:
    """Ask before a transaction. Allow_Customer T: go ahead now; the amount is on hold until
    Meta.Decision.Hold_Until.
    """
    message = body.Data.Check_Limit
    call = Call(request.auth, Operation.CHECK_LIMIT, message.ref_id, message.make_content())
    check, is_replay = await run_in_group(checks.make_request(call, message.ask()), carry_out)
    meta = CheckLimitMeta(Decision=DecisionOut.from_check(check), Replayed=is_replay)
    return CheckReply(Data=CheckLimitOut.from_check(check), Meta=meta).write()


@router.post(
    "/update-customer-limit",
    response=UpdateReply,
    summary="Update customer limit",
)
async def update_customer_limit(
    request: ProcessorRequest, body: Request[UpdateLimitData]
) -> WireReply:
    """Report after a transaction: S it happened, F it failed, R it was reversed. Send the check's
    Ref_Id along.
    """
    message = body.Data.Update_Limit
    call = Call(request.auth, Operation.UPDATE_LIMIT, message.ref_id, message.make_content())
    report = message.make_report()
    try:
        entry, is_replay = await run_in_group(updates.make_request(call, report), carry_out)
    except OtherAmount as refusal:
        await _keep_refused(call, report, refusal.posting)
        raise
    meta = UpdateLimitMeta.from_entry(entry, is_replay=is_replay)
    return UpdateReply(Data=UpdateLimitOut.from_entry(entry), Meta=meta).write()


async def _keep_refused(call: Call, report: Report, posting: Posting) -> None:
    """Keep a refused report for staff, in a write of its own. The answer is the refusal, whether
    or not this succeeds.
    """
    try:
        await run_write(partial(refused_reports.keep, call=call, report=report, posting=posting))
    except Exception as error:  # noqa: BLE001 - the processor is told 409 all the same
        logger.warning("a refused report was not kept: %s", type(error).__name__)
