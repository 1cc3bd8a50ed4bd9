"""The migration that cuts the words of names on record anew."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from customers.models import NameWord
from customers.models.name_words import split_words
from ppims.reports.search import find_hits
from tests.factories import make_customer, make_processor

pytestmark = pytest.mark.django_db
migration = import_module("customers.migrations.0006_words_without_joiners_and_accents")
NAMES = ["Meera Rao", "José", "क्\u200dषमा राव", "Ra\u00advi", "ß" * 60, "Ravi", "மீரா"]


def read_words():
    return sorted(NameWord.objects.values_list("customer_id", "word"))


def test_every_name_is_found_by_its_words_of_now_and_by_no_others(monkeypatch):
    ent = make_processor()
    customers = {make_customer(ent, customer_name=name): name for name in NAMES}
    made = read_words()
    NameWord.objects.all().delete()
    before = [
        NameWord(word=word[:100], customer_id=customer)
        for customer, name in customers.items()
        for word in migration.words_of_before(name)
    ]
    NameWord.objects.bulk_create(before)
    assert find_hits("jose") == find_hits("क्षमा") == []
    monkeypatch.setattr(migration, "AT_ONCE", 2)
    for _ in range(2):  # whoever was stopped begins again
        migration.cut_anew(apps, SimpleNamespace(connection=connection))
    assert read_words() == made
    assert made == sorted(
        (pk, word) for pk, name in customers.items() for word in split_words(name)
    )
    assert [hit.name for hit in find_hits("jose")] == ["José"]
