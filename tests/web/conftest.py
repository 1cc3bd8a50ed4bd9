"""What most pages are opened with: two processors, a customer of one, and a maker who looks on."""

import pytest

from tests.factories import make_customer, make_processor
from tests.web.admin_pages import open_browser


@pytest.fixture
def ent(db):
    return make_processor("ENT")


@pytest.fixture
def cbs(db):
    return make_processor("CBS")


@pytest.fixture
def customer(ent):
    return make_customer(ent)


@pytest.fixture
def maker(db):
    return open_browser("maker")
