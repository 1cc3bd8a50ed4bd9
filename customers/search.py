"""Find customers by what staff type: a number, in full, or the beginnings of a name's words."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice, zip_longest

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from customers.choices import MOBILE_KIND, DocumentKind
from customers.models import Account, Card, Customer, Identifier, NameWord, Registration
from customers.models.name_words import split_words
from customers.spelling import is_neighbour, list_neighbours
from ppims.db import statements

INDIA_PREFIX = "91"
MOBILE_DIGITS, LAST_DIGITS, UNIQUE_ID_DIGITS, LONGEST_NUMBER = 10, 4, 15, 32
SHORTEST_WORD, WORDS_OF_A_NAME = 2, 5
# How many customers of a number, or of a word, are looked at, however many there are.
CUSTOMERS_OF_A_NUMBER = 1_000
CUSTOMERS_OF_A_WORD = 20_000
CUSTOMERS_COMPARED = 1_000  # of the rarest of several words, one of them wrong
NEIGHBOURS_READ, CUSTOMERS_OF_A_NEIGHBOUR = 8, 20
PAST_ALL_LETTERS = "\U0010ffff"

OF_WORD = """
    SELECT customer_id, word FROM customers_nameword WHERE word >= %s AND word < %s
    ORDER BY word, customer_id LIMIT %s
"""
# The LIMIT of OF_WORD stands inside, so that a common word joins no more rows than that.
FIND_NAMED = """
    SELECT w.customer_id, c.name FROM (
        SELECT word, customer_id FROM customers_nameword WHERE word >= %s AND word < %s
        ORDER BY word, customer_id LIMIT %s
    ) w JOIN customers_customer c ON c.unique_id = w.customer_id
"""

Matches = dict[int, str]  # a customer, and what of it matched


def find_by_number(text: str) -> Matches:
    """Find whose Unique_Id, mobile, document, card (its last four), account, Customer_Id or Cif_Id
    this is.
    """
    found: Matches = {}
    for customer_id, matched in (*_find_own_numbers(text), *_find_processors_numbers(text)):
        found.setdefault(customer_id, matched)
    return found


def find_by_name(text: str, *, most: int) -> list[int]:
    """Find at most so many customers whose names have words that begin as these do."""
    asked = split_words(text)
    if not asked or max(map(len, asked)) < SHORTEST_WORD:
        return []
    if len(asked) == 1:  # somebody whose words begin alike comes once for each
        rows = _find_by_word(asked[0], WORDS_OF_A_NAME * most)
        return list(dict.fromkeys(customer_id for customer_id, _ in rows))[:most]
    rarest = min(asked, key=lambda word: len(_find_by_word(word, CUSTOMERS_OF_A_WORD)))
    found: dict[int, None] = {}
    for customer_id, name in _find_by_word(rarest, CUSTOMERS_OF_A_WORD, sql=FIND_NAMED):
        if len(found) < most and is_named(name, asked):
            found[customer_id] = None
    return list(found)


def find_by_misspelt_name(text: str, *, most: int) -> list[int]:
    """Find at most so many customers whose names have words that begin as these do, or are these
    but for one wrong letter. Of common words by far not everybody is looked at.
    """
    asked = split_words(text)[:WORDS_OF_A_NAME]
    if len(asked) <= 1:
        return list(islice(_find_neighbours_by_turns(asked), most))
    rarest = min(map(_list_meant, asked), key=len)
    names = read_names(rarest)
    return [pk for pk in rarest if is_named_alike(names.get(pk, ""), asked)][:most]


def is_named(name: str, asked: Iterable[str]) -> bool:
    """Whether each of the words asked for begins one of the name's."""
    words = split_words(name)
    return all(any(word.startswith(each) for word in words) for each in asked)


def is_named_alike(name: str, asked: Iterable[str]) -> bool:
    """Whether each of the words begins one of the name's, or is one but for a wrong letter."""
    words = split_words(name)
    return all(
        any(word.startswith(each) or is_neighbour(each, word) for word in words) for each in asked
    )


def read_names(customer_ids: Collection[int]) -> Mapping[int, str]:
    return dict(Customer.objects.filter(pk__in=customer_ids).values_list("pk", "name"))


def _find_by_word(word: str, most: int, *, sql: str = OF_WORD) -> list[tuple[int, str]]:
    return statements.read_rows(sql, [word, word + PAST_ALL_LETTERS, most])


def _list_meant(word: str) -> list[int]:
    """List who has a word that begins so, or is this one but for a wrong letter: some of them."""
    begun = [customer_id for customer_id, _ in _find_by_word(word, CUSTOMERS_COMPARED)]
    alike = _find_neighbours(word)[:CUSTOMERS_COMPARED]
    return list(dict.fromkeys((*begun, *(customer_id for _, customer_id in alike))))


def _find_neighbours_by_turns(asked: Iterable[str]) -> Iterator[int]:
    """Find who has a word that is this but for a wrong letter: of each such word one by one, for
    many have a common one.
    """
    of_words: dict[str, list[int]] = {}
    for word in asked:
        last = ""
        for _turn in range(NEIGHBOURS_READ):
            rows = _find_neighbours(word).filter(word__gt=last)[:CUSTOMERS_OF_A_NEIGHBOUR]
            for last, customer_id in rows:
                of_words.setdefault(last, []).append(customer_id)
            if len(rows) < CUSTOMERS_OF_A_NEIGHBOUR:
                break
    turns = zip_longest(*of_words.values())
    return iter(dict.fromkeys(pk for turn in turns for pk in turn if pk is not None))


def _find_neighbours(word: str) -> QuerySet[NameWord, tuple[str, int]]:
    alike = NameWord.objects.filter(word__in=list_neighbours(word))
    return alike.order_by("word", "customer_id").values_list("word", "customer_id")


def _find_own_numbers(text: str) -> Iterable[tuple[int, str]]:
    digits = re.sub(r"\D", "", text) if re.fullmatch(r"\+?[\d -]+", text) else ""
    if len(digits) == UNIQUE_ID_DIGITS and Customer.objects.filter(pk=int(digits)).exists():
        yield int(digits), _("Unique id")
    yield from _find_identified(text, digits)
    if len(digits) == LAST_DIGITS == len(text):
        cards = Card.objects.filter(last_four=digits).values_list("customer_id", flat=True)
        for customer_id in cards.order_by("customer_id").distinct()[:CUSTOMERS_OF_A_NUMBER]:
            yield customer_id, _("card ending %(digits)s") % {"digits": digits}


def _find_identified(text: str, digits: str) -> Iterable[tuple[int, str]]:
    possible = [
        (kind, digest)
        for kind, number in _list_identifiers(text, digits)
        for digest in Identifier.list_digests(kind, number)
    ]
    found = Identifier.objects.filter(pk__in=possible).values_list("customer_id", "kind")
    for customer_id, kind in dict.fromkeys(found):  # some are there by two keys
        yield customer_id, _("mobile") if kind == MOBILE_KIND else str(DocumentKind(kind).label)


def _list_identifiers(text: str, digits: str) -> Iterable[tuple[str, str]]:
    if len(digits) == MOBILE_DIGITS:
        yield MOBILE_KIND, INDIA_PREFIX + digits
    if len(digits) == MOBILE_DIGITS + len(INDIA_PREFIX):
        yield MOBILE_KIND, digits
    number = re.sub(r"[ -]", "", text).upper()
    if LAST_DIGITS < len(number) <= LONGEST_NUMBER and re.search(r"\d", number):
        yield from ((kind.value, number) for kind in DocumentKind)


def _find_processors_numbers(text: str) -> Iterable[tuple[int, str]]:
    if not text or len(text) > LONGEST_NUMBER or " " in text:
        return
    for rows, label in (
        (Account.objects.filter(number=text), _("account number")),
        # The exclusion lets the database use the partial index.
        (Registration.objects.filter(customer_ref=text).exclude(customer_ref=""), _("Customer id")),
        (Registration.objects.filter(cif_id=text).exclude(cif_id=""), _("CIF id")),
    ):
        for customer_id in rows.values_list("customer_id", flat=True)[:CUSTOMERS_OF_A_NUMBER]:
            yield customer_id, label
