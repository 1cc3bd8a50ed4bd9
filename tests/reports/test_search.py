"""What staff type finds whom it means, and says by what."""

import re
from datetime import date

import pytest

from customers import search as of_customers
from customers.details import CustomerDetails
from customers.models import NameWord
from customers.models.name_words import split_words
from customers.services import customers
from limits.models import LedgerEntry, LimitCheck
from ppims.models import Operation
from ppims.reports.records import Source
from ppims.reports.search import MOST_HITS, find_alike, find_hits
from ppims.services.idempotency import Call
from tests.factories import draw_ref, make_check, make_customer, make_posting

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
MOBILE, CARD, PAN = "919812345678", "4111222233334321", "ABCPE1234F"


@pytest.fixture
def meera(ent):
    make_customer(ent, customer_name="Arun Rao")
    return make_customer(
        ent,
        customer_name="Meera Verma-D'Souza",
        mobile_number=MOBILE,
        customer_id="CUST7",
        cif_id="CIF00042",
        account_number="009988776655",
        card_number=CARD,
        card_status="A",
        ovid_type="PAN",
        ovid_value=PAN,
    )


def find_names(text):
    return [(hit.customer_id, *hit.matched) for hit in find_hits(text)]


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("9812345678", "mobile"),
        (MOBILE, "mobile"),
        ("+91 98123 45678", "mobile"),
        ("98123-45678", "mobile"),
        ("4321", "card ending 4321"),
        ("009988776655", "account number"),
        ("CUST7", "Customer id"),
        ("CIF00042", "CIF id"),
        (PAN, "PAN"),
        ("abcpe 1234f", "PAN"),
        ("meera", "name"),
        ("MEE", "name"),
        ("verm", "name"),
        ("dsouza", "name"),
        ("d'so", "name"),
        ("souza verma", ""),
        ("verma mee", "name"),
        (" Meera   Verma-D’Souza ", "name"),
    ],
)
def test_each_form_finds_the_customer_and_says_what_matched(meera, text, matched):
    assert find_names(text) == ([(meera, matched)] if matched else [])


def test_a_unique_id_finds_its_customer(meera):
    assert find_names(str(meera)) == [(meera, "Unique id")]


def test_a_ref_id_finds_the_row_that_it_asked_for(meera, ent, cbs):
    asked, _ = make_check(ent, meera, 100, ref_id="REF1")
    posted, _ = make_posting(ent, meera, 100, ref_id="REF2", tran_id="TRAN1", enquiry="REF1")
    assert [(h.matched, h.source, h.row_id) for h in find_hits("REF1")] == [
        (("Ref id",), Source.CHECK, asked.pk)
    ]
    for text, matched in (("REF2", "Ref id"), ("TRAN1", "Tran id")):
        (hit,) = find_hits(text)
        assert (hit.customer_id, hit.matched) == (meera, (matched,))
        assert (hit.source, hit.row_id) == (Source.ENTRY, posted.pk)


def test_a_ref_id_of_an_add_finds_the_customer(ent):
    person = CustomerDetails(
        customer_name="Om Das",
        mobile_number=MOBILE,
        date_of_birth=date(1990, 1, 1),
        kyc_flag="N",
        kyc_updated_channel="PGO",
    )
    call = Call(ent, Operation.ADD_CUSTOMER, "ADD1", {})
    receipt, _ = customers.add_customer(call=call, details=person)
    (hit,) = find_hits("ADD1")
    assert (hit.customer_id, hit.matched, hit.source) == (receipt.unique_id, ("Ref id",), None)


def test_a_tran_id_that_two_have_finds_both(meera, ent, cbs):
    other = make_customer(cbs)
    make_posting(ent, meera, 100, tran_id="TRAN1")
    make_posting(cbs, other, 100, tran_id="TRAN1")
    assert sorted(find_names("TRAN1")) == sorted([(meera, "Tran id"), (other, "Tran id")])


def count_rows(text):
    return {(hit.customer_id, hit.matched, hit.source, hit.row_id) for hit in find_hits(text)}


def test_one_ref_id_of_a_check_and_of_a_posting_is_two_hits(meera, ent, cbs):
    asked, _ = make_check(ent, meera, 100, ref_id="REF1")
    posted, _ = make_posting(ent, meera, 100, ref_id="REF1", tran_id="TRAN1")
    at_another, _ = make_check(cbs, make_customer(cbs), 100, ref_id="REF1")
    assert count_rows("REF1") == {
        (meera, ("Ref id",), Source.CHECK, asked.pk),
        (meera, ("Ref id",), Source.ENTRY, posted.pk),
        (at_another.customer_id, ("Ref id",), Source.CHECK, at_another.pk),
    }
    assert count_rows("verma REF1") == {
        (meera, ("name", "Ref id"), Source.CHECK, asked.pk),
        (meera, ("name", "Ref id"), Source.ENTRY, posted.pk),
    }


def test_one_tran_id_of_a_transfer_is_a_hit_each_way(ent):
    customer = make_customer(ent)
    ways = [make_posting(ent, customer, 100, tran_id="TRAN1", direction=way)[0].pk for way in "DC"]
    assert sorted(hit.row_id for hit in find_hits("TRAN1")) == ways


def test_one_tran_id_posted_at_two_processors_is_two_hits(ent, cbs):
    customer = make_customer(ent, cbs)
    first, _ = make_posting(ent, customer, 100, tran_id="TRAN1")
    second, _ = make_posting(cbs, customer, 100, tran_id="TRAN1")
    assert count_rows("TRAN1") == {
        (customer, ("Tran id",), Source.ENTRY, first.pk),
        (customer, ("Tran id",), Source.ENTRY, second.pk),
    }


def test_one_row_by_two_numbers_is_one_hit(meera, ent):
    posted, _ = make_posting(ent, meera, 100, ref_id="SAME1", tran_id="SAME1")
    assert count_rows("SAME1") == {(meera, ("Ref id", "Tran id"), Source.ENTRY, posted.pk)}


def test_a_number_of_the_customer_and_of_a_row_is_two_hits(meera, ent):
    asked, _ = make_check(ent, meera, 100, ref_id="CUST7")
    assert count_rows("CUST7") == {
        (meera, ("Customer id",), None, None),
        (meera, ("Ref id",), Source.CHECK, asked.pk),
    }


def test_of_several_words_each_has_to_match(meera, ent):
    other = make_customer(ent, customer_name="Kiran Verma", card_number="4111222233339999")
    assert find_names("4321 verma") == [(meera, "card ending 4321", "name")]
    assert find_names("verma 9999") == [(other, "name", "card ending 9999")]
    assert find_names("4321 kiran") == []
    assert find_names("4321 9999") == []
    assert find_names("9812345678 mee 4321") == [(meera, "mobile", "name", "card ending 4321")]
    assert sorted(hit[0] for hit in find_names("verma")) == sorted([meera, other])


def test_what_matches_nobody_finds_nobody(meera):
    for text in (
        "",
        "   ",
        "x",
        "zz",
        "0000",
        "9812345679",
        "%",
        "_eera",
        "'",
        "a" * 500,
        "1 " * 99,
    ):
        assert find_names(text) == []


def test_there_are_so_many_hits_at_most(ent):
    for _ in range(MOST_HITS + 3):
        make_customer(ent, customer_name="Meera Iyer", card_number=f"411122223333{4321}")
    assert (
        len(find_names("meera"))
        == len(find_names("iyer mee"))
        == len(find_names("4321"))
        == MOST_HITS
    )


def test_words_that_begin_alike_make_one_hit(ent):
    customer = make_customer(ent, customer_name="Ram Rama Ramana Ramani Ramanujan")
    assert find_names("ram") == [(customer, "name")]


def test_a_rare_pair_of_words_is_found_among_many_of_one(ent, monkeypatch):
    for _ in range(5):
        make_customer(ent, customer_name="Ravi Kumar")
    customer = make_customer(ent, customer_name="Ravi Zutshi")
    monkeypatch.setattr(of_customers, "CUSTOMERS_OF_A_WORD", 3)
    assert find_names("ravi zut") == [(customer, "name")]


def test_a_new_name_finds_and_the_old_one_no_longer(meera, ent):
    call = Call(ent, Operation.UPDATE_CUSTOMER, draw_ref(), {})
    customers.update_customer(
        call=call, details=CustomerDetails(unique_id=meera, customer_name="Meera Kapoor")
    )
    assert find_names("kapoor") == find_names("mee kap") == [(meera, "name")]
    assert find_names("verma") == []
    words = NameWord.objects.filter(customer_id=meera).values_list("word", flat=True)
    assert sorted(words) == ["kapoor", "meera"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Meera Iyer", ["meera", "iyer"]),
        ("  O'Brien-Smith, J.R. ", ["obrien", "smith", "j", "r"]),
        ("मीरा शर्मा", ["मीरा", "शर्मा"]),
        ("\uff21nand Straße", ["anand", "strasse"]),
        ("Ram ram RAM", ["ram"]),
        ("– . '", []),
    ],
)
def test_the_words_of_a_name_are_in_one_case_and_without_signs(name, words):
    assert split_words(name) == words


ALIKE = [
    ("José Núñez", "jose nunez"),
    ("Jose Nunez", "JOSE\u0301 nu\u0303n"),
    ("क्\u200dषमा राव", "क्षमा"),
    ("क्षमा राव", "क्\u200dषमा"),
    ("Ra\u00advi Rao", "ravi"),
    ("Ravi Rao", "ra\u00advi"),
    ("Shri\u200bdevi Rao", "shridevi"),
    ("Straße", "STRASSE"),
    ("İbrahim Khan", "ibrahim"),
    ("D\u00b4Souza", "dsouza"),
    ("\uff2d\uff45\uff45ra", "meera"),
]


@pytest.mark.parametrize(("name", "typed"), ALIKE, ids=ascii)
def test_a_name_is_found_whatever_joiners_accents_and_forms_it_has(ent, name, typed):
    assert find_names(typed) == []
    customer = make_customer(ent, customer_name=name)
    assert find_names(typed) == [(customer, "name")]


def test_signs_of_indian_scripts_are_letters_of_their_word(ent):
    make_customer(ent, customer_name="मीरा")
    assert find_names("मारा") == []
    assert split_words("मीरा ज़ैनब மீரா") == ["मीरा", "ज़ैनब", "மீரா"]


# One wrong letter.


def find_names_alike(text):
    return [(hit.customer_id, *hit.matched) for hit in find_alike(text)]


@pytest.mark.parametrize(
    "typed",
    [
        *("verna", "varma", "werma", "verms", "Vermma", "averma", "vermah", "vema", "erma", "verm"),
        *("evrma", "vemra", "veram", "meera varma", "mera verma", "ver meara", "varma mee"),
        "mera varma",
    ],
)
def test_a_name_is_found_by_one_letter_wrong_left_out_put_in_or_swapped(meera, typed):
    assert find_names_alike(typed) == [(meera, "name")]


@pytest.mark.parametrize(
    "typed",
    ["vxrmx", "vemrra", "me", "mx", "meera vxrmx", "meera rao", "meera zutshi", "", "x" * 500, "%"],
)
def test_two_wrong_letters_find_nobody_nor_does_a_short_word(meera, typed):
    assert find_names_alike(typed) == []


def test_a_wrong_letter_is_found_beside_a_number_too(meera, ent):
    make_customer(ent, customer_name="Kiran Rao", card_number="4111222233334321")
    assert find_names("4321 varma") == []
    assert find_names_alike("4321 varma") == [(meera, "card ending 4321", "name")]
    assert find_names_alike("9999 varma") == []


def test_a_wrong_letter_of_an_indian_script_is_found(ent):
    customer = make_customer(ent, customer_name="मीरा शर्मा")
    assert find_names("मारा") == []
    for typed in ("मारा", "मीरी शर्मा", "शरमा"):
        assert find_names_alike(typed) == [(customer, "name")]


def test_who_is_alike_comes_by_turns_and_so_many_at_most(ent):
    meenas = [make_customer(ent, customer_name="Meena Rao") for _ in range(MOST_HITS + 3)]
    meera = make_customer(ent, customer_name="Meera Rao")
    found = [customer for customer, _ in find_names_alike("meeza")]
    assert len(found) == MOST_HITS
    assert found[:3] == [min(meenas), meera, sorted(meenas)[1]]


def test_a_hit_names_nobody_where_it_is_written_down(meera):
    assert not re.search("meera|verma|souza", repr(find_hits("meera")), re.IGNORECASE)


def test_a_search_asks_a_bounded_number_of_things(meera, ent, django_assert_max_num_queries):
    make_check(ent, meera, 100, ref_id="REF1")
    assert LimitCheck.objects.count() == 1
    assert not LedgerEntry.objects.exists()
    for text, most in (("REF1", 10), ("meera verma", 30), ("4321 verma", 30), (MOBILE, 10)):
        with django_assert_max_num_queries(most):
            find_hits(text)
    for text, most in (("varma", 4), ("meera varma", 20), ("4321 varma", 20), ("z " * 50, 80)):
        with django_assert_max_num_queries(most):
            find_alike(text)
