"""The bodies of a call as a page shows them: JSON line by line, masked as everywhere, with what was
refused marked; and as a command that sends the request again.

What is not known to be harmless is masked: a card number may stand in any field by mistake.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from ppims.core.formats import HIDDEN_TEXT, mask, mask_email

PASSWORD_VARIABLE, USERNAME_VARIABLE = "$PPIMS_PASSWORD", "$PPIMS_USERNAME"
SHOWN_DIGITS, FEWEST_PRIVATE, FEWEST_OF_NUMBER = 4, 8, 4
MOST_OF_AMOUNT = 9  # digits: a mobile number has ten
NUMBER_FIELDS = {"Card_Number", "Account_Number", "Ovid_Value", "Mobile_Number"}
LAST_FOUR_FIELDS = NUMBER_FIELDS | {"Customer_Id", "Cif_Id"}
PRIVATE_FIELDS = NUMBER_FIELDS | {"Email_Id"}
NAMES_WITH_DIGITS = {"Address_Line1", "Address_Line2"}
ID_PATTERNS = {
    **dict.fromkeys(("Ref_Id", "Tran_Id", "Enquiry_Ref_Id"), re.compile("[A-Za-z0-9_-]{1,32}")),
    **dict.fromkeys(("Unique_Id", "Old_Unique_Id"), re.compile("[0-9]{15}|NA")),
}
PLAIN_FIELDS = {
    *("Amount", "Avail_Bal", "Tran_Type", "Tran_Status", "System_Id", "Name", "City"),
    *("Customer_Name", "State", "Account_Status", "Card_Status", "Card_Exp_date", "KYC_Flag"),
    *("KYC_Updated_Channel", "KYC_Updated_On", "Ovid_Type", "Customer_Type", "Ppi_Type"),
    "NRI_Flag",
}
NAME_OF_FIELD = re.compile("[A-Za-z_]{1,40}")
MONEY_PATTERN = re.compile(r"[-+]?[0-9][0-9,]{0,10}(\.[0-9]{0,6})?")
DAY_PATTERN, TIME_PATTERN = r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}", r"\d{1,2}(:\d{2}){0,2}(\.\d{1,6})?"
INSTANT_PATTERN = re.compile(rf"{DAY_PATTERN}([ T]{TIME_PATTERN}(Z|[+-]\d\d:?\d\d)?)?")
YEAR_PATTERN = re.compile(r"(?:19|20)\d\d")

Mask = Callable[[str, str, str], Any]  # of a field: its name, its value, and that masked


class _Missing:
    """What stands in the place of a field that was asked for and not sent."""


MISSING_FIELD = _Missing()


@dataclass(frozen=True)
class Line:
    """One line of a body. `message` is why it was refused, "" if it wasn't."""

    text: str
    message: str = ""
    is_missing: bool = False

    @property
    def words(self) -> str:
        return self.text.lstrip(" ")

    @property
    def blanks(self) -> str:
        return self.text.removesuffix(self.words)


def list_request_lines(
    data: Mapping[str, Any], operation_word: str, errors: Mapping[str, str]
) -> list[Line]:
    """Lay out a request, with the fields that were refused marked, and those that are missing."""
    masked: dict[str, Any] = mask_body(dict(data), _show)
    masked.setdefault("Username", _("[not kept]"))
    masked["Password"] = HIDDEN_TEXT
    message = masked.get(operation_word)
    for path in errors:
        name = path.removeprefix(f"Data.{operation_word}.")
        if isinstance(message, dict) and name != path:
            message.setdefault(name, MISSING_FIELD)
    return list(_write_lines({"Data": masked}, errors))


def list_answer_lines(answer: Mapping[str, Any], private: Mapping[str, Any]) -> list[Line]:
    """Lay out an answer. `private` is the request that it answers: nothing of it is repeated."""
    return list(_write_lines(mask_body(dict(answer), _show, beside=private, is_ours=True), {}))


def list_errors(answer: Mapping[str, Any]) -> dict[str, str]:
    """List what an answer says is wrong, by the path of the field: "Data.Check_Limit.Amount"."""
    errors: dict[str, str] = {}
    for each in answer.get("Meta", {}).get("Errors", []):
        known = errors.get(each["Field"])
        errors[each["Field"]] = f"{known}; {each['Message']}" if known else each["Message"]
    return errors


def write_curl(address: str, data: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Write a command that sends a request again, and name what is to be put into it. Whatever the
    request says, a shell runs nothing of it.
    """
    to_put_in: list[str] = []

    def name_place(name: str, _value: str, shown: str) -> str:
        to_put_in.append(name)
        last = shown[-SHOWN_DIGITS:] if len(shown) > len(HIDDEN_TEXT) else ""
        return f"<{name} ending in {last}>" if last.isalnum() else f"<{name}>"

    body: dict[str, Any] = mask_body(dict(data), name_place)
    username = body.pop("Username", None)
    body |= {"Username": username or USERNAME_VARIABLE, "Password": PASSWORD_VARIABLE}
    # In ASCII, and without a quotation mark of the shell's: it reads all as one word.
    text = json.dumps({"Data": body, "Risk": {}}, indent=2).replace("'", "\\u0027")
    quoted = f"'{text}'"
    tail, _found, variable = quoted.rpartition(f'"{PASSWORD_VARIABLE}"')
    quoted = f'{tail}"\'"{PASSWORD_VARIABLE}"\'"{variable}'
    if not username:
        head, _found, rest = quoted.rpartition(f'"{USERNAME_VARIABLE}"')
        quoted = f'{head}"\'"{USERNAME_VARIABLE}"\'"{rest}'
    command = f"curl -s {shlex.quote(address)} \\\n  -H 'Content-Type: application/json' \\\n  -d "
    return command + quoted, list(dict.fromkeys(to_put_in))


def mask_body(
    value: Any,
    write: Mask,
    *,
    beside: Mapping[str, Any] | None = None,
    is_ours: bool = False,
) -> Any:
    """Copy a body with what is masked written by `write`. `is_ours`: an answer, whose unknown names
    are our own.
    """
    private = set(_list_private(value)) | set(_list_private(beside or {}))
    return _Masking(write, private, is_ours=is_ours).copy(value, "")


def _list_private(value: Any, name: str = "") -> Iterator[str]:
    """Yield what may stand nowhere else either: numbers of cards, documents and the like."""
    if isinstance(value, dict):
        for each_name, each in value.items():
            yield from _list_private(each, each_name)
    elif isinstance(value, list):
        for each in value:
            yield from _list_private(each, name)
    elif name in PRIVATE_FIELDS and len(str(value)) >= FEWEST_PRIVATE:
        yield str(value)


@dataclass(frozen=True)
class _Masking:
    """One copy under way."""

    write: Mask
    private: set[str]
    is_ours: bool

    def copy(self, value: Any, name: str) -> Any:
        if isinstance(value, dict):
            return {self._show_name(each): self.copy(it, each) for each, it in value.items()}
        if isinstance(value, list):
            return [self.copy(each, name) for each in value]
        if value is None or isinstance(value, bool) or value in {"", "NA"} or name == "Username":
            return value  # who was recognized; of nobody else a username is kept
        text = str(value)
        shown = self._mask(name, text)
        return value if shown is None else self.write(self._show_name(name), text, shown)

    def _show_name(self, name: str) -> str:
        return name if NAME_OF_FIELD.fullmatch(name) or name in NAMES_WITH_DIGITS else HIDDEN_TEXT

    def _mask(self, name: str, text: str) -> str | None:
        """Mask a value of a field; None: it may be shown."""
        if name in LAST_FOUR_FIELDS:
            return mask(text, shown=SHOWN_DIGITS)
        if name == "Email_Id":
            _name, _at, domain = text.partition("@")  # a number may stand there by mistake
            return mask_email(text) if domain and is_harmless(domain) else HIDDEN_TEXT
        if name == "Date_Of_Birth":
            year = YEAR_PATTERN.search(text)
            return f"•• ••• {year[0]}" if year and INSTANT_PATTERN.fullmatch(text) else HIDDEN_TEXT
        if any(each in text for each in self.private):
            return HIDDEN_TEXT
        if name in ID_PATTERNS:
            is_one = ID_PATTERNS[name].fullmatch(text)
            return None if is_one else mask(text, shown=SHOWN_DIGITS)
        if name not in PLAIN_FIELDS:
            return None if self.is_ours else HIDDEN_TEXT
        return None if is_harmless(text) else mask(text, shown=SHOWN_DIGITS)


def is_harmless(text: str) -> bool:
    """Whether a text is an amount, an instant or words, and no number that belongs to somebody."""
    if INSTANT_PATTERN.fullmatch(text):
        return True
    if MONEY_PATTERN.fullmatch(text):
        return sum(map(str.isdecimal, text.partition(".")[0])) <= MOST_OF_AMOUNT
    return "@" not in text and sum(map(str.isdecimal, text)) < FEWEST_OF_NUMBER


def _show(_name: str, _value: str, shown: str) -> str:
    return shown


def _write_lines(
    value: Any, errors: Mapping[str, str], *, path: str = "", lead: str = "", tail: str = ""
) -> Iterator[Line]:
    """Write a value as JSON of two blanks a step, a line each; `lead` is what its first begins
    with.
    """
    blanks = " " * (len(lead) - len(lead.lstrip()))
    message = errors.get(path, "")
    if value is MISSING_FIELD:
        yield Line(f"{lead}–", message, is_missing=True)
    elif not value or not isinstance(value, dict | list):
        yield Line(f"{lead}{json.dumps(value, ensure_ascii=False)}{tail}", message)
    else:
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        yield Line(f"{lead}{opening}", message)
        named = value.items() if isinstance(value, dict) else ((None, each) for each in value)
        for place, (name, each) in enumerate(named, start=1):
            called = "" if name is None else f"{json.dumps(name, ensure_ascii=False)}: "
            yield from _write_lines(
                each,
                errors,
                path=f"{path}.{name}".removeprefix(".") if name else path and f"{path}[]",
                lead=f"{blanks}  {called}",
                tail="," if place < len(value) else "",
            )
        yield Line(f"{blanks}{closing}{tail}")
