"""Tests on the machines of Citus (`python -m tests --citus`). Elsewhere they are skipped, and
counted so.
"""

import pytest

from tests.distributed.cluster import IS_HERE, Citus
from tests.distributed.installation import install_spread


@pytest.fixture(scope="session")
def citus():
    if not IS_HERE:
        pytest.skip("it needs machines of Citus: PPIMS_TEST_CITUS_URL, and --citus")
    return Citus()


@pytest.fixture(scope="session")
def spread(tmp_path_factory, citus):
    """An installation whose tables are spread."""
    with install_spread(tmp_path_factory.mktemp("spread"), citus) as made:
        yield made
