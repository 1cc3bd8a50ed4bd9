"""The API: one NinjaAPI of two routers, for its routes and their description; who may ask it; what
answers; and what becomes of every refusal.
"""

import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, get_type_hints

from django.conf import settings
from django.http import HttpRequest
from ninja import Router
from pydantic import ValidationError
from pydantic_core import to_json

from customers.api import router as customers_router
from customers.schemas import AddCustomerOut, CheckKycOut, UpdateCustomerOut
from limits.api import router as limits_router
from limits.schemas import CheckLimitOut, CheckRegStatusOut, UpdateLimitOut
from ppims.api.openapi import DocumentedApi
from ppims.core.errors import (
    Fault,
    Forbidden,
    Malformed,
    NotAuthenticated,
    Refusal,
    TooManyAttempts,
    Unavailable,
    WrongMethod,
)
from ppims.db import outages
from ppims.demo import next_answers
from ppims.demo.next_answers import Answer, NextAnswer
from ppims.models import Processor
from ppims.services import accounts, credentials
from ppims.services.call_buffer import buffer
from ppims.services.rates import find_rates
from ppims.wire import envelope
from ppims.wire.refusal import make_refusal_body
from ppims.wire.reply import WireReply
from ppims.wire.request_fields import is_absent

OPERATIONS: Mapping[str, tuple[str, type[envelope.Answer]]] = {
    "add-customer": ("Add_Customer", AddCustomerOut),
    "update-customer": ("Update_Customer", UpdateCustomerOut),
    "customer-registration-status": ("Check_Reg_Status", CheckRegStatusOut),
    "check-customer-kyc": ("Check_KYC", CheckKycOut),
    "check-customer-limit": ("Check_Limit", CheckLimitOut),
    "update-customer-limit": ("Update_Limit", UpdateLimitOut),
}
NOT_WHILE_WINDING_DOWN = {"add-customer", "check-customer-limit"}
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")

logger = logging.getLogger("ppims.api")


class WireRequest(HttpRequest):
    """A request of the API, by whichever server it came. Its id is the sender's, or a new one."""

    wire_body: dict[str, Any]
    auth: Processor
    refusal: Refusal | None = None  # why it was not carried out

    def __init__(
        self, method: str, path: str, meta: dict[str, Any], read_body: Callable[[], bytes]
    ) -> None:
        """Take a request as it came. `read_body` may raise a Refusal."""
        # Not Django's own: it makes ready for cookies, forms and files, and costs as much as a
        # read of the database.
        self.method, self.path, self.path_info, self.META = method, path, path, meta
        self.read_body = read_body
        sent_id = str(meta.get("HTTP_X_FAPI_UUID", ""))
        self.id = sent_id if REQUEST_ID.fullmatch(sent_id) else str(uuid.uuid4())
        self.operation = self.processor = ""
        self.processor_id = 0  # nobody's, until it is known who calls
        self.caller: dict[str, str] = {}  # for the log of who isn't let in: whose the username is
        self.next_answer: NextAnswer | None = None

    @property
    def fault(self) -> str:
        """What a demo has made of the answer; "": nothing."""
        return str(self.next_answer or "")


async def _authenticate(request: WireRequest) -> Processor:
    """Find who is calling, and refuse what it may not ask. Runs before the fields are read."""
    data = request.wire_body["Data"]
    username, password = data.get("Username"), data.get("Password")
    if not isinstance(username, str) or not isinstance(password, str):
        raise NotAuthenticated
    find_address = partial(credentials.find_source_address, request)
    processor = await credentials.recognize(username, password, find_address)
    if processor is None:  # not known from before: a hash of the password, in turn with others
        try:
            processor = await credentials.authenticate(username, password, find_address())
        except (NotAuthenticated, TooManyAttempts):
            request.caller = await _describe_caller(username)
            raise
    request.processor, request.processor_id = processor.system_id, processor.pk
    if processor.requests_per_second and not _is_posting(request):
        find_rates().take(processor.pk, processor.requests_per_second)
    system_id = data[OPERATIONS[request.operation][0]].get("System_Id")
    if not is_absent(system_id) and system_id != processor.system_id:
        raise Forbidden([("system_id", "is not yours")])
    if (
        processor.state == Processor.State.WINDING_DOWN
        and request.operation in NOT_WHILE_WINDING_DOWN
    ):
        raise Forbidden([("", "is not open to a processor that is winding down")])
    return processor


def _is_posting(request: WireRequest) -> bool:
    """Return whether it is the report of a transaction that has happened: none is ever put off."""
    is_report = request.operation == "update-customer-limit"
    return is_report and request.wire_body["Data"]["Update_Limit"].get("Tran_Status") == "S"


async def _describe_caller(username: str) -> dict[str, str]:
    """Describe for the log whose username it is that isn't let in; of nobody's a keyed digest."""
    system_id = await credentials.find_system_id(username)
    # Made in any case: the time of the answer doesn't tell whether somebody has the username.
    digest = accounts.digest_username(username)
    return {"system_id": system_id} if system_id else {"username_digest": digest}


api = DocumentedApi(
    title="PPIMS",
    version="1",
    description="Six operations that payment processors call. docs/api.md explains them.",
    openapi_url=None,  # it and the documentation are pages of ours: ppims/api/pages.py
)
api.add_router("", customers_router)
api.add_router("", limits_router)


class BoundView(NamedTuple):
    """What reads an operation's request, and what answers it."""

    read: Callable[[dict[str, Any]], Any]
    view: Callable[[HttpRequest, Any], Awaitable[WireReply]]


def _bind_views(*routers: Router) -> dict[str, BoundView]:
    """Find, for each route, what ninja would find anew for each request."""
    bound = {}
    for router in routers:
        for path, routed in router.path_operations.items():
            view = routed.operations[0].view_func
            body = get_type_hints(view)["body"]
            bound[path.strip("/")] = BoundView(body.__pydantic_validator__.validate_python, view)
    return bound


BOUND_VIEWS = _bind_views(customers_router, limits_router)


async def answer_operation(request: WireRequest) -> WireReply:
    """Find who calls, read the fields, and have the operation's view answer. Raises what they
    raise: a Refusal, or an error of the database.
    """
    operation = BOUND_VIEWS[request.operation]
    request.auth = await _authenticate(request)
    if settings.PPIMS_STAND_IN:
        request.next_answer = next_answers.take_next(request.auth, request.operation)
        if request.next_answer and not request.next_answer.is_done:
            raise request.next_answer.make_refusal()
    try:
        body = operation.read(request.wire_body)
    except ValidationError as error:
        raise _name_fields(error) from None
    return await operation.view(request, body)


def change_answer(request: WireRequest, reply: WireReply) -> WireReply:
    """Make of the answer what was set for it in a demo. The operation is done, or was not begun."""
    asked = request.next_answer
    assert asked
    if asked.is_done and asked.answer in {Answer.BUSY, Answer.FAULT}:
        reply = answer_error(request, asked.make_refusal())
    if asked.answer in {Answer.LOST, Answer.SLOW}:
        reply.delay_seconds = asked.seconds
    reply.is_lost = asked.answer == Answer.LOST
    return reply


def _name_fields(error: ValidationError) -> Malformed:
    # A loc ends with "Data", "Check_Limit", "Amount".
    lines = error.errors(include_url=False, include_input=False)
    return Malformed((str(line["loc"][-1]), line["msg"]) for line in lines)


def answer_error(request: WireRequest, error: Exception) -> WireReply:
    """Answer for whatever was raised on the way to an answer, and log it if it is no refusal."""
    if isinstance(error, Refusal):
        # Of an Unavailable with a cause that is the database; without one it is our own queue.
        if isinstance(error, Unavailable) and error.__cause__ is not None:
            outages.report_outage(error.__cause__, request_id=request.id)
        return _refuse(request, error)
    if outages.is_outage(error):
        outages.report_outage(error, request_id=request.id)
        return _refuse(request, Unavailable())
    # Without a word of it.
    logger.error("fault", exc_info=error, extra={"request_id": request.id})
    return _refuse(request, Fault())


def list_named_fields(refusal: Refusal) -> str:
    """List the fields that a refusal names, as the wire spells them, with commas between."""
    named = (envelope.spell_wire_name(name) for name, _ in refusal.errors if name)
    return ",".join(dict.fromkeys(named))


def _refuse(request: WireRequest, refusal: Refusal) -> WireReply:
    """Write a refusal in the envelope: every documented field "NA", Allow_Customer "F"."""
    word, answer = OPERATIONS.get(request.operation, ("", envelope.Answer))
    request.refusal = refusal
    # What nobody was recognized for is no processor's refused call. Elsewhere than in production
    # every call is kept, once it is answered.
    if request.processor_id and not settings.PPIMS_KEEPS_BODIES:
        buffer.note(
            processor_id=request.processor_id,
            operation=request.operation,
            request_id=request.id,
            ref_id=request.wire_body["Data"][word].get("Ref_Id"),
            code=refusal.code,
            fields=list_named_fields(refusal),
        )
    names = map(envelope.spell_wire_name, answer.model_fields)
    blank = {name: "F" if name == "Allow_Customer" else "NA" for name in names}
    body = to_json(make_refusal_body(refusal, word, blank))
    reply = WireReply(body, resp_code=refusal.code, status_code=refusal.http)
    if refusal.retry_after_seconds is not None:
        reply.headers["Retry-After"] = str(refusal.retry_after_seconds)
    if isinstance(refusal, WrongMethod):
        reply.headers["Allow"] = refusal.allowed
    return reply
