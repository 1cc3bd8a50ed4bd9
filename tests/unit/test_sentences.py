"""What forms say is wrong: a sentence of its own for each field and each thing that may be."""

import pytest
from pydantic import ValidationError

from customers.forms import EditForm, KycForm, OnboardForm, ReasonForm
from customers.forms.edit import EditIn
from customers.forms.sentences import (
    MISSING_SENTENCES,
    OWN_SENTENCES,
    WRONG_SENTENCES,
    write_sentence,
)
from customers.schemas import AddCustomerIn, UpdateCustomerIn
from ppims.wire.envelope import spell_wire_name

FIELDS = {
    name for form in (EditForm, KycForm, OnboardForm, ReasonForm) for name in form.base_fields
}
# What is chosen from a list is not wrong, and what nobody sees is not said.
CHOSEN = {
    *("system_id", "kyc_flag", "ovid_type", "account_status", "card_status", "nri_flag"),
    *("ref_id", "confirmed", "reason"),
}
ODD_VALUES = ("§ §", "x" * 300, "1" * 300, "a\u202eb")


def list_messages(kind, name):
    """List what a reader says of a field, with each odd value in it."""
    for value in ODD_VALUES:
        try:
            kind.model_validate({spell_wire_name(name): value})
        except ValidationError as error:
            for line in error.errors(include_url=False):
                if line["loc"] == (spell_wire_name(name),):
                    yield line["msg"]


@pytest.mark.parametrize("kind", [AddCustomerIn, UpdateCustomerIn, EditIn])
def test_whatever_a_reader_says_of_a_field_has_a_sentence(kind):
    names = (FIELDS - CHOSEN) & kind.model_fields.keys()
    said = {(name, message) for name in names for message in list_messages(kind, name)}
    assert len(said) >= len(names)
    unsaid = [(name, m) for name, m in said if write_sentence(name, m) == m]
    assert unsaid == []


def test_what_is_missing_has_a_sentence():
    needed = {name for name, field in AddCustomerIn.model_fields.items() if field.is_required()}
    assert needed - {"ref_id"} <= MISSING_SENTENCES.keys()
    assert write_sentence("ovid_type", "is required with Ovid_Value") == "Choose the document."


def test_each_is_a_sentence_of_a_field_that_there_is():
    for said in (MISSING_SENTENCES, WRONG_SENTENCES, OWN_SENTENCES):
        for text in map(str, said.values()):
            assert text[0].isupper(), text
            assert text.endswith("."), text
    assert (MISSING_SENTENCES.keys() | WRONG_SENTENCES.keys()) <= FIELDS
    assert {name for name, _ in OWN_SENTENCES} <= {"", *FIELDS}


def test_without_a_sentence_the_readers_words_are_better_than_none():
    assert write_sentence("city", "is strange") == "is strange"
