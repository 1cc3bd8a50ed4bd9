"""The files of customers that were brought, last first, and what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from customers.models import CustomerImport, ImportFile
from ppims.core.formats import write_count
from ppims.models import FourEyes

FILES_SHOWN = 50
State = FourEyes.State


@dataclass(frozen=True)
class BroughtFile:
    """A file with the last proposal about it."""

    file: ImportFile
    proposal: CustomerImport | None

    @property
    def state(self) -> str:
        """How it stands, in words for a list."""
        file, proposal = self.file, self.proposal
        if file.ended_at:
            return _("Done: %(count)s added") % {"count": write_count(file.added_count)}
        if proposal and proposal.state in {State.PROPOSED, State.APPROVED, State.REJECTED}:
            return {
                State.PROPOSED.value: _("Waits for approval"),
                State.APPROVED.value: _("Being added"),
                State.REJECTED.value: _("Rejected"),
            }[proposal.state]
        if file.gone_at:
            return _("Not added; the file is gone")
        if file.fault:
            return _("Can’t be read")
        return _("Read, not proposed") if file.read_at else _("Being read")

    @property
    def is_good(self) -> bool:
        return self.file.ended_at is not None

    @property
    def is_bad(self) -> bool:
        is_rejected = self.proposal is not None and self.proposal.state == State.REJECTED
        return bool(self.file.fault) or (is_rejected and not self.is_good)


def list_files(*, before: int | None = None) -> tuple[list[BroughtFile], bool]:
    """List files, last first, and say whether there are more."""
    rows = ImportFile.objects.select_related("processor", "brought_by").order_by("-pk")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: FILES_SHOWN + 1])
    return add_proposals(found[:FILES_SHOWN]), len(found) > FILES_SHOWN


def find_file(file_id: int) -> BroughtFile | None:
    """Find a file by its number."""
    rows = ImportFile.objects.select_related("processor", "brought_by").filter(pk=file_id)
    return next(iter(add_proposals(list(rows))), None)


def add_proposals(files: Sequence[ImportFile]) -> list[BroughtFile]:
    """Find the last proposal about each file, by one statement."""
    rows = CustomerImport.objects.select_related("maker", "checker").filter(file__in=files)
    last = {row.file_id: row for row in rows.order_by("pk")}
    return [BroughtFile(file, last.get(file.pk)) for file in files]
