"""Revealing what is masked, for a reason and for one look; and notes: both audited."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from customers.models import NOTE_CHARACTERS, CustomerNote
from ppims.backoffice.customer import notes
from ppims.backoffice.customer import reveal as customer_reveal
from ppims.models import AuditEntry
from ppims.services import audit
from tests.factories import make_customer, make_processor
from tests.two_people import merge_customers, unmerge_customer
from tests.web.admin_pages import open_browser, read_words
from tests.web.private_customer import NEVER_SHOWN, PRIVATE_WORDS, list_unmasked, make_meera

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
OLDER_LINK = re.compile(r'href="/customers/[0-9]+([?]notes=[0-9]+)#notes">(.*?)<')


@pytest.fixture
def meera(db):
    return make_meera(make_processor("ENT"))


def list_audited(action):
    return [
        (entry.subject, entry.user.username, audit.read_detail(entry))
        for entry in AuditEntry.objects.filter(action=action).select_related("user").order_by("pk")
    ]


def reveal(client, customer, reason="asked by phone", **more):
    return client.post(reverse("customer-reveal", args=[customer]), {"reason": reason}, **more)


@pytest.mark.parametrize("role", ["maker", "auditor"])
def test_a_reason_reveals_for_one_look_and_is_audited(meera, role):
    client = open_browser(role)
    page = reveal(client, meera, follow=True)
    assert set(list_unmasked(page)) == set(PRIVATE_WORDS)
    assert "Revealed once: mask again" in read_words(page)
    assert list_unmasked(client.get(reverse("customer", args=[meera]))) == []
    username = page.wsgi_request.user.username
    assert list_audited("personal data revealed") == [
        (meera, username, {"reason": "asked by phone", "source": "127.0.0.1", "outcome": "done"})
    ]


def test_what_is_shown_or_taken_away_of_two_ids_is_in_the_audit_of_each(meera):
    other = make_customer(make_processor("CBS"), mobile_number="919822222222")
    client = open_browser("auditor")
    merge_customers(meera, other)
    assert "919822222222" in read_words(reveal(client, meera, follow=True))
    client.post(reverse("customer-statement", args=[meera]), {"when": ""})
    for action in ("personal data revealed", "statement exported"):
        assert sorted(who for who, *_ in list_audited(action)) == sorted((meera, other))
    unmerge_customer(other)
    reveal(client, meera)
    assert [who for who, *_ in list_audited("personal data revealed")][2:] == [meera]


def test_of_a_card_never_more_than_its_last_four_is_shown(meera):
    page = reveal(open_browser("maker"), meera, follow=True).content.decode()
    assert [number for number in NEVER_SHOWN if number in page] == []


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_without_a_reason_nothing_is_revealed(meera, reason):
    client = open_browser("maker")
    page = reveal(client, meera, reason)
    assert page.status_code == 422
    assert "There is a problem" in read_words(page)
    assert list_unmasked(page) == list_unmasked(client.get(reverse("customer", args=[meera]))) == []
    assert list_audited("personal data revealed") == []


def test_what_was_revealed_of_one_is_not_of_another(meera):
    other = make_meera(make_processor("CBS"))
    assert other == meera
    client = open_browser("maker")
    reveal(client, meera)
    session = client.session
    session[customer_reveal.REVEALED_KEY] = [meera + 1, session[customer_reveal.REVEALED_KEY][1]]
    session.save()
    assert list_unmasked(client.get(reverse("customer", args=[meera]))) == []


@pytest.mark.parametrize(("later", "is_shown"), [(59, True), (62, False)])
def test_what_is_not_looked_at_at_once_is_masked_again(meera, later, is_shown, monkeypatch):
    client = open_browser("maker")
    reveal(client, meera)
    at = (timezone.now() + timedelta(seconds=later)).timestamp()
    monkeypatch.setattr(customer_reveal, "time", lambda: at)
    assert bool(list_unmasked(client.get(reverse("customer", args=[meera])))) == is_shown


# Notes.


def note(client, customer, text, **more):
    return client.post(reverse("customer-note", args=[customer]), {"text": text}, **more)


def test_a_note_is_kept_with_who_and_when_and_audited_without_its_text(meera):
    client = open_browser("maker")
    for text in ("Called about the limit.", "<b>Sent</b> the form.\nAgain."):
        page = note(client, meera, text, follow=True)
    username = page.wsgi_request.user.username
    assert page.redirect_chain == [(f"{reverse('customer', args=[meera])}#notes", 302)]
    assert f"Called about the limit. {username}, " in read_words(page)
    assert "&lt;b&gt;Sent&lt;/b&gt; the form.<br>Again." in page.content.decode()
    newest, oldest = CustomerNote.objects.order_by("-pk")
    assert list_audited("note added") == [
        (meera, username, {"note": oldest.pk}),
        (meera, username, {"note": newest.pk}),
    ]


def test_past_the_last_few_it_says_how_many_are_older_and_leads_to_them(meera, monkeypatch):
    monkeypatch.setattr(notes, "MOST_SHOWN", 2)
    client, address = open_browser("maker"), reverse("customer", args=[meera])
    for text in ("First.", "Second."):
        note(client, meera, text)
    assert "older note" not in read_words(client.get(address))
    for text in ("Third.", "Fourth.", "Fifth."):
        note(client, meera, text)
    for expected, more in (
        (["Fifth.", "Fourth."], "3 older notes"),
        (["Third.", "Second."], "1 older note"),
        (["First."], ""),
    ):
        page = client.get(address)
        assert [each.text for each in page.context["notes"]] == expected
        found = OLDER_LINK.search(page.content.decode())
        assert (found[2] if found else "") == more
        address = f"{reverse('customer', args=[meera])}{found[1]}" if found else address
    assert "Back to the newest" in read_words(page)


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30])
def test_older_than_no_note_is_404(meera, before):
    address = f"{reverse('customer', args=[meera])}?notes={before}"
    assert open_browser("viewer").get(address).status_code == 404


def test_htmx_gets_the_notes_anew_and_an_empty_form(meera):
    part = note(open_browser("maker"), meera, "Called about the limit.", headers=HTMX)
    assert part.status_code == 200
    html = part.content.decode()
    assert html.strip().startswith('<section id="notes">')
    assert "Called about the limit." in html.partition("</form>")[2]
    assert "Called" not in html.partition("</form>")[0]
    assert "Left to spend" not in html
    assert CustomerNote.objects.count() == 1


@pytest.mark.parametrize("text", ["", "Card 4111 1111 1111 1111 lost"])
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_what_is_wrong_with_a_note_is_said_in_its_place_and_the_text_stays(meera, text, headers):
    page = note(open_browser("maker"), meera, text, headers=headers)
    assert page.status_code == 422
    words = read_words(page)
    assert "There is a problem" in words
    assert ("Write the note first." in words) == (not text)
    assert f">\n{text}</textarea>" in page.content.decode()
    assert ("Left to spend this month" in words) == (not headers)
    assert not CustomerNote.objects.exists()


def test_a_notes_own_address_leads_to_the_customers_notes(meera):
    page = open_browser("maker").get(reverse("customer-note", args=[meera]))
    assert page.headers["Location"] == f"{reverse('customer', args=[meera])}#notes"


@pytest.mark.parametrize("text", ["", "  \n", "x" * (NOTE_CHARACTERS + 1)])
def test_a_note_that_says_nothing_or_too_much_is_not_kept(meera, text):
    page = note(open_browser("maker"), meera, text)
    assert page.status_code == 422
    assert not CustomerNote.objects.exists()
    assert list_audited("note added") == []


@pytest.mark.parametrize("role", ["viewer", "checker", "auditor", "admin"])
def test_everybody_reads_notes_and_makers_alone_add_them(meera, role):
    note(open_browser("maker"), meera, "Called.")
    words = read_words(open_browser(role).get(reverse("customer", args=[meera])))
    assert "Notes Called." in words
    assert "Add the note" not in words


def test_nobody_can_be_noted_nor_revealed(meera):
    client = open_browser("maker")
    assert note(client, meera + 1, "x").status_code == 404
    assert reveal(client, meera + 1).status_code == 404
