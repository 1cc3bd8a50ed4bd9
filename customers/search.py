"""Find customers by what staff type: numbers as they are, by keyed digest, or the beginnings of a
name's words.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import reduce
from operator import or_

from django.db.models import Q
from django.utils.translation import gettext as _

from customers.choices import MOBILE_KIND, DocumentKind
from customers.models import Account, Card, Customer, Identifier, Registration
from customers.models.name_words import split_words
from ppims.db import statements

INDIA_PREFIX = "91"
MOBILE_DIGITS, LAST_DIGITS, UNIQUE_ID_DIGITS, LONGEST_NUMBER = 10, 4, 15, 32
SHORTEST_WORD, WORDS_OF_A_NAME = 2, 5
# So many of a number's or a word's customers are looked at, of however many there are.
CUSTOMERS_OF_A_NUMBER = 1_000
CUSTOMERS_OF_A_WORD = 20_000
PAST_ALL_LETTERS = "\U0010ffff"

OF_WORD = """
    SELECT word, customer_id FROM customers_nameword WHERE word >= %s AND word < %s
    ORDER BY word, customer_id LIMIT %s
"""
FIND_NAMED = f"""
    SELECT w.customer_id, c.name FROM ({OF_WORD}) w
    JOIN customers_customer c ON c.unique_id = w.customer_id
"""  # noqa: S608 - what is put in stands above

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
    """Find customers each of whose names has words that begin as these do: so many at most."""
    asked = split_words(text)
    if not asked or max(map(len, asked)) < SHORTEST_WORD:
        return []
    if len(asked) == 1:  # somebody whose words begin alike comes once for each
        rows = _find_by_word(asked[0], WORDS_OF_A_NAME * most)
        return list(dict.fromkeys(customer_id for _, customer_id in rows))[:most]
    rarest = min(asked, key=lambda word: len(_find_by_word(word, CUSTOMERS_OF_A_WORD)))
    found: dict[int, None] = {}
    for customer_id, name in statements.read_rows(
        FIND_NAMED, [*_bound_word(rarest), CUSTOMERS_OF_A_WORD]
    ):
        if len(found) < most and is_named(name, asked):
            found[customer_id] = None
    return list(found)


def is_named(name: str, asked: Iterable[str]) -> bool:
    """Tell whether each of the words asked for begins one of the name's."""
    words = split_words(name)
    return all(any(word.startswith(each) for word in words) for each in asked)


def read_names(customer_ids: Collection[int]) -> Mapping[int, str]:
    """Give the names of some customers."""
    return dict(Customer.objects.filter(pk__in=customer_ids).values_list("pk", "name"))


def _find_by_word(word: str, most: int) -> list[tuple[str, int]]:
    return statements.read_rows(OF_WORD, [*_bound_word(word), most])


def _bound_word(word: str) -> tuple[str, str]:
    return word, word + PAST_ALL_LETTERS


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
    """Find whose mobile or document it is, by the digest of each that it could be."""
    possible: list[tuple[str, str]] = []
    if len(digits) in {MOBILE_DIGITS, MOBILE_DIGITS + len(INDIA_PREFIX)}:
        possible.append(
            (MOBILE_KIND, digits if len(digits) > MOBILE_DIGITS else INDIA_PREFIX + digits)
        )
    number = re.sub(r"[ -]", "", text).upper()
    if LAST_DIGITS < len(number) <= LONGEST_NUMBER and re.search(r"\d", number):
        possible += [(kind.value, number) for kind in DocumentKind]
    if possible:
        is_one = [Q(kind=k, digest=Identifier.digest_of(k, number)) for k, number in possible]
        found = Identifier.objects.filter(reduce(or_, is_one)).values_list("customer_id", "kind")
        for customer_id, kind in found:
            yield customer_id, _("mobile") if kind == MOBILE_KIND else str(DocumentKind(kind).label)


def _find_processors_numbers(text: str) -> Iterable[tuple[int, str]]:
    if not text or len(text) > LONGEST_NUMBER or " " in text:
        return
    accounts = Account.objects.filter(number=text)
    references = Registration.objects.filter(customer_ref=text).exclude(customer_ref="")
    cifs = Registration.objects.filter(cif_id=text).exclude(cif_id="")
    for rows, label in (
        (accounts, "Account_Number"),
        (references, "Customer_Id"),
        (cifs, "Cif_Id"),
    ):
        for customer_id in rows.values_list("customer_id", flat=True)[:CUSTOMERS_OF_A_NUMBER]:
            yield customer_id, label
