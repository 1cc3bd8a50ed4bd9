"""What a test suite can ask of a demo: POST /demo/…, JSON, by a processor's own credentials. It is
all that the page Demo can do. Anywhere but in a demo on SQLite there is no such address.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from ppims.backoffice.access import hide_outside_stand_in
from ppims.core.calendar import IST
from ppims.core.coroutines import run_to_end
from ppims.core.errors import (
    Malformed,
    NotAuthenticated,
    Refusal,
    TooLarge,
    UnknownOperation,
    UnreadableBody,
    WrongMethod,
)
from ppims.demo import next_answers, people, reset, traffic_place, turned_clock
from ppims.demo.next_answers import (
    DEFAULT_SECONDS,
    MOST_SECONDS,
    MOST_TIMES,
    Answer,
    NextAnswer,
    is_carried_out,
)
from ppims.demo.traffic_place import DEFAULT_DURATION, DEFAULT_RATE, MOST_RATE
from ppims.demo.turned_clock import End
from ppims.models import Processor
from ppims.services import credentials
from ppims.wire.envelope import parse_json, spell_wire_name
from ppims.wire.reply_fields import write_instant

TIME_FORMAT, TIME_MESSAGE = "%d-%m-%Y %H:%M:%S", "must be an end, or DD-MM-YYYY HH:MM:SS"
UNTIL_CLEARED_WORD = "until-cleared"
OperationName = Literal[
    "add-customer",
    "update-customer",
    "customer-registration-status",
    "check-customer-kyc",
    "check-customer-limit",
    "update-customer-limit",
]
Said = dict[str, Any]
AskedT = TypeVar("AskedT", bound=BaseModel)


# What each control is asked, spelt as the API's fields are.


def read_end_or_time(said: object) -> End | datetime:
    """Read what the clock is turned to. Raises ValueError."""
    if said in End.values:
        return End(said)
    try:
        return datetime.strptime(str(said), TIME_FORMAT).replace(tzinfo=IST)
    except ValueError:
        raise ValueError(TIME_MESSAGE) from None


def read_duration(said: object) -> int:
    """Read for how many seconds traffic is to run. Raises ValueError."""
    return traffic_place.read_seconds(str(said))


class ClockAsked(BaseModel):
    """Turn the clock to just before an end, or to a time."""

    To: Annotated[Any, BeforeValidator(read_end_or_time)]
    Ref_Id: str = Field("", max_length=32)
    Seconds_Before: int = Field(10, ge=0, le=3_600)


class NextAsked(BaseModel):
    """Let something become of the next answers."""

    Operation: OperationName
    Answer: Literal["503", "999", "lost", "slow"]
    Effect: Literal["done", "not-done"] | None = None
    Seconds: int = Field(DEFAULT_SECONDS, ge=0, le=MOST_SECONDS)
    Times: Annotated[int, Field(ge=1, le=MOST_TIMES)] | Literal["until-cleared"] = 1


class ClearAsked(BaseModel):
    """Let the answers be as they are: of one operation, or of all."""

    Operation: OperationName | None = None


class TrafficAsked(BaseModel):
    """Let made-up traffic run, or stop it."""

    Rate: int = Field(DEFAULT_RATE, ge=1, le=MOST_RATE)
    For: Annotated[Any, BeforeValidator(read_duration)] = Field(
        DEFAULT_DURATION, validate_default=True
    )
    Stop: bool = False


class NothingAsked(BaseModel):
    """Nothing but the credentials."""


# What each control does: for whom, and what was asked.


def turn_clock(processor: Processor, said: Said) -> Said:
    asked = _read(ClockAsked, said)
    if isinstance(asked.To, End):
        end = turned_clock.find_end(asked.To, processors=(processor,), ref_id=asked.Ref_Id)
        turned_clock.turn_before(end, asked.Seconds_Before, processor=processor)
    else:
        turned_clock.turn(asked.To, processor=processor)
    return _write_clock()


def set_next_answer(processor: Processor, said: Said) -> Said:
    asked = _read(NextAsked, said)
    answer = Answer(asked.Answer)
    if answer == Answer.LOST and asked.Effect is None:
        raise Malformed([("effect", "is required where the answer is lost")])
    is_done = is_carried_out(answer, asked=asked.Effect == "done")
    times = None if asked.Times == UNTIL_CLEARED_WORD else int(asked.Times)
    next_answer = NextAnswer(asked.Operation, answer, is_done, asked.Seconds, times)
    next_answers.set_next(processor, next_answer)
    return _write_next_answers(processor)


def clear_next_answers(processor: Processor, said: Said) -> Said:
    next_answers.clear(processor, _read(ClearAsked, said).Operation or "")
    return _write_next_answers(processor)


def make_people(processor: Processor, said: Said) -> Said:
    _read(NothingAsked, said)
    made = people.make_people(processor=processor)
    return {"People": [person.write_fields() for person in made]}


def run_traffic(processor: Processor, said: Said) -> Said:
    asked = _read(TrafficAsked, said)
    if asked.Stop:
        traffic_place.stop(processor=processor)
    else:
        traffic_place.start_in_background(rate=asked.Rate, seconds=asked.For, processor=processor)
    return _write_traffic()


def put_back(processor: Processor, said: Said) -> Said:
    _read(NothingAsked, said)
    reset.put_back_to_start(processor=processor)
    return _write_clock()


def tell_state(processor: Processor, said: Said) -> Said:
    _read(NothingAsked, said)
    return _write_clock() | _write_next_answers(processor) | _write_traffic()


CONTROL_BY_NAME: dict[str, Callable[[Processor, Said], Said]] = {
    "clock": turn_clock,
    "faults": set_next_answer,
    "faults/clear": clear_next_answers,
    "people": make_people,
    "traffic": run_traffic,
    "reset": put_back,
    "state": tell_state,
}


@csrf_exempt  # no session counts here
@hide_outside_stand_in
def answer_control(request: HttpRequest, name: str) -> JsonResponse:
    """Do what a test suite asks of the demo, once it is known who asks, and answer when it is done
    for every worker.
    """
    try:
        if name not in CONTROL_BY_NAME:
            raise UnknownOperation
        if request.method != "POST":
            raise WrongMethod
        said = _read_body(request)
        return JsonResponse(CONTROL_BY_NAME[name](_authenticate(request, said), said))
    except Refusal as refusal:
        return _refuse(refusal)


def _read_body(request: HttpRequest) -> Said:
    try:
        said = parse_json(request.body)
    except RequestDataTooBig:
        raise TooLarge from None
    if not isinstance(said, dict):
        raise UnreadableBody([("", "must be a JSON object")])
    return said


def _authenticate(request: HttpRequest, said: Said) -> Processor:
    username, password = said.get("Username"), said.get("Password")
    if not isinstance(username, str) or not isinstance(password, str):
        raise NotAuthenticated
    source = credentials.find_source_address(request)
    return run_to_end(credentials.authenticate(username, password, source))


def _read(model: type[AskedT], said: Said) -> AskedT:
    try:
        return model.model_validate(said)
    except ValidationError as error:
        raise Malformed(_list_errors(error)) from None


def _list_errors(error: ValidationError) -> Iterator[tuple[str, str]]:
    """List the field and the message of each that is wrong, once; none repeats what was sent."""
    messages: dict[str, str] = {}
    for line in error.errors(include_url=False, include_input=False):
        text = line["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        messages.setdefault(str(line["loc"][0]), text)
    yield from messages.items()


def _refuse(refusal: Refusal) -> JsonResponse:
    lines = [
        {"Field": name if name[:1].isupper() else spell_wire_name(name), "Message": message}
        for name, message in refusal.errors or [("", refusal.message)]
    ]
    response = JsonResponse({"Errors": lines}, status=refusal.http)
    if refusal.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(refusal.retry_after_seconds)
    if isinstance(refusal, WrongMethod):
        response.headers["Allow"] = refusal.allowed
    return response


def _write_clock() -> Said:
    reading = turned_clock.read_clock()
    ahead = round(reading.ahead.total_seconds())
    return {"Now": write_instant(reading.now), "Ahead_Seconds": ahead}


def _write_next_answers(processor: Processor) -> Said:
    return {
        "Faults": [
            {
                "Operation": each.operation,
                "Answer": each.answer.value,
                "Effect": "done" if each.is_done else "not-done",
                "Seconds": each.seconds,
                "Times": each.times or UNTIL_CLEARED_WORD,
            }
            for each in next_answers.list_next(processor)
        ]
    }


def _write_traffic() -> Said:
    running = traffic_place.find_running()
    if running is None:
        return {"Traffic": None}
    return {"Traffic": {"Rate": running.rate, "Until": write_instant(running.until)}}
