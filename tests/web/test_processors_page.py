"""Processors: who calls us, whether they may, how long their holds last; and the ways on."""

import pytest
from django.conf import settings
from django.urls import reverse

from ppims.api.root import OPERATIONS as CALLED
from ppims.backoffice.labels import OPERATIONS
from ppims.core import roles
from tests.factories import make_processor
from tests.web.admin_pages import open_browser, read_words, write_change_url

pytestmark = pytest.mark.django_db


def look(role):
    return open_browser(role).get(reverse("processors"))


def test_a_row_says_name_code_status_and_how_long_holds_last():
    make_processor("CBS", name="Core banking", state="WINDING_DOWN", hold_minutes=1)
    make_processor("ENT", name="Cards")
    words = read_words(look("viewer"))
    assert "Core banking CBS Winding down 1 minute Cards ENT Active" in words
    assert f"Cards ENT Active {settings.PPIMS_HOLD_MINUTES} minutes" in words


@pytest.mark.parametrize("role", sorted(roles.ROLES))
def test_only_who_may_change_a_processor_is_led_to_where_that_is_done(ent, role):
    page = look(role).content.decode()
    assert (f'href="{write_change_url(ent)}"' in page) == (role == "admin")
    assert 'href="/api/PPIM/v1/docs"' in page


def test_it_says_that_there_is_none():
    assert "There is no processor yet." in read_words(look("viewer"))


def test_each_operation_that_is_called_for_has_its_words():
    assert set(OPERATIONS) == set(CALLED)
