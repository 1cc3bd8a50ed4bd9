"""Groups of requests as hypothesis draws them. Each names what came before by how long ago it was:
so it means something whatever else is left out when a failure is made smaller.
"""

from datetime import timedelta
from itertools import groupby
from typing import NamedTuple

from hypothesis import strategies as st

MOST_REQUESTS = 64
PEOPLE = (1, 2, 3, 4)
STRANGER = 9
OTHER_WAY = {"D": "C", "C": "D"}
ACCOUNT, CARD = "A-1", "4000123412349876"
LEFT_PAISE = ("what is left", "one paisa more", "one less")


class NewCheck(NamedTuple):
    by: str
    person: int
    direction: str
    paise: int | str
    more: dict


class OfCheck(NamedTuple):
    """An S or F for a check; `ago` 0 is the newest. `twist`: not as it was asked."""

    ago: int
    kind: str
    tran: str
    twist: str


class OfPosting(NamedTuple):
    """What names a posting by its Tran_Id: undoes it, in part or whole, or the like."""

    ago: int
    kind: str
    paise: str
    twist: str


class Unasked(NamedTuple):
    """What names no check that there is."""

    by: str
    person: int
    direction: str
    kind: str
    paise: int | str
    tran: str
    enquiry: str | None


class Again(NamedTuple):
    """What was sent before, refused or not; `twist`: with a field changed."""

    ago: int
    twist: str


class Correct(NamedTuple):
    person: int
    months_ago: int
    direction: str
    paise: int


class CorrectPosting(NamedTuple):
    """So much of a posting of an earlier group is taken away by staff."""

    ago: int
    paise: str


class Group(NamedTuple):
    """The clock moves, a person is changed by staff, and then so many are there at once."""

    move: timedelta | str
    change: tuple[int, str] | None
    requests: list


def choose(**weights):
    """Draw one of these names, so often of a hundred."""
    return st.sampled_from([name for name, weight in weights.items() for _ in range(weight)])


def list_often(*pairs):
    return st.sampled_from([value for value, weight in pairs for _ in range(weight)])


PROCESSORS = st.sampled_from(["ENT", "CBS"])
DIRECTIONS = st.sampled_from("DDDCC")
PERSONS = list_often((1, 10), (2, 6), (3, 5), (4, 4), (STRANGER, 1))
PAISE = st.sampled_from(
    [1, 10_000, 99_999, 250_000, 600_000, 600_001, 1_000_001, *LEFT_PAISE, *LEFT_PAISE]
)
INSTRUMENTS = list_often(
    ({}, 12),
    ({"balance": 0}, 2),
    ({"balance": 400_000}, 2),
    ({"balance": 950_000, "account": ACCOUNT}, 1),
    ({"account": ACCOUNT}, 2),
    ({"account": "unknown"}, 1),
    ({"card": CARD}, 3),
    ({"card": "unknown card"}, 1),
    ({"balance": 100, "account": ACCOUNT, "card": CARD}, 1),
)
TRAN_IDS = choose(new=10, none=6, known=1)
TWISTS = choose(none=16, paise=3, person=1, direction=1, by=1)
AGO = list_often((0, 9), (1, 6), (2, 4), (3, 3), (5, 2), (9, 2), (25, 2), (50, 2), (80, 2))
BALANCES = list_often(({}, 1), ({"balance": 0}, 1), ({"balance": 700_000}, 3))

REQUESTS = st.one_of(
    st.builds(NewCheck, PROCESSORS, PERSONS, DIRECTIONS, PAISE, INSTRUMENTS),
    st.builds(NewCheck, PROCESSORS, PERSONS, st.just("C"), PAISE, BALANCES),
    st.builds(OfCheck, AGO, st.sampled_from("SSSF"), TRAN_IDS, TWISTS),
    st.builds(OfCheck, AGO, st.sampled_from("SSF"), TRAN_IDS, st.just("none")),
    st.builds(
        OfPosting,
        AGO,
        st.sampled_from("RRRSF"),
        choose(whole=3, third=3, more=1, left=2),
        choose(none=9, person=1, direction=4, by=1),
    ),
    st.builds(
        Unasked,
        PROCESSORS,
        PERSONS,
        DIRECTIONS,
        st.sampled_from("SSSFR"),
        PAISE,
        TRAN_IDS,
        st.sampled_from([None, None, "unknown"]),
    ),
    st.builds(Again, AGO, choose(none=12, paise=1, person=1, tran=1)),
    st.builds(Again, AGO, st.just("none")),
    st.builds(
        Correct,
        PERSONS,
        st.sampled_from([0, 0, 1, 2]),
        DIRECTIONS,
        st.sampled_from([7, 400_000, -9, -10_000]),
    ),
    st.builds(CorrectPosting, AGO, choose(third=4, left=2, more=1)),
)
MOVES = list_often(
    (timedelta(), 5),
    (timedelta(microseconds=1), 3),
    (timedelta(seconds=5), 6),
    (timedelta(minutes=10), 5),
    (timedelta(minutes=15), 3),
    (timedelta(hours=30), 3),
    (timedelta(days=11), 3),
    (timedelta(days=30), 2),
    (timedelta(days=47), 2),
    ("to a hold's end", 6),
    ("to just before a hold's end", 3),
    (-timedelta(seconds=7), 2),
    (-timedelta(seconds=60), 1),
    (-timedelta(seconds=61), 1),
)
CHANGES = st.none() | st.tuples(
    st.sampled_from(PEOPLE),
    st.sampled_from(["N", "P", "P", "F", "blocked", "account", "card", "card", "usage"]),
)


def draw_stories(size):
    """Draw lists of lists of groups of so many requests each, fewer of large ones."""
    # Of a list in a list both can be made smaller; one alone would be short, or not get smaller.
    most = round((80 / size) ** 0.5) + 2
    requests = st.lists(REQUESTS, min_size=size, max_size=size)
    chapters = st.lists(st.builds(Group, MOVES, CHANGES, requests), min_size=1, max_size=most)
    return st.lists(chapters, min_size=1, max_size=most)


def write_group(group):
    """Write a group on lines of its own, alike requests once."""
    lines = [f"{group.move}, {group.change}:"]
    lines += [f"  {len([*alike])} x {request}" for request, alike in groupby(group.requests)]
    return "\n".join(lines)
