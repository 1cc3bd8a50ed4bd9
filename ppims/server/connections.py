"""Who is connected to a worker, and who gives way where there are too many."""

from collections import Counter, OrderedDict
from typing import Generic, TypeVar

C = TypeVar("C")


class Connections(Generic[C]):
    """The connections of one worker, by source, on its event loop alone.

    A connection is silent while the worker waits for its client: for a request, for the rest of
    one, or for its answer to be taken. It is not while it is being answered.
    """

    def __init__(self, most: int, most_of_a_source: int) -> None:
        self._most, self._most_of_a_source = most, most_of_a_source
        self._sources: dict[C, str] = {}
        self._counts: Counter[str] = Counter()
        self._silent: OrderedDict[C, None] = OrderedDict()  # the one that is so for longest first

    def admit(self, connection: C, source: str) -> C | None:
        """Take one more, and name the one that gives way to it: of its own source, where that has
        its share, or of all, where the worker has; the newest itself where none else is silent.

        A source "" has no share: it is a proxy, which counts its own clients.
        """
        self._sources[connection] = source
        self._counts[source] += 1
        self.wait_for(connection)
        if source and self._counts[source] > self._most_of_a_source:
            leaving = next(each for each in self._silent if self._sources[each] == source)
        elif len(self._sources) > self._most:
            leaving = next(iter(self._silent))
        else:
            return None
        self.remove(leaving)
        return leaving

    def wait_for(self, connection: C) -> None:
        """Take note that it has sent something, or been answered, and is silent from now on."""
        if connection in self._sources:
            self._silent[connection] = None
            self._silent.move_to_end(connection)

    def answer(self, connection: C) -> None:
        """Take note that a whole request of it is there."""
        self._silent.pop(connection, None)

    def remove(self, connection: C) -> None:
        """Forget it, if that has not been done."""
        source = self._sources.pop(connection, None)
        self._silent.pop(connection, None)
        if source is not None:
            self._counts[source] -= 1
            if not self._counts[source]:
                del self._counts[source]
