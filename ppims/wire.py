"""The wire format: envelope, field types, and the refusals' shape. 'NA' stops here; None goes
further in.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, NoReturn, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from ppims import clock, money
from ppims.errors import Refusal, TooLarge, UnreadableBody
from ppims.replies import WireReply

BODY_LIMIT_BYTES = 64 * 1024
ABSENT = {"", "NA", "N/A"}
ALL_CAPITALS = {"kyc": "KYC", "nri": "NRI"}
EARLIEST_YEAR = 1900
TEXT_CHARACTERS, EMAIL_CHARACTERS = 100, 254


def wire_name(name: str) -> str:
    """Spell a field as the format does: kyc_updated_on is KYC_Updated_On. What is spelt so already
    stays.
    """
    if name != name.lower():
        return name
    if name == "card_exp_date":  # so spelt
        return "Card_Exp_date"
    return "_".join(ALL_CAPITALS.get(word, word.capitalize()) for word in name.split("_"))


# --- reading a body -------------------------------------------------------------------------------


def parse_body(raw: bytes, word: str) -> dict[str, Any]:
    """Read strict UTF-8 JSON that has a Data object with the operation's object in it.

    Raises TooLarge, or UnreadableBody.
    """
    if len(raw) > BODY_LIMIT_BYTES:
        raise TooLarge
    try:
        text = raw.decode("utf-8")
        body = _read_json(text)
        if "\\u" in text:
            json.dumps(body, ensure_ascii=False).encode("utf-8")  # a lone surrogate fails
    except (ValueError, RecursionError):
        raise UnreadableBody from None
    data = body.get("Data") if isinstance(body, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get(word), dict):
        raise UnreadableBody
    return {"Data": data}


def is_absent(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.upper() in ABSENT)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


_read_json = json.JSONDecoder(parse_constant=_no_constant).decode  # loads() makes one each time


# --- field types of a request ---------------------------------------------------------------------


def malformed(message: str) -> PydanticCustomError:
    """Make an error whose message is exactly this: it may never repeat what was sent."""
    return PydanticCustomError("malformed", "{message}", {"message": message})


def _matching(pattern: str, message: str) -> Any:
    whole = re.compile(pattern)

    def check(value: object) -> str:
        if not isinstance(value, str) or not whole.fullmatch(value):
            raise malformed(message)
        return value

    return BeforeValidator(check), WithJsonSchema({"type": "string", "pattern": f"^({pattern})$"})


def _read_with(reader: Callable[[str], Any], message: str, example: str) -> Any:
    def read(value: object) -> Any:
        try:
            return reader(value)  # type: ignore[arg-type]  # a wrong type is refused like a wrong text
        except (ValueError, TypeError, AttributeError, OverflowError):
            raise malformed(message) from None

    return BeforeValidator(read), WithJsonSchema({"type": "string", "examples": [example]})


def _date(text: str) -> date:
    if not re.fullmatch(r"[0-9]{2}-[0-9]{2}-[0-9]{4}", text):
        raise ValueError(text)
    day = date(int(text[6:]), int(text[3:5]), int(text[:2]))
    if day.year < EARLIEST_YEAR:
        raise ValueError(text)
    return day


def _instant(text: str) -> datetime:
    if not re.fullmatch(r"[0-9-]{10} [0-9]{2}:[0-9]{2}:[0-9]{2}", text):
        raise ValueError(text)
    day = _date(text[:10])
    local = datetime(
        day.year,
        day.month,
        day.day,
        int(text[11:13]),
        int(text[14:16]),
        int(text[17:]),
        tzinfo=clock.IST,
    )
    return local.astimezone(UTC)


def _mobile(text: str) -> str:
    found = re.fullmatch(r"(?:\+?91|0)?([6-9][0-9]{9})", text)
    if not found:
        raise ValueError(text)
    return "91" + found[1]


def _trimmed(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise malformed("must be text")
    text = value.strip()
    return None if is_absent(text) else text


def _required(text: str | None) -> str:
    if text is None:
        raise malformed("is required")
    return text


def _plain_text(text: str | None) -> str | None:
    if text is None:
        return None
    if len(text) > TEXT_CHARACTERS:
        raise malformed("must have at most 100 characters")
    if any(unicodedata.category(c) in {"Cc", "Zl", "Zp"} for c in text):
        raise malformed("must have no control characters")
    return text


def _email(text: str | None) -> str | None:
    if text is not None and (
        len(text) > EMAIL_CHARACTERS or not re.fullmatch(r"[^@\s]+@[^@\s]+", text)
    ):
        raise malformed("must be an e-mail address of at most 254 characters, with one @")
    return text


Id = Annotated[
    str, *_matching("[A-Za-z0-9_-]{1,32}", "must have 1 to 32 of A-Z, a-z, 0-9, - and _")
]
UniqueId = Annotated[
    int, *_matching("[1-9][0-9]{14}", "must have 15 digits, the first of them 1 to 9")
]
Pincode = Annotated[str, *_matching("[0-9]{1,10}", "must have at most 10 digits")]
CardExpiry = Annotated[str, *_matching("[0-9/-]{1,10}", "must have at most 10 digits, - and /")]
CustomerType = Annotated[str, *_matching("[A-Za-z]{1,2}", "must have one or two letters")]
AmountIn = Annotated[
    int,
    *_read_with(
        money.to_paise,
        "must be text like 2000.00: up to 12 digits, at most 2 decimals, more than 0",
        "2000.00",
    ),
]
BalanceIn = Annotated[
    int,
    *_read_with(
        money.balance_to_paise,
        "must be text like 2000.00: up to 12 digits, at most 2 decimals",
        "12500.00",
    ),
]
DateIn = Annotated[date, *_read_with(_date, "must be a date, DD-MM-YYYY", "14-02-1991")]
InstantIn = Annotated[
    datetime, *_read_with(_instant, "must be a time, DD-MM-YYYY HH:MM:SS", "03-04-2025 10:15:00")
]
MobileIn = Annotated[
    str,
    *_read_with(
        _mobile,
        "must be an Indian mobile number: 10 digits from 6 to 9 on, or 91 before them",
        "919812345670",
    ),
]
Text = Annotated[
    str,
    BeforeValidator(_trimmed),
    AfterValidator(_plain_text),
    WithJsonSchema({"type": "string", "maxLength": 100}),
]
OptionalText = Annotated[str | None, *Text.__metadata__]
OptionalEmail = Annotated[
    str | None,
    BeforeValidator(_trimmed),
    AfterValidator(_email),
    WithJsonSchema({"type": "string", "maxLength": 254}),
]


class Message(BaseModel):
    """The fields of one operation. Absent fields are dropped before they are read; every error is
    named at once.
    """

    model_config = ConfigDict(alias_generator=wire_name, extra="ignore", frozen=True)

    @model_validator(mode="wrap")
    @classmethod
    def _name_all_errors(cls, sent: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(sent, dict):
            return handler(sent)
        present = {name: value for name, value in sent.items() if not is_absent(value)}
        errors = [
            InitErrorDetails(type=malformed(message), loc=(wire_name(name),), input=None)
            for name, message in cls.across(present)
        ]
        try:
            message = handler(present)
        except ValidationError as error:
            errors = [*_line_errors(error), *errors]
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return message

    @classmethod
    def across(cls, present: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield (our field name, message) for what only several fields together show; may drop what
        counts as absent.
        """
        yield from ()

    def content(self) -> dict[str, str | None]:
        """Give each field's meaning as text, in the declared order, but those that key a retry:
        what sameness is of.
        """
        fields = self.model_dump(exclude={"ref_id", "system_id"})
        return {name: None if value is None else str(value) for name, value in fields.items()}


def _line_errors(error: ValidationError) -> Iterator[InitErrorDetails]:
    """Turn pydantic's own errors into ours, so that no message repeats an input."""
    named = set()
    for line in error.errors(include_url=False, include_input=False):
        if line["loc"] in named:
            continue
        named.add(line["loc"])
        message = {"missing": "is required", "string_type": "must be text"}.get(
            line["type"], line["msg"]
        )
        yield InitErrorDetails(type=malformed(message), loc=line["loc"], input=None)


DataT = TypeVar("DataT")
AnswerT = TypeVar("AnswerT", bound="Answer")
MetaT = TypeVar("MetaT")


class Credentials(BaseModel):
    """Who asks: of each request's Data."""

    Username: str = Field(examples=["PPIM_ENT"])
    Password: str = Field(examples=["ENT123"], json_schema_extra={"format": "password"})


class Request(BaseModel, Generic[DataT]):
    """The envelope of a request."""

    Data: DataT
    Risk: Any = Field(default_factory=dict)


# --- field types of a reply -----------------------------------------------------------------------


def write_text(value: object | None) -> str:
    return "NA" if value is None else str(value)


def write_amount(paise: int | None) -> str:
    return "NA" if paise is None else money.to_rupees(paise)


def write_instant(at: datetime | None) -> str:
    if at is None:
        return "NA"
    local = at.astimezone(clock.IST)  # written by hand: strftime() takes three times as long
    return f"{write_date(local)} {local.hour:02}:{local.minute:02}:{local.second:02}"


def write_date(day: date | None) -> str:
    return "NA" if day is None else f"{day.day:02}-{day.month:02}-{day.year:04}"


TextOut = Annotated[str | None, PlainSerializer(write_text, return_type=str)]
IdOut = Annotated[int | None, PlainSerializer(write_text, return_type=str)]
AmountOut = Annotated[int | None, PlainSerializer(write_amount, return_type=str)]
InstantOut = Annotated[datetime | None, PlainSerializer(write_instant, return_type=str)]
DateOut = Annotated[date | None, PlainSerializer(write_date, return_type=str)]


class Answer(BaseModel):
    """The documented fields of one operation's reply, spelt as the format does."""

    model_config = ConfigDict(
        alias_generator=wire_name,
        validate_by_name=True,
        validate_by_alias=False,
        serialize_by_alias=True,
    )

    resp_code: str


class Meta(BaseModel):
    """What we add to the format; a part that says nothing is left out."""

    Replayed: bool = Field(default=False, exclude_if=lambda replayed: not replayed)


def left_out_if_none() -> Any:
    return Field(default=None, exclude_if=lambda value: value is None)


class Reply(BaseModel, Generic[AnswerT, MetaT]):
    """The envelope of a reply: always all four."""

    Data: AnswerT
    Risk: dict[str, Any] = Field(default_factory=dict)
    Links: dict[str, Any] = Field(default_factory=dict)
    Meta: MetaT

    def written(self) -> WireReply:
        """Write it as pydantic's own writer does: ninja would make Python's dicts of it first, and
        model_dump_json() text, and of that bytes.
        """
        written = self.__pydantic_serializer__.to_json(self)
        return WireReply(written, resp_code=self.Data.resp_code)


class FieldError(BaseModel):
    Field: str
    Message: str


class RefusalMeta(BaseModel):
    Errors: list[FieldError]


def refusal_body(refusal: Refusal, word: str, blank: Mapping[str, str]) -> dict[str, Any]:
    """Shape a refusal: every documented field is written, as "NA", and Meta names what is wrong."""
    return {
        "Data": {**blank, "Resp_Code": refusal.code},
        "Risk": {},
        "Links": {},
        "Meta": {"Errors": _errors(refusal, word)}
        if refusal.errors or refusal.http in {400, 413}
        else {},
    }


def _errors(refusal: Refusal, word: str) -> list[dict[str, str]]:
    if isinstance(refusal, TooLarge):
        return [{"Field": "Data", "Message": f"The body is over {BODY_LIMIT_BYTES} bytes."}]
    if isinstance(refusal, UnreadableBody):
        return [
            {"Field": "Data", "Message": f"The body is not JSON with an object Data.{word} in it."}
        ]
    return [
        {"Field": f"Data.{word}.{wire_name(name)}" if name else f"Data.{word}", "Message": message}
        for name, message in refusal.errors
    ]
