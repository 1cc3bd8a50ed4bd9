"""What a field is, in words: they go with its schema into openapi.json, and from there onto the
API's own page. What a field means is its `Field(description=…)`, where it is declared.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, WithJsonSchema

FORM_KEY = "x-form"  # what its text looks like, in words
CODES_KEY = "x-codes"  # a list, which keeps its order: each code, and what it means


def describe_text(form: str, **schema: Any) -> WithJsonSchema:
    """Describe a field that is written as text of some form, "DD-MM-YYYY"."""
    return WithJsonSchema({"type": "string", FORM_KEY: form, **schema})


def describe_codes(words_by_code: Mapping[str, Any]) -> WithJsonSchema:
    """Describe a field that is one of some codes."""
    listed = _list_codes(words_by_code)
    return WithJsonSchema({"type": "string", "enum": [*words_by_code], CODES_KEY: listed})


def make_coded_field(meaning: str, words_by_code: Mapping[str, Any]) -> Any:
    """Make a field of a reply that is one of some codes, or a list of them."""
    return Field(description=meaning, json_schema_extra={CODES_KEY: _list_codes(words_by_code)})


def _list_codes(words_by_code: Mapping[str, Any]) -> list[Any]:
    return [{"code": code, "means": str(words)} for code, words in words_by_code.items()]
