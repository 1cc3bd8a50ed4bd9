"""Made-up data in small."""

import pytest

from ppims.seed import writing
from tests.factories import make_processor


@pytest.fixture
def data_dir(settings, tmp_path):
    settings.PPIMS_DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def processors():
    return [make_processor(name) for name in writing.SYSTEM_IDS]


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(writing, "CUSTOMERS_A_BATCH", 10)
