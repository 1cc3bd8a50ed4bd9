"""Who on record may be the person that staff are about to add: told before anything is stored."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers import conflicts, records, search
from customers.choices import MOBILE_KIND
from customers.models import Customer
from customers.models.name_words import split_words
from customers.records import CustomerDetails
from ppims.core import keys
from ppims.models import Processor

MOST_NAMESAKES, MOST_SHOWN = 1_000, 5


class MatchedOn(models.TextChoices):
    """What is the same of both."""

    MOBILE = "MOBILE", _("same mobile number")
    DOCUMENT = "DOCUMENT", _("same document")
    NAME = "NAME", _("same name")
    BIRTH = "BIRTH", _("same date of birth")


class Effect(models.TextChoices):
    """What comes of it when it is added all the same."""

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
    """A customer on record, in what both are alike, and what comes of adding."""

    customer: Customer
    matched_on: tuple[MatchedOn, ...]
    effect: Effect


def find_matches(details: CustomerDetails, processor: Processor) -> list[Match]:
    """Find who on record has the mobile, the document, or name and birth date: those first whose
    numbers they are; nobody, until the birth date is told, which decides. A bounded number of
    look-ups, whatever the number of customers.
    """
    if not details.date_of_birth:
        return []
    by_mobile = (
        records.find_holder(MOBILE_KIND, details.mobile_number) if details.mobile_number else None
    )
    by_document = records.find_holder(*details.document) if details.document else None
    meant = by_document or by_mobile
    ids = [pk for pk in (meant, by_mobile) if pk]
    found = list(dict.fromkeys([*ids, *_find_namesakes(details)]))[:MOST_SHOWN]
    customers = Customer.objects.in_bulk(found)
    return [
        Match(
            customers[pk],
            tuple(_compare(details, customers[pk], by_mobile=by_mobile, by_document=by_document)),
            _predict_effect(
                details, customers[pk], processor, is_meant=pk == meant, by_mobile=by_mobile
            ),
        )
        for pk in found
    ]


def sum_up_matches(likenesses: Iterable[Match]) -> str:
    """Sum up a warning, so that it is this very one which a person confirms."""
    parts = [f"{each.customer.pk} {each.effect} {' '.join(each.matched_on)}" for each in likenesses]
    return keys.digest(settings.PPIMS_DIGEST_KEYS, "likeness", *parts).hex()


def _find_namesakes(details: CustomerDetails) -> list[int]:
    if not details.customer_name or not details.date_of_birth:
        return []
    named = search.find_by_name(details.customer_name, most=MOST_NAMESAKES)
    born = Customer.objects.filter(pk__in=named, date_of_birth=details.date_of_birth)
    return list(born.order_by("pk").values_list("pk", flat=True)[:MOST_SHOWN])


def _compare(
    details: CustomerDetails, customer: Customer, *, by_mobile: int | None, by_document: int | None
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
    customer: Customer,
    processor: Processor,
    *,
    is_meant: bool,
    by_mobile: int | None,
) -> Effect:
    is_by_mobile = customer.pk == by_mobile
    if not is_meant:
        return Effect.ASKED if is_by_mobile else Effect.ANOTHER
    is_by_document = details.document and records.find_holder(*details.document) == customer.pk
    if not is_by_document and conflicts.is_doubtful(details, customer):
        return Effect.DOUBT
    return Effect.KNOWN if records.is_registered(processor, customer) else Effect.JOINS
