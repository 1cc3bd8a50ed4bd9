"""What free text may hold, on either database and from whomever."""

import random
from importlib import import_module

import pytest
from django.core.exceptions import ValidationError
from django.forms import BaseForm, ChoiceField, Textarea
from stdnum import luhn, verhoeff

from ppims.core import free_text
from ppims.core.errors import Malformed

JOINERS = "\u200c\u200d"
BIDI_CONTROLS = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *BIDI_CONTROLS])
def test_a_control_is_found_wherever_it_stands(code):
    assert all(free_text.has_controls(text.replace("_", chr(code))) for text in ("_a", "a_b", "b_"))


@pytest.mark.parametrize(
    "text", ["Meera", "मीरा", f"क्{JOINERS}षमा", "a\u00adb", "\u200e\u200f", "😀"]
)
def test_what_is_written_with_joiners_is_no_control(text):
    assert not free_text.has_controls(text)


@pytest.mark.parametrize(("text", "trimmed"), [(f" {JOINERS} ", ""), ("\u00ad", ""), (" é ", "é")])
def test_what_nobody_sees_is_nothing(text, trimmed):
    assert free_text.trim(text) == trimmed


# Whole numbers of documents and cards.

AADHAAR, CARD, UNIQUE_ID, MOBILE = (
    "234567890124",
    "4111111111111111",
    "482915307264158",
    "9812345670",
)


def is_refused(text):
    try:
        free_text.require_text(text, "reason", most=500)
    except Malformed as refusal:
        return refusal.errors == [("reason", free_text.NO_NUMBERS)]
    return False


REFUSED_TEXTS = [
    *(AADHAAR, "2345 6789 0124", "2345-6789-0124", "2345 - 6789\n0124", "2345\u20116789\u00a00124"),
    *("२३४५ ६७८९ ०१२४", f"Aadhaar:{AADHAAR}, asked", "2345\u200d6789\u00ad0124"),
    *(CARD, "4111 1111 1111 1111", "4111-1111-1111-1111", f"({CARD})"),
    f"{MOBILE} {AADHAAR}",  # side by side they are two numbers
    f"{UNIQUE_ID} {CARD}",
    "12 2345 6789 0124",
]
ALLOWED_TEXTS = [
    *(
        UNIQUE_ID,
        MOBILE,
        f"91{MOBILE}",
        f"+91 {MOBILE}",
        "+91 98123 45670",
        f"{UNIQUE_ID} {MOBILE}",
    ),
    *("Aadhaar ending 0124", "••••1111", "2345 6789", "₹12,34,567.00 on 12-11-2026, 10:15"),
    *("234567890125", "4111111111111112", f"{AADHAAR[:6]} and {AADHAAR[6:]}"),
    *(f"{MOBILE} {MOBILE}", f"{MOBILE} 2", f"{UNIQUE_ID} 1"),
]


@pytest.mark.parametrize("text", REFUSED_TEXTS, ids=ascii)
def test_a_whole_document_or_card_number_is_refused(text):
    assert is_refused(text)
    with pytest.raises(ValidationError, match="write its last four digits"):
        free_text.validate(text)


@pytest.mark.parametrize("text", ALLOWED_TEXTS, ids=ascii)
def test_other_numbers_are_what_staff_may_write(text):
    assert not is_refused(text)


@pytest.mark.parametrize("digits", range(9, 22))
def test_of_each_length_the_check_digit_decides(digits):
    """Twelve digits by Verhoeff, 13, 14 and 16 to 19 by Luhn; no other length is refused."""
    draw = random.Random(digits)
    for _ in range(200):
        number = "2" + "".join(draw.choices("0123456789", k=digits - 1))
        by_luhn = digits in {13, 14, 16, 17, 18, 19} and luhn.is_valid(number)
        assert is_refused(number) == (by_luhn or (digits == 12 and verhoeff.is_valid(number)))
    mobiles = (f"91{first}{draw.randrange(10**9):09d}" for first in "6789" for _ in range(50))
    assert not any(map(is_refused, mobiles))


def list_forms():
    for name in ("customers.forms", "limits.forms", "ppims.backoffice.urls", "ppims.admin"):
        import_module(name)
    waiting = [*BaseForm.__subclasses__()]
    for form in waiting:  # it grows
        waiting += form.__subclasses__()
    return [
        form for form in waiting if form.__module__.startswith(("customers", "limits", "ppims"))
    ]


WORDS = {"reason", "note", "text", "source", "comment", "finding", "remark"}


def test_every_form_that_takes_ones_own_words_looks_at_them():
    """A new form with a text area, or a field of such a name, is found here."""
    own = {
        f"{form.__module__}.{form.__name__}.{name}": field
        for form in list_forms()
        for name, field in form.base_fields.items()
        if (name in WORDS and not isinstance(field, ChoiceField))
        or (isinstance(field.widget, Textarea) and name != "networks")  # addresses alone
    }
    assert len(own) >= 6
    without = {name for name, field in own.items() if free_text.validate not in field.validators}
    assert without == set()
