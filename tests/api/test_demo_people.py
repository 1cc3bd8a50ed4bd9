"""One customer of each kind to try with: each answers as is said of it."""

from datetime import date, timedelta

import pytest

from customers.models import Customer, DuplicateReview
from ppims.core import calendar, clock
from ppims.core.errors import Conflict
from ppims.demo import people, reset, traffic_place
from ppims.models import AuditEntry
from tests.api.test_demo_controls import _stand_in, ask  # noqa: F401
from tests.factories import make_rule
from tests.web.admin_pages import make_user


@pytest.fixture
def made(ent, cbs):
    """The values to send of each kind, by kind."""
    make_user("maker")
    starts = calendar.find_midnight(date(2022, 1, 1))
    stop = {"tier": "N", "direction": "C", "window": "CREDIT_STOP", "amount": 24}
    make_rule(**stop, in_force_from=starts)
    found = people.make_people(processor=ent.processor)
    return {person.kind: dict(person.values) for person in found}


def check(caller, person, amount, direction="D", **more):
    """Check an amount: whether it is allowed, and why."""
    values = {"Amount": amount, "Tran_Type": direction, "Unique_Id": person["Unique_Id"]}
    status, said, _ = caller.call("check-customer-limit", **values, **more)
    assert status == 200, said
    return said["Data"]["Allow_Customer"], said["Meta"]["Decision"]["Reason"]


def test_there_is_one_of_each_kind(made):
    assert list(made) == list(people.KINDS)
    assert len({person["Unique_Id"] for person in made.values()}) == len(made)


def test_each_is_known_to_the_processor_by_the_values_that_are_given(made, ent):
    for kind, person in made.items():
        born = {"Date_Of_Birth": person["Date_Of_Birth"]} if kind != "reissued-mobile" else {}
        named = {"Mobile_Number": person["Mobile_Number"], **born}
        _, said, _ = ent.call("customer-registration-status", **named)
        assert said["Data"]["Unique_Id"] == person["Unique_Id"]


def test_a_new_one_may_spend_and_load_up_to_the_limit(made, ent):
    for direction in "DC":
        assert check(ent, made["new"], "10000.01", direction) == ("F", "MONTH_LIMIT")
        assert check(ent, made["new"], "10000.00", direction) == ("T", "WITHIN_LIMITS")


def test_at_80_percent_a_fifth_is_left(made, ent):
    assert check(ent, made["at-80-percent"], "2000.01") == ("F", "MONTH_LIMIT")
    assert check(ent, made["at-80-percent"], "2000.00") == ("T", "WITHIN_LIMITS")


def test_at_the_limit_nothing_is_left_to_spend(made, ent):
    assert check(ent, made["at-the-limit"], "0.01") == ("F", "MONTH_LIMIT")
    assert check(ent, made["at-the-limit"], "0.01", "C") == ("T", "WITHIN_LIMITS")


def test_the_blocked_one_is_declined_both_ways(made, ent):
    for direction in "DC":
        assert check(ent, made["blocked"], "1.00", direction) == ("F", "CUSTOMER_BLOCKED")


def test_the_frozen_account_declines_where_it_is_named(made, ent):
    person = made["account-frozen"]
    account = {"Account_Number": person["Account_Number"]}
    assert check(ent, person, "1.00", **account) == ("F", "ACCOUNT_NOT_ACTIVE")


def test_the_one_whose_loading_stopped_may_spend_and_not_load(made, ent):
    assert check(ent, made["loading-stopped"], "1.00", "C") == ("F", "KYC_EXPIRED")
    assert check(ent, made["loading-stopped"], "1.00", "D") == ("T", "WITHIN_LIMITS")
    assert check(ent, made["new"], "1.00", "C") == ("T", "WITHIN_LIMITS")


def test_the_reissued_mobile_with_another_birth_date_is_for_staff(made, ent):
    person = made["reissued-mobile"]
    assert person["Date_Of_Birth"] != people.BIRTH_DATE.strftime("%d-%m-%Y")
    sent = {name: value for name, value in person.items() if name != "Unique_Id"}
    fixed = {"Account_Status": "A", "KYC_Flag": "N", "KYC_Updated_Channel": "MOB"}
    status, said, _ = ent.call("add-customer", **sent, **fixed, Customer_Type="N", Card_Status="A")
    assert (status, said["Data"]["Resp_Code"]) == (409, "409")
    assert DuplicateReview.objects.get().customer_id == int(person["Unique_Id"])


def test_what_one_processor_books_of_who_is_known_to_both_counts_at_the_other(made, ent, cbs):
    person = made["known-to-both"]
    assert check(ent, person, "6000.00") == ("T", "WITHIN_LIMITS")
    assert check(cbs, person, "6000.00") == ("F", "MONTH_LIMIT")
    assert check(cbs, person, "4000.00") == ("T", "WITHIN_LIMITS")


def test_the_next_set_is_of_others_and_the_newest_is_listed(made, cbs):
    again = people.make_people(processor=cbs.processor)
    assert not {p.values["Mobile_Number"] for p in again} & {
        person["Mobile_Number"] for person in made.values()
    }
    assert people.list_newest() == ("CBS", again)


def test_they_are_made_as_of_the_clocks_now(ent):
    make_user("maker")
    at = clock.now() + timedelta(days=40)
    with clock.freeze(at):
        found = people.make_people(processor=ent.processor)
    assert Customer.objects.get(pk=found[0].values["Unique_Id"]).created_at == at


def test_without_a_rule_or_a_second_processor_there_is_nobody_of_that_kind(ent):
    make_user("maker")
    kinds = [person.kind for person in people.make_people(processor=ent.processor)]
    assert {*people.KINDS} - {*kinds} == {"loading-stopped", "known-to-both"}


def test_all_are_made_or_nobody_and_the_audit_has_one_entry_of_the_set(ent):
    with pytest.raises(Conflict):  # nobody may block
        people.make_people(processor=ent.processor)
    assert not Customer.objects.exists()
    make_user("maker")
    people.make_people(processor=ent.processor)
    entry = AuditEntry.objects.get(action=people.PEOPLE_MADE)
    assert (entry.subject, entry.processor_id) == (0, ent.processor.pk)


def test_a_test_suite_has_them_made_by_its_own_credentials(ent):
    make_user("maker")
    status, said = ask(ent, "people")
    assert status == 200
    assert said["People"] == [person.write_fields() for person in people.list_newest()[1]]
    assert {"Kind", "About", "Unique_Id", "Mobile_Number"} <= said["People"][0].keys()


@pytest.mark.parametrize(
    ("name", "asked", "fields"),
    [
        ("traffic", {"Rate": 21}, ["Rate"]),
        ("traffic", {"Rate": 0, "For": "11m"}, ["Rate", "For"]),
        ("traffic", {"For": 60}, ["For"]),
        ("traffic", {"Stop": "hm"}, ["Stop"]),
    ],
)
def test_what_a_control_is_asked_is_read_strictly(ent, monkeypatch, name, asked, fields):
    monkeypatch.setattr(traffic_place.subprocess, "Popen", None)  # nothing is started
    status, said = ask(ent, name, **asked)
    assert (status, [each["Field"] for each in said["Errors"]]) == (400, fields)


def test_without_a_start_to_go_back_to_it_says_what_to_do(ent):
    status, said = ask(ent, "reset")
    assert (status, said["Errors"]) == (409, [{"Field": "", "Message": reset.NO_START_MESSAGE}])
