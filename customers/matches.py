"""Warn staff, before anything is stored, who on record may be the person they are about to add."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers import conflicts, people, records, search, survivors
from customers.details import CustomerDetails
from customers.models import Customer
from customers.models.name_words import split_words
from ppims.core import keys
from ppims.models import Processor

MOST_NAMESAKES, MOST_SHOWN = 1_000, 5


class MatchedOn(models.TextChoices):
    MOBILE = "MOBILE", _("same mobile number")
    DOCUMENT = "DOCUMENT", _("same document")
    NAME = "NAME", _("same name")
    BIRTH = "BIRTH", _("same date of birth")


class Effect(models.TextChoices):
    KNOWN = "KNOWN", _("This processor knows this customer already: there is nothing to add.")
    JOINS = (
        "JOINS",
        _("This customer is then known through this processor too; what is on record stays."),
    )
    DOUBT = "DOUBT", _("Nothing is added, and a review item asks whose mobile number it is.")
    ASKED = "ASKED", _("A review item asks whose mobile number it is.")
    ANOTHER = "ANOTHER", _("Another customer is added.")


@dataclass(frozen=True)
class Match:
    """A customer on record, what of both is the same, and what adding all the same would do: None
    where not enough is filled in to tell.
    """

    customer: Customer
    matched_on: tuple[MatchedOn, ...]
    effect: Effect | None


def find_matches(details: CustomerDetails, processor: Processor | None) -> list[Match]:
    """Find who has the mobile or the document, then who has the same name and birth date. So far
    may little be filled in. The number of look-ups is bounded, whatever the number of customers.
    """
    by_mobile, by_document = records.find_holders(details)
    ids = [pk for pk in (by_document, by_mobile, *_find_namesakes(details)) if pk]
    roots = survivors.find_roots(ids)
    holders = roots.get(by_mobile or 0), roots.get(by_document or 0)
    found = list(dict.fromkeys(roots[pk] for pk in ids))[:MOST_SHOWN]
    customers = Customer.objects.in_bulk({*found, by_mobile or 0})
    return [
        Match(
            customers[pk],
            tuple(_compare(details, customers[pk], *holders)),
            _predict_effect(
                details,
                # Found by the mobile of an id that was merged into this one.
                [customers[by_mobile], customers[pk]]
                if by_mobile and holders[0] == pk
                else [customers[pk]],
                processor,
                *holders,
            ),
        )
        for pk in found
    ]


def sum_up_matches(matches: Iterable[Match]) -> str:
    """Digest a warning, so that a person confirms the one that was shown, and no other."""
    parts = [f"{each.customer.pk} {each.effect} {' '.join(each.matched_on)}" for each in matches]
    return keys.digest(settings.PPIMS_DIGEST_KEYS, "likeness", *parts).hex()


def _find_namesakes(details: CustomerDetails) -> list[int]:
    if not details.date_of_birth:  # of one name there are many
        return []
    named = search.find_by_name(details.customer_name or "", most=MOST_NAMESAKES)
    born = Customer.objects.filter(pk__in=named, date_of_birth=details.date_of_birth)
    return list(born.order_by("pk").values_list("pk", flat=True)[:MOST_SHOWN])


def _compare(
    details: CustomerDetails,
    customer: Customer,
    by_mobile: int | None,
    by_document: int | None,
) -> Iterable[MatchedOn]:
    if customer.pk == by_mobile:
        yield MatchedOn.MOBILE
    if customer.pk == by_document:
        yield MatchedOn.DOCUMENT
    words = split_words(details.customer_name or "")
    if words and search.is_named(customer.name, words):
        yield MatchedOn.NAME
    if details.date_of_birth == customer.date_of_birth:
        yield MatchedOn.BIRTH


def _predict_effect(
    details: CustomerDetails,
    way: Sequence[Customer],
    processor: Processor | None,
    by_mobile: int | None,
    by_document: int | None,
) -> Effect | None:
    customer = way[-1]
    if processor is None or not details.date_of_birth:
        return None
    # As services/customers.py decides who is meant: by document, else by mobile.
    if customer.pk != (by_document or by_mobile):
        return Effect.ASKED if customer.pk == by_mobile else Effect.ANOTHER
    if customer.pk != by_document and conflicts.is_doubtful(details, way):
        return Effect.DOUBT
    is_known = records.is_registered(processor, people.list_ids(customer))
    return Effect.KNOWN if is_known else Effect.JOINS
