"""The addresses that take a file from a browser, and how its body is read: while it comes, for it
may be as large as a hundred forms. Whatever answers HTTP asks here; no Django.
"""

from collections.abc import Callable

UPLOAD_PATHS = frozenset({"/customers/imports/new", "/reconcile/bring"})
ARRIVAL_SECONDS = 600  # from the first byte to the last; of all other requests: seconds


def is_upload(method: str, path: str) -> bool:
    """Return whether a request brings a file."""
    return method == "POST" and path in UPLOAD_PATHS


class Body:
    """A body of known length that is read while it comes, by WSGI's rules."""

    def __init__(self, read: Callable[[int], bytes], length: int) -> None:
        """`read` gives some bytes of what is left, so many at most; none: no more come."""
        self._read, self._left = read, length

    def read(self, size: int = -1) -> bytes:
        """Read some bytes; none at the end. Raises OSError where the rest doesn't come: half a file
        must not count as a file.
        """
        wanted = self._left if size < 0 else min(size, self._left)
        if not wanted:
            return b""
        found = self._read(wanted)
        if not found:
            raise OSError("the body did not come")
        self._left -= len(found)
        return found

    def readline(self, size: int = -1) -> bytes:
        """Read as `read` does: nothing here is read by lines."""
        return self.read(size)
