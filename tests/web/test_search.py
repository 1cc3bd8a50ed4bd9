"""Search: sent by POST, kept under a random key; it leads to the one who is meant, else to hits."""

import re

import pytest
from django.urls import reverse

from customers.models import Customer
from ppims.backoffice.search import MOST_KEPT, QUICK_HITS
from ppims.models import StaffSession
from ppims.reports.search import MOST_HITS
from tests.factories import make_check, make_customer, make_posting, make_processor
from tests.web.admin_pages import open_browser, read_words
from tests.web.private_customer import CARD, CIF, MOBILE, NAME, PAN, list_unmasked, make_meera

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def meera(ent):
    make_customer(ent, customer_name="Arun Rao")
    return make_meera(ent)


def find_page(customer):
    return reverse("customer", args=[customer])


def search(client, text, **more):
    return client.post("/search", {"q": text}, **more)


@pytest.mark.parametrize("text", [MOBILE[2:], f"{CARD[-4:]} verma", PAN, "meera", CIF])
def test_the_only_one_who_fits_is_led_to(meera, text):
    assert search(open_browser("viewer"), f"  {text} ").headers["Location"] == find_page(meera)


@pytest.mark.parametrize("text", ["REF7", "TRAN7"])
def test_a_transaction_that_fits_is_led_to(meera, ent, text):
    entry, _ = make_posting(ent, meera, 1_00, ref_id="REF7", tran_id="TRAN7")
    location = search(open_browser("viewer"), text).headers["Location"]
    assert location == reverse("transaction", args=["entry", entry.pk])


def test_a_number_of_two_transactions_leads_to_neither_and_lists_both(ent):
    cbs = make_processor("CBS")
    customer = make_customer(ent, cbs)
    make_check(ent, customer, 5_00, ref_id="REF7")
    make_posting(ent, customer, 1_00, ref_id="REF7", tran_id="TRAN7")
    make_posting(cbs, customer, 2_00, tran_id="TRAN7")
    client = open_browser("viewer")
    for text, rows in (
        ("REF7", ("Ref id: Check ₹5.00, ENT, ", "Ref id: Posted ₹1.00, ENT, ")),
        ("TRAN7", ("Tran id: Posted ₹1.00, ENT, ", "Tran id: Posted ₹2.00, CBS, ")),
    ):
        location = search(client, text).headers["Location"]
        assert location.startswith("/search/")
        page = read_words(client.get(location))
        assert "2 hits for “••••”." in page
        quick = read_words(search(client, text, headers=HTMX))
        assert [row for row in rows if row not in page or row not in quick] == []


@pytest.mark.parametrize("text", ["e", "verma", "4321 rao", MOBILE])
def test_no_address_says_what_was_looked_for(meera, ent, text):
    make_customer(ent, customer_name="Kiran Verma", mobile_number="919812345670")
    location = search(open_browser("viewer"), text).headers["Location"]
    assert re.fullmatch(r"/search/[\w-]{16}|/customers/\d{15}", location)


def test_several_who_fit_are_listed_with_what_fits(meera, ent):
    other = make_customer(ent, customer_name="Kiran Verma", kyc_flag="N")
    page = search(open_browser("viewer"), "verma", follow=True)
    words = read_words(page)
    assert "2 hits for “verma”." in words
    assert f"Meera Verma name New Min ••••5678 {meera}" in words
    assert "Kiran Verma name Min ••••" in words
    for customer in (meera, other):
        assert f'href="{find_page(customer)}"' in page.content.decode()


def test_a_hit_says_who_is_blocked(meera, ent):
    other = make_customer(ent, customer_name="Kiran Verma")
    Customer.objects.filter(pk=other).update(status="BLOCKED", blocked_reason="stolen")
    words = read_words(search(open_browser("viewer"), "verma", follow=True))
    assert "Kiran Verma Blocked by us name" in words
    assert "Meera Verma name" in words


@pytest.mark.parametrize("typed", ["varma", "mera verma", "4321 varma"])
def test_one_wrong_letter_leads_to_nobody_and_lists_who_is_alike(meera, typed):
    client = open_browser("viewer")
    address = search(client, typed).headers["Location"]
    page = client.get(address)
    assert "No exact match for “" in read_words(page)
    assert f'href="{find_page(meera)}"' in page.content.decode()
    quick = search(client, typed, headers=HTMX)
    assert "No exact match. Alike: Meera Verma" in read_words(quick)


def test_who_fits_exactly_is_not_mixed_with_who_is_alike(meera, ent):
    make_customer(ent, customer_name="Kiran Varma")
    quick = read_words(search(open_browser("viewer"), "varma", headers=HTMX))
    assert "Kiran Varma" in quick
    assert "Alike" not in quick
    assert "Verma" not in quick


def test_nobody_fits_and_it_says_what_can_be_looked_for(meera):
    words = read_words(search(open_browser("viewer"), "zutshi", follow=True))
    assert "No match for “zutshi”." in words
    assert "Search for a customer by the beginning of a name" in words


def test_nothing_typed_is_no_search(meera):
    client = open_browser("viewer")
    page = search(client, "   ")
    assert page.status_code == 200
    assert "Search for a customer" in read_words(page)
    assert "searches" not in client.session


def test_a_search_is_made_anew_at_every_look(meera, ent):
    make_customer(ent, customer_name="Kiran Verma")
    client = open_browser("viewer")
    address = search(client, "verma").headers["Location"]
    make_customer(ent, customer_name="Om Verma")
    for _ in range(2):
        assert "3 hits for" in read_words(client.get(address))


def test_another_session_finds_no_search_under_the_key(meera):
    address = search(open_browser("viewer"), "zutshi").headers["Location"]
    page = open_browser("viewer").get(address)
    assert "zutshi" not in page.content.decode()
    assert "This search is kept no longer" in read_words(page)


def test_the_last_few_searches_are_kept(meera):
    client = open_browser("viewer")
    addresses = [
        search(client, f"zutshi {number}").headers["Location"] for number in range(MOST_KEPT + 1)
    ]
    gone, *kept = addresses
    assert "kept no longer" in read_words(client.get(gone))
    for address in kept:
        assert "No match" in read_words(client.get(address))


@pytest.mark.parametrize(
    "text", [MOBILE, "98123 45678", "98123-45679 x", f"{PAN} x", "9812 3456 x"]
)
def test_no_page_says_a_number_that_was_typed(meera, text):
    page = search(open_browser("viewer"), text, follow=True)
    assert list_unmasked(page) == []
    for part in text.split():
        assert part == "x" or part not in read_words(page)


# While one types.


def test_while_one_types_hits_come_by_themselves_and_nothing_is_kept(meera):
    client = open_browser("viewer")
    before = StaffSession.objects.get().session_data
    page = search(client, "mee", headers=HTMX)
    assert page.status_code == 200
    assert "<html" not in page.content.decode()
    assert f'<a href="{find_page(meera)}">' in page.content.decode()
    assert "Meera Verma New Min · ••••5678 name" in read_words(page)
    assert StaffSession.objects.get().session_data == before


def test_while_one_types_few_hits_come_and_how_many_there_are(meera, ent):
    for _ in range(MOST_HITS):
        make_customer(ent, customer_name="Om Verma")
    page = search(open_browser("viewer"), "verma", headers=HTMX)
    assert page.content.decode().count("<li>") == QUICK_HITS
    assert f"All {MOST_HITS} hits" in read_words(page)
    full = read_words(search(open_browser("viewer"), "verma", follow=True))
    assert f"The first {MOST_HITS} that fit “verma”." in full


@pytest.mark.parametrize(("text", "words"), [("", ""), ("zut", "No match.")])
def test_while_one_types_and_nobody_fits_it_says_so(meera, text, words):
    assert read_words(search(open_browser("viewer"), text, headers=HTMX)).strip() == words


def test_a_name_is_text_and_nothing_else(ent):
    for name in ("<b>Om</b> Das", "<b>Om</b> Rao"):
        make_customer(ent, customer_name=name)
    for page in (
        search(open_browser("viewer"), "om", follow=True),
        search(open_browser("viewer"), "om", headers=HTMX),
        search(open_browser("viewer"), "<b>x</b>", follow=True),
    ):
        assert "<b>" not in page.content.decode()


def test_it_takes_a_bounded_number_of_queries(ent, django_assert_max_num_queries):
    for _ in range(MOST_HITS):
        make_customer(ent, customer_name=NAME)
    client = open_browser("viewer")
    with django_assert_max_num_queries(24):
        search(client, "meera verma", headers=HTMX)
    with django_assert_max_num_queries(40):
        address = search(client, "meera verma").headers["Location"]
    with django_assert_max_num_queries(24):
        assert client.get(address).status_code == 200
