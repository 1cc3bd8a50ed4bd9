"""Who is named while a merge or an un-merge of them is approved: each operation answers as before
it or as after it, whichever statement of it comes first.
"""

import pytest

from customers import people
from customers.models import Customer
from ppims.db import statements
from tests.api.answers import add_person, assert_unknown, freeze_at, read_done
from tests.factories import set_tier
from tests.two_people import merge_customers, unmerge_customer

MOST_READS = 12


@pytest.fixture
def two(ent, cbs):
    with freeze_at("01-10-2026 10:00:00"):
        one = add_person(ent, Cif_Id="CIF-ENT", Mobile_Number="9811111111")
    with freeze_at("02-10-2026 10:00:00"):
        other = add_person(cbs, Cif_Id="CIF-CBS", Mobile_Number="9822222222")
        set_tier(int(other), "F")
    merge_customers(int(one), int(other))
    return one, other


def part(two):
    unmerge_customer(int(two[1]))


def join_again(two):
    merge_customers(*map(int, two))


class Meanwhile:
    """Does something once, before the next so many reads of these tables."""

    def __init__(self, monkeypatch, reads, deed):
        self._left, self._deed = reads, deed
        for name in ("read_row", "read_rows"):
            monkeypatch.setattr(statements, name, self._wrap(getattr(statements, name)))

    def _wrap(self, read):
        def count_and_read(sql, values=()):
            if self._deed and ("customers_customer" in sql or "customers_kin" in sql):
                self._left -= 1
                if self._left < 0:
                    deed, self._deed = self._deed, None
                    deed()
            return read(sql, values)

        return count_and_read


def ask_kyc(cbs, two):
    return read_done(cbs.call("check-customer-kyc", Unique_Id=two[1]))[0]


def find_status(cbs, two):
    return cbs.call("customer-registration-status", Mobile_Number="9822222222")[1]["Data"]


@pytest.mark.parametrize("ask", [ask_kyc, find_status])
@pytest.mark.parametrize("is_parting", [True, False])
def test_who_asks_hears_as_it_was_or_as_it_is(cbs, two, monkeypatch, ask, is_parting):
    if not is_parting:
        part(two)
    before, deed = ask(cbs, two), part if is_parting else join_again
    answers = []
    for reads in range(MOST_READS):
        with monkeypatch.context() as patched:
            Meanwhile(patched, reads, lambda: deed(two))
            answers.append(ask(cbs, two))
        after = ask(cbs, two)
        if after == before:
            break  # so many reads there are not
        (join_again if is_parting else part)(two)
        assert (answers[-1]["Cif_Id"], answers[-1]["KYC_Flag"]) == ("CIF-CBS", "F")
        assert answers[-1]["Unique_Id"] in {before["Unique_Id"], after["Unique_Id"]}
    assert len(answers) in range(3, MOST_READS)


def test_who_is_parted_while_an_update_waits_is_changed_by_who_knows_them_alone(
    ent, cbs, two, monkeypatch
):
    lock = people.lock_way_up

    def wait_and_lock(unique_id):
        if people.survivors.find_root(unique_id) != unique_id:
            part(two)
        return lock(unique_id)

    monkeypatch.setattr(people, "lock_way_up", wait_and_lock)
    assert_unknown(ent.call("update-customer", Unique_Id=two[1], Email_Id="a@b.in"))
    assert Customer.objects.get(pk=two[1]).email == ""
    data = read_done(cbs.call("update-customer", Unique_Id=two[1], Email_Id="a@b.in"))[0]
    assert (data["Unique_Id"], data["Old_Unique_Id"]) == (two[1], "NA")
    assert [Customer.objects.get(pk=each).email for each in two] == ["", "a@b.in"]
