"""The pictures in docs/screens/: of each page in each look, nothing else, and small together."""

from tests.browser.pictures import FACTOR_PAGES, SCREENS_FOLDER, decode, encode, name_picture
from tests.browser.test_pages import LOOKS, PAGES

MOST_BYTES = 5_600_000


def test_there_is_a_picture_of_each_page_in_each_look_and_no_other():
    pages = [*(shown.name for shown in PAGES), *FACTOR_PAGES]
    named = {name_picture(page, look) for page in pages for look in LOOKS}
    assert set(SCREENS_FOLDER.iterdir()) == named


def test_together_they_are_small():
    assert sum(path.stat().st_size for path in SCREENS_FOLDER.iterdir()) < MOST_BYTES


def test_a_picture_is_the_same_to_the_pixel(page):
    drawn = 2, 1, bytes((1, 2, 3, 255, 254, 253, 252, 255))
    assert decode(page, "webp", encode(*drawn)) == drawn
