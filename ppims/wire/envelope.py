"""The wire format: how a request is read, and how a reply is written. 'NA' stops here; None goes
further in. What a request's fields may be is in ppims/wire/request_fields.py.
"""

import json
from collections.abc import Iterator
from typing import Any, ClassVar, Generic, NoReturn, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails

from ppims.core.errors import TooLarge, UnreadableBody
from ppims.wire.reply import WireReply
from ppims.wire.request_fields import (
    ABSENT_TEXTS,
    FREE_TEXT,
    is_absent,
    make_malformed,
    says_nothing,
)

BODY_LIMIT_BYTES = 64 * 1024
ALL_CAPITALS = {"kyc": "KYC", "nri": "NRI"}
OWN_MESSAGES = {"missing": "is required", "string_type": "must be text"}  # by pydantic's types


def spell_wire_name(name: str) -> str:
    """Spell a field as the format does: kyc_updated_on is KYC_Updated_On. A name that is spelt so
    already stays.
    """
    if name != name.lower():
        return name
    if name == "card_exp_date":
        return "Card_Exp_date"  # the format's one exception
    return "_".join(ALL_CAPITALS.get(word, word.capitalize()) for word in name.split("_"))


# --- reading a body -------------------------------------------------------------------------------


def parse_json(raw: bytes) -> Any:
    """Read strict UTF-8 JSON. Raises TooLarge, or UnreadableBody."""
    if len(raw) > BODY_LIMIT_BYTES:
        raise TooLarge
    try:
        text = raw.decode("utf-8")
        body = _read_json(text)
        if "\\u" in text:
            # A lone surrogate fails here: neither database could keep it.
            json.dumps(body, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise UnreadableBody from None
    return body


def parse_body(raw: bytes, word: str) -> dict[str, Any]:
    """Read JSON that has a Data object with the operation's object in it, and return that Data.
    Raises TooLarge, or UnreadableBody.
    """
    body = parse_json(raw)
    data = body.get("Data") if isinstance(body, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get(word), dict):
        raise UnreadableBody
    return {"Data": data}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity, which Python reads and JSON doesn't have


_read_json = json.JSONDecoder(parse_constant=_refuse_constant).decode  # loads() makes one each time


# --- a request ----------------------------------------------------------------------------------


class Message(BaseModel):
    """The fields of one operation. Absent ones are dropped before the others are read, and every
    error is named at once.
    """

    model_config = ConfigDict(alias_generator=spell_wire_name, extra="ignore", frozen=True)

    free_texts: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        fields = cls.model_fields.values()
        cls.free_texts = frozenset(str(f.alias) for f in fields if FREE_TEXT in f.metadata)

    @model_validator(mode="wrap")
    @classmethod
    def _name_all_errors(cls, sent: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(sent, dict):
            return handler(sent)
        present = {name: value for name, value in sent.items() if not is_absent(value)}
        for name in cls.free_texts.intersection(present):
            if says_nothing(present[name]):
                del present[name]
        # These come first, for they may drop what counts as absent; what pydantic finds is named
        # before them.
        errors = [
            InitErrorDetails(type=make_malformed(message), loc=(spell_wire_name(name),), input=None)
            for name, message in cls.check_across(present)
        ]
        try:
            message = handler(present)
        except ValidationError as error:
            errors = [*_translate_errors(error), *errors]
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return message

    @classmethod
    def check_across(cls, present: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield (our field name, message) for each error that only several fields together show.
        May drop from `present` what counts as absent.
        """
        yield from ()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe what need not be there as absent in any of the ways that count as it."""
        described = handler.resolve_ref_schema(handler(core_schema))
        needed = described.get("required", [])
        for name, field in described["properties"].items():
            if name not in needed:
                described["properties"][name] = _let_be_absent(field)
        return described

    def make_content(self) -> dict[str, str | None]:
        """Write the meaning of each field as text, in the declared order: two requests with the
        same Ref_Id must agree in it. The fields that name the retry itself are left out.
        """
        fields = self.model_dump(exclude={"ref_id", "system_id"})
        return {name: None if value is None else str(value) for name, value in fields.items()}


def _let_be_absent(field: JsonSchemaValue) -> JsonSchemaValue:
    about: dict[str, Any] = {key: field[key] for key in ("title", "description") if key in field}
    own = {key: value for key, value in field.items() if key not in (*about, "default", "anyOf")}
    choices = [each for each in field.get("anyOf", [own]) if each != {"type": "null"}]
    return {**about, "anyOf": [*choices, {"enum": [None, *sorted(ABSENT_TEXTS)]}]}


def _translate_errors(error: ValidationError) -> Iterator[InitErrorDetails]:
    """Turn pydantic's own errors into ours, so that no message repeats an input."""
    first_of_field: dict[tuple[int | str, ...], ErrorDetails] = {}
    for line in error.errors(include_url=False, include_input=False):
        first_of_field.setdefault(line["loc"], line)
    for loc, line in first_of_field.items():
        message = OWN_MESSAGES.get(line["type"], line["msg"])
        yield InitErrorDetails(type=make_malformed(message), loc=loc, input=None)


DataT = TypeVar("DataT")
AnswerT = TypeVar("AnswerT", bound="Answer")
MetaT = TypeVar("MetaT")


class Credentials(BaseModel):
    """Who asks: of each request's Data."""

    Username: str = Field(description="Your name, from the hand-over sheet.", examples=["PPIM_ENT"])
    Password: str = Field(
        description="Your password, from the hand-over sheet.",
        examples=["ENT123"],
        json_schema_extra={"format": "password"},
    )


class Request(BaseModel, Generic[DataT]):
    """The envelope of a request."""

    Data: DataT = Field(description="Who asks, and the operation's fields.")
    Risk: Any = Field(default_factory=dict, description="Not read. It may be missing.")


# --- field types of a reply -----------------------------------------------------------------------


class Answer(BaseModel):
    """The documented fields of one operation's reply, spelt as the format does."""

    model_config = ConfigDict(
        alias_generator=spell_wire_name,
        validate_by_name=True,
        validate_by_alias=False,
        serialize_by_alias=True,
    )

    resp_code: str = Field(description="What became of the request. 000: it is done.")


class Meta(BaseModel):
    """What we add to the format. A part that says nothing is left out."""

    Replayed: bool = Field(
        default=False,
        exclude_if=lambda replayed: not replayed,
        description="true: the Ref_Id was answered before, and this is that answer. Else left out.",
    )


class ReadMeta(BaseModel):
    """What we add to the answer to a read: nothing."""


class Reply(BaseModel, Generic[AnswerT, MetaT]):
    """The envelope of a reply: always all four."""

    Data: AnswerT = Field(description="The operation's documented fields, and no others.")
    Risk: dict[str, Any] = Field(default_factory=dict, description="Always empty.")
    Links: dict[str, Any] = Field(default_factory=dict, description="Always empty.")
    Meta: MetaT = Field(description="What we add to the format.")

    def write(self) -> WireReply:
        """Write the reply as it is sent."""
        # ninja would make Python's dicts of it first; model_dump_json() a text, and of that bytes.
        written = self.__pydantic_serializer__.to_json(self)
        return WireReply(written, resp_code=self.Data.resp_code)
