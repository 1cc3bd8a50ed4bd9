"""Who is connected to a worker, and who gives way where there are too many."""

from collections import Counter, OrderedDict
from typing import Generic, TypeVar

C = TypeVar("C")


class Connections(Generic[C]):
    """The connections of one worker, by source. Used on its event loop alone.

    A connection is silent while the worker waits for its client: for a request, for the rest of
    one, or for an answer to be taken. While it is being answered, it is not silent.
    """

    def __init__(self, most: int, most_of_a_source: int) -> None:
        self._most, self._most_of_a_source = most, most_of_a_source
        self._sources: dict[C, str] = {}
        self._counts: Counter[str] = Counter()
        self._silent: OrderedDict[C, None] = OrderedDict()  # the longest silent first

    def admit(self, connection: C, source: str) -> C | None:
        """Add a connection, and return the one that has to give way to it, if any: one of its own
        source, where that has more than its share, or one of all, where the worker has too many.
        Where no other is silent, that is the new one itself.

        The source "" has no share: it is a proxy, which counts its own clients.
        """
        self._sources[connection] = source
        self._counts[source] += 1
        self.wait_for(connection)
        # The new one is silent, so there is always one to find; those being answered are let be.
        if source and self._counts[source] > self._most_of_a_source:
            leaving = next(each for each in self._silent if self._sources[each] == source)
        elif len(self._sources) > self._most:
            leaving = next(iter(self._silent))
        else:
            return None
        self.remove(leaving)
        return leaving

    def count(self) -> int:
        """Count them; from any thread."""
        return len(self._sources)

    def wait_for(self, connection: C) -> None:
        """Note that it is silent from now on: it has sent something, or been answered."""
        if connection in self._sources:
            self._silent[connection] = None
            self._silent.move_to_end(connection)

    def answer(self, connection: C) -> None:
        """Note that a whole request of it is there: it is not silent any more."""
        self._silent.pop(connection, None)

    def remove(self, connection: C) -> None:
        """Forget it. It may be forgotten already: it gave way, and was then lost."""
        source = self._sources.pop(connection, None)
        self._silent.pop(connection, None)
        if source is not None:
            self._counts[source] -= 1
            if not self._counts[source]:
                del self._counts[source]
