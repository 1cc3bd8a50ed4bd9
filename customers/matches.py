"""Who on record may be the person that staff are about to add: told before anything is stored."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers import conflicts, records, search
from customers.choices import MOBILE
from customers.models import Customer
from customers.models.name_words import words_of
from customers.records import Told
from ppims.core import keys
from ppims.models import Processor

NAMESAKES, SHOWN = 1_000, 5


class Same(models.TextChoices):
    """What is the same of both."""

    MOBILE = "MOBILE", _("same mobile number")
    DOCUMENT = "DOCUMENT", _("same document")
    NAME = "NAME", _("same name")
    BIRTH = "BIRTH", _("same date of birth")


class Then(models.TextChoices):
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
class Likeness:
    """A customer on record, in what both are alike, and what comes of adding."""

    customer: Customer
    same: tuple[Same, ...]
    then: Then


def alike(told: Told, processor: Processor) -> list[Likeness]:
    """Find who on record has the mobile, the document, or name and birth date: those first whose
    numbers they are; nobody, until the birth date is told, which decides. A bounded number of
    look-ups, whatever the number of customers.
    """
    if not told.date_of_birth:
        return []
    by_mobile = records.holder_of(MOBILE, told.mobile_number) if told.mobile_number else None
    by_document = records.holder_of(*told.document) if told.document else None
    meant = by_document or by_mobile
    ids = [pk for pk in (meant, by_mobile) if pk]
    found = list(dict.fromkeys([*ids, *_namesakes(told)]))[:SHOWN]
    customers = Customer.objects.in_bulk(found)
    return [
        Likeness(
            customers[pk],
            tuple(_same(told, customers[pk], by_mobile=by_mobile, by_document=by_document)),
            _then(told, customers[pk], processor, is_meant=pk == meant, by_mobile=by_mobile),
        )
        for pk in found
    ]


def token_of(likenesses: Iterable[Likeness]) -> str:
    """Sum up a warning, so that it is this very one which a person confirms."""
    parts = [f"{each.customer.pk} {each.then} {' '.join(each.same)}" for each in likenesses]
    return keys.digest(settings.PPIMS_DIGEST_KEYS, "likeness", *parts).hex()


def _namesakes(told: Told) -> list[int]:
    if not told.customer_name or not told.date_of_birth:
        return []
    named = search.named(told.customer_name, most=NAMESAKES)
    born = Customer.objects.filter(pk__in=named, date_of_birth=told.date_of_birth)
    return list(born.order_by("pk").values_list("pk", flat=True)[:SHOWN])


def _same(
    told: Told, customer: Customer, *, by_mobile: int | None, by_document: int | None
) -> Iterable[Same]:
    if customer.pk == by_mobile:
        yield Same.MOBILE
    if customer.pk == by_document:
        yield Same.DOCUMENT
    words = words_of(told.customer_name or "")
    if words and search.is_named(customer.name, words):
        yield Same.NAME
    if told.date_of_birth == customer.date_of_birth:
        yield Same.BIRTH


def _then(
    told: Told, customer: Customer, processor: Processor, *, is_meant: bool, by_mobile: int | None
) -> Then:
    is_by_mobile = customer.pk == by_mobile
    if not is_meant:
        return Then.ASKED if is_by_mobile else Then.ANOTHER
    is_by_document = told.document and records.holder_of(*told.document) == customer.pk
    if not is_by_document and conflicts.is_doubtful(told, customer):
        return Then.DOUBT
    return Then.KNOWN if records.is_registered(processor, customer) else Then.JOINS
