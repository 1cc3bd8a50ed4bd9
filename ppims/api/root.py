"""The API: one NinjaAPI of two routers, who may ask it, and what becomes of every refusal."""

import logging
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, cast

from csp.constants import SELF
from csp.decorators import csp_update
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from ninja.errors import ValidationError
from ninja.parser import Parser

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
    Unavailable,
    WrongMethod,
)
from ppims.db import outages
from ppims.models import Processor
from ppims.services import credentials
from ppims.services.call_buffer import buffer
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


async def authenticate(request: HttpRequest) -> Processor:
    """Find who is calling, and refuse what it may not ask. Runs before the fields are read."""
    wired = cast("WireRequest", request)
    data = wired.wire_body["Data"]
    username, password = data.get("Username"), data.get("Password")
    if not isinstance(username, str) or not isinstance(password, str):
        raise NotAuthenticated
    processor = await credentials.recognize(username, password)
    if processor is None:  # not known from before: a hash of the password, in turn with others
        source = credentials.find_source_address(request)
        processor = await credentials.authenticate(username, password, source)
    wired.processor, wired.processor_id = processor.system_id, processor.pk
    system_id = data[OPERATIONS[wired.operation][0]].get("System_Id")
    if not is_absent(system_id) and system_id != processor.system_id:
        raise Forbidden([("system_id", "is not yours")])
    if (
        processor.state == Processor.State.WINDING_DOWN
        and wired.operation in NOT_WHILE_WINDING_DOWN
    ):
        raise Forbidden([("", "is not open to a processor that is winding down")])
    return processor


class ParsedOnce(Parser):
    """Hands ninja the body that `dispatch` has read."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        return cast("WireRequest", request).wire_body


api = DocumentedApi(
    title="PPIMS",
    version="1",
    description="Six operations that payment processors call. docs/api.md explains them.",
    auth=authenticate,
    parser=ParsedOnce(),
    # Swagger draws its icons from data: addresses; this page alone may.
    docs_decorator=csp_update({"img-src": [SELF, "data:"]}),
)
api.add_router("", customers_router)
api.add_router("", limits_router)


@api.exception_handler(Refusal)
def refuse(request: HttpRequest, refusal: Refusal) -> WireReply:
    """Write a refusal in the envelope: every documented field "NA", Allow_Customer "F"."""
    wired = cast("WireRequest", request)
    word, answer = OPERATIONS.get(wired.operation, ("", envelope.Answer))
    if wired.processor_id:  # what nobody was recognized for is no processor's refused call
        buffer.note(
            processor_id=wired.processor_id,
            operation=wired.operation,
            ref_id=wired.wire_body["Data"][word].get("Ref_Id"),
            code=refusal.code,
            fields=(envelope.spell_wire_name(name) for name, _ in refusal.errors if name),
        )
    names = map(envelope.spell_wire_name, answer.model_fields)
    blank = {name: "F" if name == "Allow_Customer" else "NA" for name in names}
    body = make_refusal_body(refusal, word, blank)
    reply: WireReply = api.create_response(request, body, status=refusal.http)
    reply.resp_code = refusal.code
    if refusal.retry_after_seconds is not None:
        reply.headers["Retry-After"] = str(refusal.retry_after_seconds)
    if isinstance(refusal, WrongMethod):
        reply.headers["Allow"] = refusal.allowed
    return reply


@api.exception_handler(ValidationError)
def _name_fields(request: HttpRequest, error: ValidationError) -> WireReply:
    # A loc ends with "Data", "Check_Limit", "Amount".
    return refuse(request, Malformed((str(line["loc"][-1]), line["msg"]) for line in error.errors))


@api.exception_handler(Unavailable)
def _answer_unavailable(request: HttpRequest, refusal: Unavailable) -> WireReply:
    if refusal.__cause__ is not None:  # the database; without one it is our own queue
        _report_outage(request, refusal.__cause__)
    return refuse(request, refusal)


@api.exception_handler(DatabaseError)
@api.exception_handler(InterfaceError)
def _answer_database_failure(request: HttpRequest, error: Exception) -> WireReply:
    if not outages.is_outage(error):
        return answer_fault(request, error)
    _report_outage(request, error)
    return refuse(request, Unavailable())


def _report_outage(request: HttpRequest, error: BaseException) -> None:
    outages.report_outage(error, request_id=cast("WireRequest", request).id)


@api.exception_handler(Exception)
def answer_fault(request: HttpRequest, error: Exception) -> WireReply:
    """Log what went wrong with us, and answer for it without a word of it."""
    logger.error("fault", exc_info=error, extra={"request_id": cast("WireRequest", request).id})
    return refuse(request, Fault())
