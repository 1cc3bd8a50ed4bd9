"""What free text may hold, on either database and from whomever."""

import pytest

from ppims import free_text

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
