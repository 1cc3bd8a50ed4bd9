"""The page of keys: names and needs, never a key; a new one proposed by one admin and decided by
another.
"""

import pytest
from django.urls import reverse

from ppims.core import clock
from ppims.models import KeyRotation
from ppims.services import key_rotations, key_usage
from tests.factories import make_password_once
from tests.web.admin_pages import make_user, open_browser

pytestmark = pytest.mark.django_db
PAGE = "/settings/keys"
NEW_DOCUMENT_KEY = f"{PAGE}/document"


@pytest.fixture
def admin():
    return open_browser("admin")


def propose(client, address=NEW_DOCUMENT_KEY, reason="Once a year"):
    return client.post(address, {"reason": reason})


def test_it_names_every_key_and_shows_none(admin):
    key_usage.record_use()
    said = admin.get(PAGE).content.decode()
    for ring in key_usage.list_rings().values():
        for key in ring:
            assert key.id in said
            assert key.secret.hex() not in said
    assert "for ever: it proves what was signed by it" in said


def test_what_needs_an_old_key_is_as_of_the_last_count(admin, settings):
    key_usage.record_use()
    (old,) = settings.PPIMS_DOCUMENT_KEYS
    settings.PPIMS_DOCUMENT_KEYS = (settings.PPIMS_SESSION_KEYS[0], old)
    assert "not counted yet" in admin.get(PAGE).content.decode()
    key_usage.keep_needs("document", {old.id: {"customers_document": 12_34_567}}, clock.now())
    assert "12,34,567 documents" in admin.get(PAGE).content.decode()
    settings.PPIMS_DOCUMENT_KEYS = (settings.PPIMS_SESSION_KEYS[0],)
    assert "Not in the ring here" in admin.get(PAGE).content.decode()


def test_a_new_key_is_proposed_by_one_and_approved_by_another(admin):
    assert propose(admin).status_code == 302
    row = KeyRotation.objects.get()
    assert (row.state, row.reason) == ("PROPOSED", "Once a year")
    assert "It waits for another admin" in admin.get(PAGE).content.decode()
    approval = reverse("approval", args=["key-rotation", row.pk])
    assert admin.post(approval, {"decision": "approve"}).status_code == 422
    other = open_browser("admin")
    assert "new document key" in other.get(approval).content.decode().lower()
    assert other.post(approval, {"decision": "approve"}).status_code == 302
    assert key_rotations.find_approved("document") == row
    assert "Next: run manage rotate documents," in admin.get(PAGE).content.decode()


def test_one_is_on_its_way_at_a_time(admin):
    propose(admin)
    assert f'href="{NEW_DOCUMENT_KEY}"' not in admin.get(PAGE).content.decode()
    again = propose(open_browser("admin"))
    assert again.status_code == 422
    assert "A new key for this is on its way already." in again.content.decode()
    assert propose(admin, f"{PAGE}/ledger").status_code == 302


def test_once_it_is_done_the_next_may_be_proposed(admin):
    propose(admin)
    row = KeyRotation.objects.get()
    key_rotations.KEY_PROPOSALS.decide(
        proposal_id=row.pk, state="APPROVED", user=make_user("admin")
    )
    key_rotations.begin(rotation_id=row.pk, key_id="0a1b2c3d")
    key_rotations.make_first(rotation_id=row.pk)
    assert propose(admin).status_code == 422
    key_rotations.finish(rotation_id=row.pk)
    assert propose(admin).status_code == 302


def test_without_a_reason_it_is_not_proposed(admin):
    response = propose(admin, reason=" ")
    assert (response.status_code, KeyRotation.objects.exists()) == (422, False)


@pytest.mark.parametrize("purpose", ["passwords", "Document"])
def test_what_has_no_keys_has_no_page(admin, purpose):
    assert propose(admin, f"{PAGE}/{purpose}").status_code == 404


def test_the_one_admin_who_can_log_in_decides_alone_and_it_is_to_be_confirmed(admin):
    user = make_user("admin", password=make_password_once("a-password-of-tests"))
    admin.force_login(user)
    session = admin.session
    session["seen"] = session["began"] = int(clock.now().timestamp())
    session.save()
    assert "this counts at once" in admin.get(NEW_DOCUMENT_KEY).content.decode()
    propose(admin)
    row = KeyRotation.objects.get()
    assert (row.state, key_rotations.find_approved("document")) == ("ALONE", row)


def test_a_proposal_is_stale_once_another_key_is_in_use(admin, settings):
    propose(admin)
    settings.PPIMS_DOCUMENT_KEYS = (settings.PPIMS_SESSION_KEYS[0], *settings.PPIMS_DOCUMENT_KEYS)
    approval = reverse("approval", args=["key-rotation", KeyRotation.objects.get().pk])
    other = open_browser("admin")
    assert "Stale: another key is in use by now." in other.get(approval).content.decode()
    assert other.post(approval, {"decision": "approve"}).status_code == 422


def test_it_takes_few_queries_however_many_keys(admin, django_assert_max_num_queries):
    key_usage.record_use()
    propose(admin)
    admin.get(PAGE)
    with django_assert_max_num_queries(12):
        admin.get(PAGE)
