"""Find customers by what staff type: a number, in full, or the beginnings of a name's words."""

import re
from collections.abc import Collection, Iterable, Mapping

from django.utils.translation import gettext as _

from customers.choices import MOBILE_KIND, DocumentKind
from customers.models import Account, Card, Customer, Identifier, Registration
from customers.models.name_words import split_words
from ppims.db import statements

INDIA_PREFIX = "91"
MOBILE_DIGITS, LAST_DIGITS, UNIQUE_ID_DIGITS, LONGEST_NUMBER = 10, 4, 15, 32
SHORTEST_WORD, WORDS_OF_A_NAME = 2, 5
# How many customers of a number, or of a word, are looked at, however many there are.
CUSTOMERS_OF_A_NUMBER = 1_000
CUSTOMERS_OF_A_WORD = 20_000
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


def is_named(name: str, asked: Iterable[str]) -> bool:
    """Whether each of the words asked for begins one of the name's."""
    words = split_words(name)
    return all(any(word.startswith(each) for word in words) for each in asked)


def read_names(customer_ids: Collection[int]) -> Mapping[int, str]:
    return dict(Customer.objects.filter(pk__in=customer_ids).values_list("pk", "name"))


def _find_by_word(word: str, most: int, *, sql: str = OF_WORD) -> list[tuple[int, str]]:
    return statements.read_rows(sql, [word, word + PAST_ALL_LETTERS, most])


def _find_own_numbers(text: str) -> Iterable[tuple[int, str]]:
    digits = re.sub(r"\D", "", text) if re.fullmatch(r"\+?[\d -]+", text) else ""
    if len(digits) == UNIQUE_ID_DIGITS and Customer.objects.filter(pk=int(digits)).exists():
        yield int(digits), "Unique_Id"
    yield from _find_identified(text, digits)
    if len(digits) == LAST_DIGITS == len(text):
        cards = Card.objects.filter(last_four=digits).values_list("customer_id", flat=True)
        for customer_id in cards.order_by("customer_id").distinct()[:CUSTOMERS_OF_A_NUMBER]:
            yield customer_id, _("card ending %(digits)s") % {"digits": digits}


def _find_identified(text: str, digits: str) -> Iterable[tuple[int, str]]:
    possible = [
        (kind, Identifier.digest_of(kind, number))
        for kind, number in _list_identifiers(text, digits)
    ]
    found = Identifier.objects.filter(pk__in=possible).values_list("customer_id", "kind")
    for customer_id, kind in found:
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
        (Account.objects.filter(number=text), "Account_Number"),
        # The exclusion lets the database use the partial index.
        (Registration.objects.filter(customer_ref=text).exclude(customer_ref=""), "Customer_Id"),
        (Registration.objects.filter(cif_id=text).exclude(cif_id=""), "Cif_Id"),
    ):
        for customer_id in rows.values_list("customer_id", flat=True)[:CUSTOMERS_OF_A_NUMBER]:
            yield customer_id, label
