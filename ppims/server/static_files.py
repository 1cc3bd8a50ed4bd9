"""Static files in production, under names that change with their content: browsers keep them."""

import fcntl
import hashlib
from pathlib import Path

from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import HashedFilesMixin
from django.core.management import call_command
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage

NOT_SERVED = ["*.map", "*.md", "redoc*"]  # for debuggers, for readers, and what no page shows


class StaticFiles(WhiteNoiseMiddleware):
    """Serves them; a browser keeps one that is named by its content for a year."""

    FOREVER = 365 * 24 * 60 * 60


class Storage(CompressedManifestStaticFilesStorage):
    """Names each file by its content, and compresses it. In style sheets url() and @import are
    followed; a source map is not, for a vendored file may name one that isn't there.
    """

    patterns = (("*.css", HashedFilesMixin.patterns[0][1][:2]),)


def collect(root: Path) -> None:
    """Collect the static files into STATIC_ROOT, unless they are there already. What an older
    version left stays, for servers and pages that still name it.
    """
    root.mkdir(mode=0o700, exist_ok=True)
    stamp, wanted = root / "stamp", _digest()
    with (root / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # two starts at once would write the same files
        if stamp.exists() and stamp.read_text("utf-8") == wanted:
            return
        ignored = {"ignore_patterns": NOT_SERVED, "use_default_ignore_patterns": False}
        call_command("collectstatic", interactive=False, verbosity=0, **ignored)
        stamp.write_text(wanted, "utf-8")  # last: a start that was cut off collects again


def _digest() -> str:
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in sorted(finder.list(NOT_SERVED), key=lambda found: found[0]):
            with storage.open(name) as file:
                digest.update(f"{name}\0{file.size}\0".encode())
                digest.update(file.read())
    return digest.hexdigest()
