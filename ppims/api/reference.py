"""What the API's own page shows of its description: each operation, its fields in words, its
examples. All of it is read from openapi.json, so that the two never differ.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from ppims.api.example_words import WHEN_CALLED
from ppims.api.examples import Example, list_examples
from ppims.api.root import OPERATIONS, api
from ppims.wire.field_words import CODES_KEY, FORM_KEY

FORMS_BY_TYPE = {"array": "a list", "boolean": "true or false", "string": "text"}


@dataclass(frozen=True)
class Field:
    """A field, by its path in the message: Data.Check_Limit.Amount."""

    path: str
    is_required: bool
    form: str
    meaning: str
    codes: list[dict[str, str]]

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def holder(self) -> str:
        """The path of what the field is in."""
        return self.path.rpartition(".")[0]


@dataclass(frozen=True)
class Described:
    """An operation. `word` is the name of its object in a request."""

    name: str
    title: str
    about: str
    word: str
    request: list[Field]
    reply: list[Field]

    @property
    def when(self) -> object:
        return WHEN_CALLED[self.name]

    @property
    def examples(self) -> list[Example]:
        return list_examples(self.name)


@cache
def list_operations() -> list[Described]:
    """List the operations in the order in which they are called."""
    schema = api.get_openapi_schema(path_prefix="")
    schemas = json.loads(json.dumps(schema["components"]["schemas"]))
    return [
        _describe(name, schema["paths"][f"/{name}"]["post"], Reader(schemas))
        for name in WHEN_CALLED
    ]


def find_operation(name: str) -> Described:
    """Find an operation by its name. Raises LookupError."""
    return {each.name: each for each in list_operations()}[name]


def _describe(name: str, described: dict[str, Any], reader: "Reader") -> Described:
    content = "application/json"
    sent = described["requestBody"]["content"][content]["schema"]
    answered = described["responses"][200]["content"][content]["schema"]
    done = answered.get("anyOf", [answered])[0]
    refused = reader.follow({"$ref": "#/components/schemas/Refused"})
    errors = refused["properties"]["Meta"]
    return Described(
        name=name,
        title=described["summary"],
        about=described["description"],
        word=OPERATIONS[name][0],
        request=sorted(reader.list_fields(sent), key=lambda field: not field.is_required),
        reply=_group_fields([*reader.list_fields(done), *reader.list_fields(errors, "Meta.")]),
    )


def _group_fields(fields: list[Field]) -> list[Field]:
    """Put fields of one object one below the other."""
    holders = [field.holder for field in fields]
    return sorted(fields, key=lambda field: holders.index(field.holder))


class Reader:
    """Reads fields from the schemas of a description."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas

    def follow(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Find the schema that is meant: the one referred to, or of two the one that isn't null."""
        if "anyOf" in schema:
            schema = next(each for each in schema["anyOf"] if each.get("type") != "null")
        if "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        return schema

    def list_fields(self, schema: dict[str, Any], path: str = "") -> Iterator[Field]:
        """List the fields of an object, and of the objects in it. What is always empty has none."""
        meant = self.follow(schema)
        for name, field in meant.get("properties", {}).items():
            inner = self.follow(field)
            if inner.get("type") == "object":
                yield from self.list_fields(inner, f"{path}{name}.")
                continue
            if inner.get("type"):
                yield _make_field(f"{path}{name}", meant, field, inner)
            if "items" in inner:
                yield from self.list_fields(inner["items"], f"{path}{name}[].")


def _make_field(
    path: str, holder: dict[str, Any], field: dict[str, Any], inner: dict[str, Any]
) -> Field:
    return Field(
        path=path,
        is_required=path.rpartition(".")[2] in holder.get("required", ()),
        form=inner.get(FORM_KEY) or FORMS_BY_TYPE[inner["type"]],
        meaning=field.get("description", ""),
        codes=field.get(CODES_KEY) or inner.get(CODES_KEY, []),
    )
