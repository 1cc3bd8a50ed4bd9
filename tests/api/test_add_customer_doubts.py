"""add-customer where it is doubtful who someone is: 409, and what staff decide."""

import json

import pytest

from customers.models import Customer, Document, DuplicateReview, Registration
from customers.services import reviews
from ppims.core.errors import Conflict, Malformed
from ppims.models import ReplayKey, User
from tests.api.answers import (
    NOBODY,
    add_person,
    assert_conflict,
    assert_unknown,
    make_aadhaar,
    read_done,
)
from tests.factories import draw_mobile, make_person


@pytest.fixture
def staff(db):
    return User.objects.create(username="maker")


@pytest.fixture
def holder(ent):
    """Somebody on record, in the words of the message that added her."""
    details = make_person(Customer_Name="Meera Iyer")
    return {**details, "Unique_Id": add_person(ent, **details)}


@pytest.fixture
def stranger(holder):
    """Somebody who has that mobile number now."""
    return make_person(
        Customer_Name="Ravi Das",
        Mobile_Number=holder["Mobile_Number"],
        Date_Of_Birth="15-02-1991",
    )


def decide(outcome, user, **which):
    review = DuplicateReview.objects.get(**which)
    return reviews.decide(review_id=review.pk, outcome=outcome, reason="Called her", user=user)


def find_status(caller, mobile):
    answer = caller.call("customer-registration-status", Mobile_Number=mobile)
    return answer[1]["Data"]["Unique_Id"]


def test_a_reissued_mobile_is_409_and_tells_nothing_of_its_holder(ent, cbs, holder, stranger):
    keys = ReplayKey.objects.count()
    for caller in (cbs, ent):
        body = assert_conflict(caller.call("add-customer", **stranger), "Mobile_Number")
        assert holder["Unique_Id"] not in json.dumps(body)
    assert_unknown(cbs.call("check-customer-kyc", Unique_Id=holder["Unique_Id"]))
    assert (Customer.objects.count(), Registration.objects.count()) == (1, 1)
    assert ReplayKey.objects.count() == keys


def test_a_reissued_mobile_names_itself_alone_whatever_unique_id_was_sent(ent, holder, stranger):
    for unique_id in (holder["Unique_Id"], add_person(ent), NOBODY):
        answer = ent.call("add-customer", **stranger, Unique_Id=unique_id)
        assert_conflict(answer, "Mobile_Number")  # else it tells whose Unique_Id that is


def test_its_review_item_is_kept_once_a_pair_with_the_claim_encrypted(ent, cbs, holder, stranger):
    for caller in (cbs, ent, cbs):
        assert_conflict(caller.call("add-customer", **stranger))
    review = DuplicateReview.objects.get()
    assert (review.customer_id, review.claimant) == (int(holder["Unique_Id"]), None)
    assert (review.processor, review.is_by_mobile) == (cbs.processor, True)
    assert review.read_claim()["customer_name"] == "Ravi Das"
    assert b"Ravi" not in bytes(review.claim)
    assert_conflict(ent.call("add-customer", **{**stranger, "Customer_Name": "Ravi D."}))
    assert DuplicateReview.objects.count() == 1


@pytest.mark.parametrize(
    "change", [{"Date_Of_Birth": "16-02-1991"}, {"Ovid_Type": "PAN", "Ovid_Value": "ABCDE1234F"}]
)
def test_another_claim_is_another_pair(ent, stranger, change):
    assert_conflict(ent.call("add-customer", **stranger))
    assert_conflict(ent.call("add-customer", **{**stranger, **change}))
    assert DuplicateReview.objects.count() == 2


def test_another_birth_date_with_the_document_in_common_is_the_same_person(ent, cbs):
    details = make_person(**make_aadhaar("123456789012"))
    unique_id = add_person(ent, **details)
    data, _ = read_done(cbs.call("add-customer", **{**details, "Date_Of_Birth": "01-01-1950"}))
    assert data["Unique_Id"] == unique_id


def test_another_document_of_the_same_type_is_409_before_the_200(ent, cbs):
    details = make_person(**make_aadhaar("123456789012"))
    add_person(ent, **details)
    for caller in (ent, cbs):
        answer = caller.call("add-customer", **{**details, **make_aadhaar("999999999999")})
        assert_conflict(answer, "Mobile_Number")
    assert DuplicateReview.objects.count() == 1
    read_done(
        cbs.call("add-customer", **{**details, "Ovid_Type": "PAN", "Ovid_Value": "ABCDE1234F"})
    )


def test_mobile_and_document_of_two_customers_are_answered_by_document(ent, cbs, holder):
    documented = add_person(ent, **make_aadhaar("123456789012"))
    claim = make_person(Mobile_Number=holder["Mobile_Number"], **make_aadhaar("123456789012"))
    for caller in (cbs, cbs):
        answer = caller.call("add-customer", **claim)
        assert answer[1]["Data"]["Unique_Id"] == documented
    review = DuplicateReview.objects.get()
    assert (review.customer_id, review.claimant_id) == (int(holder["Unique_Id"]), int(documented))
    assert find_status(ent, holder["Mobile_Number"]) == holder["Unique_Id"]


# What staff decide.


def test_same_person_attaches_this_claim_and_no_other(ent, cbs, holder, stranger, staff):
    assert_conflict(cbs.call("add-customer", **stranger))
    decide("SAME_PERSON", staff)
    other = {**stranger, "Date_Of_Birth": "16-02-1991"}
    assert_conflict(cbs.call("add-customer", **other), "Mobile_Number")
    data, _ = read_done(cbs.call("add-customer", **stranger))
    assert data["Unique_Id"] == holder["Unique_Id"]
    assert str(Customer.objects.get().date_of_birth) == "1991-02-14"
    assert ent.call("add-customer", **stranger)[1]["Data"]["Resp_Code"] == "200"
    assert not DuplicateReview.objects.exclude(outcome="").get().is_open


def test_same_person_with_another_document_keeps_the_one_on_record(ent, cbs, staff):
    details = make_person(**make_aadhaar("123456789012"))
    unique_id = add_person(ent, **details)
    other = {**details, **make_aadhaar("999999999999")}
    assert_conflict(cbs.call("add-customer", **other))
    decide("SAME_PERSON", staff)
    data, _ = read_done(cbs.call("add-customer", **other))
    assert data["Unique_Id"] == unique_id
    assert Document.objects.get().last_four == "9012"


def test_number_passed_on_frees_the_mobile_for_the_same_request(ent, cbs, holder, stranger, staff):
    ref = {"Ref_Id": "REF-1"}
    assert_conflict(cbs.call("add-customer", **stranger, **ref))
    proposal = decide("NUMBER_PASSED_ON", staff)
    # Another person has to approve it: until then it finds its holder.
    assert find_status(ent, holder["Mobile_Number"]) == holder["Unique_Id"]
    checker = User.objects.create(username="checker")
    reviews.NUMBER_PROPOSALS.decide(proposal_id=proposal.pk, state="APPROVED", user=checker)
    assert find_status(ent, holder["Mobile_Number"]) == "NA"
    assert Customer.objects.get().mobile == ""
    data, _ = read_done(cbs.call("add-customer", **stranger, **ref))
    assert data["Unique_Id"] != holder["Unique_Id"]
    assert find_status(ent, holder["Mobile_Number"]) == data["Unique_Id"]
    read_done(ent.call("check-customer-kyc", Unique_Id=holder["Unique_Id"]))


def test_different_people_both_stay_and_the_add_stays_409(ent, cbs, holder, stranger, staff):
    assert_conflict(cbs.call("add-customer", **stranger))
    decide("DIFFERENT_PEOPLE", staff)
    assert_conflict(cbs.call("add-customer", **stranger), "Mobile_Number")
    assert find_status(ent, holder["Mobile_Number"]) == holder["Unique_Id"]
    assert DuplicateReview.objects.count() == 1


def test_two_who_both_exist_are_not_one_by_one_persons_decision(ent, cbs, holder, staff):
    add_person(ent, **make_aadhaar("123456789012"))
    claim = make_person(Mobile_Number=holder["Mobile_Number"], **make_aadhaar("123456789012"))
    read_done(cbs.call("add-customer", **claim))
    with pytest.raises(Conflict):
        decide("SAME_PERSON", staff)
    assert DuplicateReview.objects.get().is_open
    assert not Customer.objects.exclude(survivor_id=None).exists()


def test_a_decision_is_made_once_and_with_a_reason(ent, stranger, staff):
    assert_conflict(ent.call("add-customer", **stranger))
    review = DuplicateReview.objects.get()
    with pytest.raises(Malformed):
        reviews.decide(review_id=review.pk, outcome="SAME_PERSON", reason=" ", user=staff)
    decide("DIFFERENT_PEOPLE", staff)
    with pytest.raises(Conflict):
        decide("SAME_PERSON", staff)


def test_a_number_that_was_changed_since_can_not_be_passed_on(ent, holder, stranger, staff):
    assert_conflict(ent.call("add-customer", **stranger))
    read_done(
        ent.call("update-customer", Unique_Id=holder["Unique_Id"], Mobile_Number=draw_mobile())
    )
    with pytest.raises(Conflict):
        decide("NUMBER_PASSED_ON", staff)
    data, _ = read_done(ent.call("add-customer", **stranger))
    assert data["Unique_Id"] != holder["Unique_Id"]
