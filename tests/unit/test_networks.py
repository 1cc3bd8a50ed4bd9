"""Networks: the one way in which each is kept, and which addresses are inside."""

import pytest
from django.core.exceptions import ValidationError

from ppims.core.networks import (
    LONGEST_TEXT,
    MOST_NETWORKS,
    is_inside,
    require_canonical,
    write_canonical,
)

MANY_NETWORKS = [f"10.0.{number}.0/24" for number in range(MOST_NETWORKS + 1)]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        (" \r\n ", ""),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.7", "10.0.0.7/32"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("2001:DB8:0::/32", "2001:db8::/32"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:a00:7", "10.0.0.7/32"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("2001:db8::/32\r\n192.0.2.0/24\r\n10.0.0.0/8", "10.0.0.0/8 192.0.2.0/24 2001:db8::/32"),
        ("10.0.0.0/8, 10.0.0.0/8 10.0.0.0/9", "10.0.0.0/8 10.0.0.0/9"),
    ],
)
def test_each_is_kept_in_one_way(text, kept):
    assert write_canonical(text) == kept
    assert write_canonical(kept) == kept
    require_canonical(kept)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.0.0.0/33", ["10.0.0.0/33 is no network."]),
        ("10.0.0", ["10.0.0 is no network."]),
        ("010.0.0.1", ["010.0.0.1 is no network."]),
        ("bank.example", ["bank.example is no network."]),
        ("fe80::%eth0/64", ["fe80::%eth0/64 is no network."]),
        ("10.0.0.0/8/8\n१.0.0.1", ["10.0.0.0/8/8 is no network.", "१.0.0.1 is no network."]),
        ("x" * 44, [f"{'x' * 43}… is no network."]),
        ("10.0.0.5/8", ["10.0.0.5/8 is no network: write 10.0.0.0/8, or 10.0.0.5 alone."]),
        (
            "2001:db8::1/64",
            ["2001:db8::1/64 is no network: write 2001:db8::/64, or 2001:db8::1 alone."],
        ),
        (
            "::ffff:10.0.0.5/104",
            ["::ffff:10.0.0.5/104 is no network: write 10.0.0.0/8, or 10.0.0.5 alone."],
        ),
    ],
)
def test_each_that_is_none_is_named_and_the_right_spelling_if_there_is_one(text, said):
    with pytest.raises(ValidationError) as refused:
        write_canonical(text)
    assert refused.value.messages == said


def test_there_are_fifty_at_most():
    assert len(write_canonical("\n".join(MANY_NETWORKS[:MOST_NETWORKS])).split()) == MOST_NETWORKS
    with pytest.raises(ValidationError) as refused:
        write_canonical("\n".join(MANY_NETWORKS))
    assert refused.value.messages == ["50 networks at most."]


def test_the_longest_that_may_be_said_fit_into_their_column():
    longest = [f"{number:04x}:{':'.join(['1111'] * 7)}/128" for number in range(0x1000, 0x1032)]
    assert len(write_canonical(" ".join(longest))) <= LONGEST_TEXT


@pytest.mark.parametrize("text", ["10.0.0.5/8", "10.0.0.0/8\n", "192.0.2.0/24 10.0.0.0/8", "x"])
def test_in_any_other_way_nothing_is_kept(text):
    with pytest.raises(ValidationError):
        require_canonical(text)


@pytest.mark.parametrize(
    ("address", "networks", "expected"),
    [
        ("10.0.0.0", "10.0.0.0/30", True),
        ("10.0.0.3", "10.0.0.0/30", True),
        ("10.0.0.4", "10.0.0.0/30", False),
        ("9.255.255.255", "10.0.0.0/30", False),
        ("10.0.0.4", "10.0.0.0/30 10.0.0.4/32", True),
        ("::ffff:10.0.0.1", "10.0.0.0/30", True),
        ("::FFFF:0a00:0001", "10.0.0.0/30", True),
        ("::ffff:10.0.0.4", "10.0.0.0/30", False),
        ("::10.0.0.1", "10.0.0.0/30", False),  # looks like it, and is another
        ("64:ff9b::a00:1", "10.0.0.0/30", False),
        ("10.0.0.1", "::/0", False),
        ("::ffff:10.0.0.1", "::/0", False),
        ("2001:db8::1", "0.0.0.0/0", False),
        ("2001:db8::1", "2001:db8::/32", True),
        ("fe80::1%eth0", "fe80::/64", True),
        ("fe80::1%eth0", "fe80::2/128", False),
        ("", "0.0.0.0/0 ::/0", False),
        ("unknown", "0.0.0.0/0 ::/0", False),
        ("10.0.0.1:443", "10.0.0.0/8", False),
        ("010.0.0.1", "10.0.0.0/8", False),
    ],
)
def test_who_is_inside(address, networks, expected):
    assert is_inside(address, networks) == expected
