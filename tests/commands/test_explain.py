"""`manage explain`: what it finds by a name, and its exit code."""

import io
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from limits.explain import finding
from ppims.core import clock
from tests.factories import make_check, make_customer, make_posting, make_processor
from tests.two_people import merge_customers

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
AT = datetime(2026, 11, 25, 10, 47, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now():
    with clock.freeze(AT):
        yield


@pytest.fixture
def ent(db):
    return make_processor("ENT")


@pytest.fixture
def cbs(db):
    return make_processor("CBS")


@pytest.fixture
def customer(ent, cbs):
    return make_customer(ent, cbs, customer_name="Kavya Roy", account_number="501234567890")


def explain(*named):
    out = io.StringIO()
    call_command("explain", *named, stdout=out)
    return out.getvalue()


def list_titles(said):
    lines = said.splitlines()
    return [line for line, below in itertools.pairwise(lines) if below.startswith("==")]


def test_a_check_is_found_by_its_ref_id_and_told_in_plain_text(ent, customer):
    make_check(ent, customer, 200_000, ref_id="ASK-1", account_number="501234567890")
    said = explain("ASK-1")
    assert list_titles(said) == ["Check, spend ₹2,000.00"]
    assert "As recorded." in said
    assert "••••7890" in said
    assert "501234567890" not in said
    assert "Kavya" not in said
    assert max(map(len, said.splitlines())) <= 100


def test_a_posting_is_found_by_its_tran_id_with_what_gave_back_of_it(ent, customer):
    make_posting(ent, customer, 900, tran_id="T1")
    make_posting(ent, customer, 500, tran_id="T1", direction="C")
    make_posting(ent, customer, 100, "R", tran_id="T1")
    said = explain("T1")
    titles = ["Posted, spend ₹9.00", "Posted, load ₹5.00", "Reversed, spend ₹1.00"]
    assert sorted(list_titles(said)) == sorted(titles)
    assert "This fits 3 records." in said


def test_one_name_of_two_processors_and_of_a_check_and_an_update(ent, cbs, customer):
    make_check(ent, customer, 100, ref_id="A1")
    make_check(cbs, customer, 200, ref_id="A1")
    make_posting(cbs, customer, 300, ref_id="A1")
    said = explain("A1")
    assert len(list_titles(said)) == 3
    assert "Add --processor ENT" in said
    of_one = explain("A1", "--processor", "ENT")
    assert list_titles(of_one) == ["Check, spend ₹1.00"]
    assert "This fits" not in of_one


def test_what_two_people_made_is_found_by_its_own_name(ent, cbs):
    with clock.freeze(AT - timedelta(days=9)):
        survivor = make_customer(ent)
    merged = make_customer(cbs)
    posting, _ = make_posting(cbs, merged, 500)
    made = merge_customers(survivor, merged)
    said = explain(f"MERGE-{made.pk}")
    assert list_titles(said) == ["Moved, spend -₹5.00", "Moved, spend ₹5.00"]
    assert said.count("Approved by") == 2
    assert list_titles(explain(f"entry/{posting.pk}")) == ["Posted, spend ₹5.00"]


@pytest.mark.parametrize("named", [["NONE"], ["NONE", "--processor", "ENT"], ["entry/99"], [""]])
def test_what_is_not_found_says_where_else_to_look(customer, named):
    with pytest.raises(CommandError, match="Nothing has this Ref_Id or Tran_Id"):
        explain(*named)


def test_another_processors_ref_id_is_not_found_and_an_unknown_one_is_said(ent, cbs, customer):
    make_check(ent, customer, 100, ref_id="A1")
    with pytest.raises(CommandError, match="Nothing has"):
        explain("A1", "--processor", "CBS")
    with pytest.raises(CommandError, match="no processor XYZ"):
        explain("A1", "--processor", "XYZ")


def test_a_tran_id_that_many_customers_have_asks_no_more_than_for_some(ent, cbs):
    others = [make_customer(ent, cbs) for _ in range(finding.MOST_POSTINGS + 2)]
    for each in others:
        make_posting(ent, each, 100, tran_id="1")
    assert len(finding.find_rows("1")) == finding.MOST_POSTINGS + 1
    assert "This fits more; 10 were explained." in explain("1")
