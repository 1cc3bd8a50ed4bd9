"""The audit as lines of JSON, each with a digest of all before it, to be kept elsewhere."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ppims.models import AuditEntry, Processor, User
from ppims.services.audit import read_detail

ROWS_AT_ONCE = 1_000  # as many are in memory at a time


@dataclass
class Export:
    """Lines of the entries from an instant on and before another one, in the order of their ids.
    `count` and `digest` are of the lines so far.
    """

    since: datetime
    until: datetime
    at: datetime
    count: int = 0
    digest: str = ""
    _last_id: int = field(default=0, repr=False)

    def write_lines(self) -> Iterator[str]:
        """Write the first line, one for each entry, and the last, which has their number."""
        frame = {"since": self.since.isoformat(), "until": self.until.isoformat()}
        yield self._write({**frame, "exported_at": self.at.isoformat()})
        users = dict(User.objects.values_list("pk", "username"))
        processors = dict(Processor.objects.values_list("pk", "system_id"))
        while entries := self._read():
            for entry in entries:
                self.count += 1
                yield self._write(
                    {
                        "id": entry.pk,
                        "at": entry.at.isoformat(),
                        "subject": entry.subject,
                        "number": entry.number,
                        "user": users.get(entry.user_id or 0),
                        "processor": processors.get(entry.processor_id or 0),
                        "action": entry.action,
                        "detail": read_detail(entry),
                    }
                )
        yield self._write({"count": self.count})

    def _read(self) -> list[AuditEntry]:
        entries = AuditEntry.objects.filter(pk__gt=self._last_id)
        within = entries.filter(at__gte=self.since, at__lt=self.until)
        found = list(within.order_by("pk")[:ROWS_AT_ONCE])
        self._last_id = found[-1].pk if found else self._last_id
        return found

    def _write(self, said: dict[str, Any]) -> str:
        """Write a line: its digest is that of the digest before and of the line without its own."""
        text = json.dumps(said)
        self.digest = hashlib.sha256((self.digest + text).encode()).hexdigest()
        return json.dumps({**said, "digest": self.digest})
