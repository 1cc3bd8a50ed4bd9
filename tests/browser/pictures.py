"""Pictures of pages for docs/screens/: WebP without loss, a third of what chromium's PNG takes.

It is written by libwebp, which Debian's chromium brings with it; the lossless WebP of chromium's
own canvas is larger than its PNG.
"""

import base64
import ctypes
import ctypes.util
from pathlib import Path

from django.conf import settings
from playwright.sync_api import Page

SCREENS_FOLDER = Path(settings.BASE_DIR, "docs", "screens")
# In a page of its own: one of ours may not fetch what its policy doesn't name.
DECODE = """async ([kind, encoded]) => {
  const answer = await fetch(`data:image/${kind};base64,${encoded}`);
  const picture = await createImageBitmap(await answer.blob());
  const {width, height} = picture;
  const canvas = new OffscreenCanvas(width, height).getContext('2d');
  canvas.drawImage(picture, 0, 0);
  const pixels = canvas.getImageData(0, 0, width, height).data;
  let text = '';
  for (let at = 0; at < pixels.length; at += 32768)
    text += String.fromCharCode(...pixels.subarray(at, at + 32768));
  return [width, height, btoa(text)];
}"""
# What only a log-in with a second factor leads to: tests/browser/test_second_factor.py draws it.
FACTOR_PAGES = ("second-factor-set-up", "recovery-codes", "second-factor")
BYTES_A_PIXEL = 4  # red, green, blue, alpha


def name_picture(page: str, look: str) -> Path:
    return SCREENS_FOLDER / f"{page}.{look}.webp"


def write_picture(page: Page, path: Path) -> None:
    """Write what is in sight of a page, as WebP, and make sure that it is the same to the pixel."""
    shot = page.screenshot(animations="disabled")
    with page.context.new_page() as desk:
        drawn = decode(desk, "png", shot)
        picture = encode(*drawn)
        assert decode(desk, "webp", picture) == drawn
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(picture)


def decode(desk: Page, kind: str, picture: bytes) -> tuple[int, int, bytes]:
    """Decode a picture, in the browser: its width, its height, its pixels."""
    encoded = base64.b64encode(picture).decode()
    width, height, pixels = desk.evaluate(DECODE, [kind, encoded])
    return width, height, base64.b64decode(pixels)


def encode(width: int, height: int, pixels: bytes) -> bytes:
    """Encode pixels as WebP without loss."""
    name = ctypes.util.find_library("webp")
    assert name, "--screens needs libwebp (apt-get install libwebp7)"
    library = ctypes.CDLL(name)
    library.WebPEncodeLosslessRGBA.restype = ctypes.c_size_t
    made = ctypes.POINTER(ctypes.c_char)()
    size = library.WebPEncodeLosslessRGBA(
        pixels, width, height, width * BYTES_A_PIXEL, ctypes.byref(made)
    )
    try:
        return made[:size]
    finally:
        library.WebPFree(made)
