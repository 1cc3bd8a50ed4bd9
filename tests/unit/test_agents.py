"""What a browser is called, by its User-Agent header."""

import pytest

from ppims.core.agents import name_browser
from ppims.models.sessions import LONGEST_AGENT

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; rv:140.0) Firefox/140.0", "Firefox on Windows"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/1 Safari/1", "Chrome on Linux"),
        (f"Mozilla/5.0 (Linux; Android 16) {WEBKIT} Chrome/1 Safari/1", "Chrome on Android"),
        (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/1 Safari/1 Edg/1", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15) Version/1 Safari/1", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; like Mac OS X) Version/1 Safari/1", "Safari on iPhone"),
        ("curl/8.0", ""),
        ("", ""),
        ("\x1b[31m<b>" * 1000, ""),
        ("Firefox/1", "Firefox"),
    ],
)
def test_it_is_called_by_its_own_name_and_its_systems(sent, name):
    assert name_browser(sent) == name
    assert len(name) <= LONGEST_AGENT
