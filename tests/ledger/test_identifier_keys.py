"""Customers' rows given to a new key, step by step: at each one everybody is found, a repeat is a
repeat, and verify_ledger finds nothing.
"""

from contextlib import contextmanager
from datetime import date

import pytest

from customers import records
from customers.choices import MOBILE_KIND
from customers.details import CustomerDetails
from customers.models import Card, Customer, Document, DuplicateReview, Identifier
from customers.services import customers, identifier_keys
from limits.verify import verify
from ppims.core import keys
from ppims.core.errors import Conflict
from ppims.models import Operation
from ppims.services.idempotency import Call
from tests.factories import draw_mobile, draw_ref, make_check, make_customer, make_processor

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
NEW_KEY = keys.Key("ffff0001", b"n" * 32)
PAN = {"ovid_type": "PAN", "ovid_value": "ABCPE1234F"}
REENCRYPTED_ACTION = "documents encrypted anew"
CARD_NUMBER = "6070800000001234"


def say_nothing(done, total):
    assert done <= total


@pytest.fixture(params=["next", "first"])
def stage(request):
    return request.param


@contextmanager
def use_ring(settings, name, *ring):
    """Use another ring of keys, as a worker that was started with it."""
    before = getattr(settings, name)
    setattr(settings, name, ring)
    yield
    setattr(settings, name, before)


class Rings:
    """The rings that workers have, one stage after another."""

    def __init__(self, settings, name):
        self.settings, self.name = settings, name
        (self.old,) = getattr(settings, name)
        following = keys.Key(NEW_KEY.id, NEW_KEY.secret, is_next=True)
        self.stages = {
            "old": (self.old,),
            "next": (self.old, following),
            "first": (NEW_KEY, self.old),
        }

    def use(self, stage):
        return use_ring(self.settings, self.name, *self.stages[stage])


@pytest.fixture
def digests(settings):
    return Rings(settings, "PPIMS_DIGEST_KEYS")


@pytest.fixture
def documents(settings):
    return Rings(settings, "PPIMS_DOCUMENT_KEYS")


@pytest.fixture
def ent(db):
    return make_processor("ENT")


@pytest.fixture
def cbs(db):
    return make_processor("CBS")


@pytest.fixture
def mobile():
    return draw_mobile()


@pytest.fixture
def person(ent, mobile):
    """A customer with a card and a document, of before there was a second key."""
    return make_customer(
        *(ent,), mobile_number=mobile, kyc_flag="F", card_number=CARD_NUMBER, card_status="A", **PAN
    )


def list_key_ids():
    return set(Identifier.objects.values_list("key_id", flat=True))


def test_who_was_there_is_found_and_who_comes_is_found_by_the_workers_of_before(
    digests, stage, ent, person, mobile
):
    with digests.use(stage):
        assert records.find_holder(MOBILE_KIND, mobile) == person
        assert records.find_holder("PAN", "ABCPE1234F") == person
        other = draw_mobile()
        newcomer = make_customer(ent, mobile_number=other)
    before = {"next": "old", "first": "next"}[stage]
    with digests.use(before):
        assert records.find_holder(MOBILE_KIND, other) == newcomer
    with digests.use(stage):
        assert list(verify()) == []


def test_nobody_gets_a_number_or_document_that_somebody_has_by_another_key(
    digests, stage, cbs, person, mobile
):
    with digests.use(stage):
        assert make_customer(cbs, mobile_number=mobile, kyc_flag="F", **PAN) == person
        by_document = make_customer(cbs, mobile_number=draw_mobile(), kyc_flag="F", **PAN)
        assert by_document == person
    assert Customer.objects.count() == 1


def test_the_insert_itself_sees_a_holder_by_an_older_key(digests, ent, person, mobile):
    other = make_customer(ent, mobile_number=draw_mobile())
    with digests.use("first"), pytest.raises(records.RunAgain):
        records.identify(Customer.objects.get(pk=other), MOBILE_KIND, mobile)


def test_a_number_that_is_given_up_finds_nobody_by_either_key(digests, stage, ent, person, mobile):
    with digests.use("next"):
        identifier_keys.redigest_identifiers(say_nothing)
    with digests.use("old"):  # a worker that doesn't know the next key
        records.forget(Customer.objects.get(pk=person), MOBILE_KIND)
    with digests.use(stage):
        assert records.find_holder(MOBILE_KIND, mobile) is None


def test_a_card_keeps_its_digest_and_its_status_counts(digests, stage, ent, person):
    with digests.use(stage):
        details = CustomerDetails(unique_id=person, card_number=CARD_NUMBER, card_status="F")
        call = Call(ent, Operation.UPDATE_CUSTOMER, draw_ref(), {})
        customers.update_customer(call=call, details=details)
        assert Card.objects.get(customer=person).status == "F"
        answer, _ = make_check(ent, person, 100, card_number=CARD_NUMBER)
        assert (answer.is_allowed, answer.reason) == (False, "CARD_NOT_ACTIVE")


def test_a_repeat_is_one_by_whichever_key_it_was_digested(digests, stage, ent, person):
    first, _ = make_check(ent, person, 100, ref_id="R1")
    with digests.use(stage):
        assert make_check(ent, person, 100, ref_id="R1") == (first, True)
        with pytest.raises(Conflict) as refusal:
            make_check(ent, person, 101, ref_id="R1")
        assert [name for name, _ in refusal.value.errors] == ["amount_paise"]
        second, _ = make_check(ent, person, 200, ref_id="R2")
    with digests.use({"next": "old", "first": "next"}[stage]):
        assert make_check(ent, person, 200, ref_id="R2") == (second, True)


def test_a_claim_is_asked_about_once_whichever_key_it_was_digested_by(
    digests, stage, cbs, person, mobile
):
    claim = {"mobile_number": mobile, "date_of_birth": date(1960, 1, 1)}
    for ring in ("old", stage):
        with digests.use(ring), pytest.raises(Conflict):
            make_customer(cbs, **claim)
    assert DuplicateReview.objects.count() == 1


def test_identifiers_go_over_to_the_new_key_and_nothing_is_left_of_the_old_one(
    digests, ent, person, mobile
):
    with digests.use("next"):
        make_customer(ent, mobile_number=draw_mobile())
        identifier_keys.redigest_identifiers(say_nothing)
        identifier_keys.redigest_identifiers(say_nothing)
        assert list(verify()) == []
    with digests.use("first"):
        assert list_key_ids() == {digests.old.id, NEW_KEY.id}
        assert list(verify()) == []
        identifier_keys.drop_old_identifiers(say_nothing)
        identifier_keys.drop_old_identifiers(say_nothing)
        assert list_key_ids() == {NEW_KEY.id}
        assert Identifier.objects.count() == 3
        assert list(verify()) == []
        assert records.find_holder(MOBILE_KIND, mobile) == person


def test_they_may_go_over_at_once_once_the_new_key_is_the_first(digests, person):
    Identifier.objects.update(key_id=None)  # as of before keys were named
    with digests.use("first"):
        identifier_keys.drop_old_identifiers(say_nothing)
        assert list_key_ids() == {NEW_KEY.id}
        assert Identifier.objects.count() == 2
        assert list(verify()) == []


@pytest.mark.parametrize("work", ["redigest_identifiers", "drop_old_identifiers"])
def test_with_one_key_they_are_named_and_none_is_deleted(digests, person, work):
    Identifier.objects.update(key_id=None)
    getattr(identifier_keys, work)(say_nothing)
    assert list_key_ids() == {digests.old.id}
    assert Identifier.objects.count() == 2


def test_an_identifier_that_somebody_deleted_is_not_made_again_in_silence(digests, person):
    Identifier.objects.filter(kind="PAN").delete()
    with digests.use("first"):
        identifier_keys.drop_old_identifiers(say_nothing)
        assert [finding.problem for finding in verify()] == ["is gone"]


def test_a_document_that_cannot_be_read_stops_nobody_else_and_stays_found(
    digests, ent, person, caplog
):
    Document.objects.filter(customer_id=person).update(sealed=b"x" * 40)
    with digests.use("next"):
        identifier_keys.redigest_identifiers(say_nothing)
    with digests.use("first"):
        identifier_keys.drop_old_identifiers(say_nothing)
        assert records.find_holder("PAN", PAN["ovid_value"]) == person
        kept = Identifier.objects.values_list("kind", "key_id").order_by("kind")
        assert dict(kept) == {"PAN": digests.old.id, MOBILE_KIND: NEW_KEY.id}
    assert f"PAN of customer {person}" in caplog.text


def test_a_strange_identifier_stays_and_is_named(digests, person):
    Identifier.objects.create(kind="PAN", digest=b"x" * 16, customer_id=person)
    with digests.use("first"):
        identifier_keys.drop_old_identifiers(say_nothing)
        assert [finding.problem for finding in verify()] == ["is not on record"]
