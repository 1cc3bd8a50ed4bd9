"""Two processors, as rows."""

import pytest

from tests.factories import make_processor


@pytest.fixture
def ent(db):
    return make_processor("ENT")


@pytest.fixture
def cbs(db):
    return make_processor("CBS")
