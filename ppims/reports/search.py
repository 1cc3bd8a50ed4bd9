"""What staff type into the search, and who it may mean: each hit says what matched."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product

from django.utils.translation import gettext as _

from customers import search, survivors
from customers.models import Customer
from customers.models.name_words import split_words
from ppims.db import statements
from ppims.models import LONGEST_REF_ID, Operation, Processor, ReplayKey
from ppims.reports.records import Source

MOST_HITS = 20
LONGEST_QUERY_CHARACTERS, MOST_WORDS = 100, 6
# NOT (... = '') as the index says it: limits.services.updates.
FIND_POSTED = """
    SELECT id, customer_id FROM limits_ledgerentry
    WHERE tran_id = %s AND kind = 'S' AND NOT (tran_id = '') LIMIT 100
"""
SOURCE_BY_OPERATION = {
    Operation.CHECK_LIMIT.value: Source.CHECK,
    Operation.UPDATE_LIMIT.value: Source.ENTRY,
}


@dataclass(frozen=True)
class Hit:
    """A customer who may be meant, and what matched: "name", "card ending 4321", "Ref id".

    Where that was a transaction's, `source` and `row_id` are its row; each is a hit of its own.
    """

    customer_id: int
    matched: tuple[str, ...]
    name: str = field(repr=False)
    tier: str
    status: str
    source: Source | None = None
    row_id: int | None = None
    mobile: str = ""  # masked

    @property
    def is_blocked(self) -> bool:
        return self.status == Customer.Status.BLOCKED


@dataclass(frozen=True)
class _Match:
    matched: str
    source: Source | None = None
    row_id: int | None = None


Found = dict[int, list[_Match]]  # of each customer, what a word may mean
IsNamed = Callable[[str, Sequence[str]], bool]
Target = tuple[int, Source | None, int | None]  # a customer, or a row of that customer's


def find_hits(typed: str) -> list[Hit]:
    """Find whom a typed text may mean: MOST_HITS at most, those by number before those by name.

    Of several words each has to match: "4321 verma" is a card and a name.
    """
    text, words = _read_words(typed)
    if not words:
        return []
    by_number = _find_by_number(text)
    found: dict[Target, list[str]] = {}
    for customer_id, matches in by_number.items():
        _note(found, customer_id, [matches])
    if len(words) > 1:
        for customer_id, of_words in _find_by_all(words).items():
            if customer_id not in by_number:
                _note(found, customer_id, of_words)
    _note_named(found, search.find_by_name(text, most=MOST_HITS))
    return _read(found)


def find_alike(typed: str) -> list[Hit]:
    """Find whom a typed text may mean if one letter of a name in it is wrong. To be asked where
    `find_hits` finds nobody.
    """
    text, words = _read_words(typed)
    found: dict[Target, list[str]] = {}
    if len(words) > 1:
        for customer_id, of_words in _find_by_all(words, is_named=search.is_named_alike).items():
            _note(found, customer_id, of_words)
    _note_named(found, search.find_by_misspelt_name(text, most=MOST_HITS))
    return _read(found)


def _read_words(typed: str) -> tuple[str, list[str]]:
    text = " ".join(typed[:LONGEST_QUERY_CHARACTERS].split())
    return text, text.split()[:MOST_WORDS]


def _note_named(found: dict[Target, list[str]], customer_ids: Iterable[int]) -> None:
    """Note who was found by name, unless they were found by a number already."""
    known = {customer_id for customer_id, *_ in found}
    for customer_id in customer_ids:
        if customer_id not in known:
            _note(found, customer_id, [[_Match(_("name"))]])


def _note(
    found: dict[Target, list[str]], customer_id: int, of_words: Sequence[Sequence[_Match]]
) -> None:
    """Note what a customer's hits are: one for each row, or none, that the words may mean."""
    for matches in islice(product(*of_words), MOST_HITS):
        row = next((match for match in matches if match.source), _Match(""))
        labels = found.setdefault((customer_id, row.source, row.row_id), [])
        labels += [match.matched for match in matches if match.matched not in labels]


def _find_by_number(text: str) -> Found:
    found: Found = {c: [_Match(matched)] for c, matched in search.find_by_number(text).items()}
    if " " not in text:
        for customer_id, match in _find_transactions(text):
            found.setdefault(customer_id, []).append(match)
    return found


def _find_by_all(
    words: list[str], *, is_named: IsNamed = search.is_named
) -> dict[int, list[list[_Match]]]:
    """Find whom all the words match, at least one of them a number."""
    by_word = [(word, _find_by_number(word)) for word in words]
    possible = {customer_id for _, found in by_word for customer_id in found}
    names = search.read_names(possible)
    return {
        customer_id: matches
        for customer_id in sorted(possible)
        if (matches := _list_matches(customer_id, names.get(customer_id, ""), by_word, is_named))
    }


def _list_matches(
    customer_id: int,
    name: str,
    by_word: Iterable[tuple[str, Mapping[int, list[_Match]]]],
    is_named: IsNamed,
) -> list[list[_Match]]:
    """List what matched each word; nothing where one of them didn't."""
    of_words = []
    for word, found in by_word:
        matches, asked = found.get(customer_id), split_words(word)
        if matches is None and not (asked and is_named(name, asked)):
            return []
        of_words.append(matches or [_Match(_("name"))])
    return of_words


def _find_transactions(text: str) -> Iterable[tuple[int, _Match]]:
    """Find a Ref_Id, of any processor and operation, and a posting's Tran_Id."""
    keys = ReplayKey.objects.filter(
        processor__in=list(Processor.objects.values_list("pk", flat=True)),
        operation__in=Operation.values,
        ref_id=text,
    )
    known = keys.values_list("operation", "customer_id", "row_id")
    # Spread by its Ref_Id, the table takes no longer ones, not even to look for.
    for operation, customer_id, row_id in known if len(text) <= LONGEST_REF_ID else ():
        source = SOURCE_BY_OPERATION.get(operation)
        yield customer_id, _Match(_("Ref id"), source, row_id if source else None)
    for row_id, customer_id in statements.read_rows(FIND_POSTED, [text]):
        yield customer_id, _Match(_("Tran id"), Source.ENTRY, row_id)


def _read(all_found: Mapping[Target, list[str]]) -> list[Hit]:
    """Read who was found: whom a merged Unique_Id means now, once for all of theirs that match."""
    few = dict(islice(all_found.items(), MOST_HITS))
    roots = survivors.find_roots(customer_id for customer_id, *_ in few)
    found: dict[Target, list[str]] = {}
    for (customer_id, source, row_id), matched in few.items():
        labels = found.setdefault((roots[customer_id], source, row_id), [])
        labels += [label for label in matched if label not in labels]
    customers = Customer.objects.only("name", "tier", "status", "mobile")
    known = customers.in_bulk(roots.values())
    return [
        Hit(c.pk, tuple(matched), c.name, c.tier, c.status, source, row_id, c.masked_mobile)
        for (customer_id, source, row_id), matched in found.items()
        if (c := known.get(customer_id))
    ]
