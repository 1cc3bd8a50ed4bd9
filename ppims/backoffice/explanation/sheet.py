"""Makes the explanation of a check or an entry: the verdict first, then what was asked, what was
decided and why, what that rests on, and all fields.
"""

import logging
from collections.abc import Iterator, Mapping

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from limits.explain import Explained, explain_check, explain_entry
from limits.known import Check, Entry
from limits.models import Direction, LedgerEntry
from ppims.backoffice import labels
from ppims.backoffice.explanation import checks, entries, figures
from ppims.backoffice.explanation.fields import compare_all, compare_differing
from ppims.backoffice.explanation.sections import Section, Sheet
from ppims.core.formats import inr
from ppims.models import Processor

SIGNATURE_PROBLEMS = ("its mac is ", "its digest is ")

logger = logging.getLogger(__name__)


def explain_in_words(*, is_check: bool, customer_id: int, row_id: int) -> Sheet | None:
    """Explain a check or an entry; None: there is none."""
    explain = explain_check if is_check else explain_entry
    try:
        explained = explain(customer_id, row_id)
        return make_sheet(explained, read_processors()) if explained else None
    except (TypeError, ValueError, KeyError, OverflowError):
        # SQLite takes anything anywhere: nothing can be said of such a row but that.
        logger.exception("a row can't be explained")
        title = _("Check %(number)d") if is_check else _("Entry %(number)d")
        said = _("It can’t be read: it, or what it rests on, holds what its columns are not for.")
        return Sheet(title % {"number": row_id}, False, _("Not as recorded"), [said], [])


def read_processors() -> dict[int, str]:
    """Read the System_Ids by key."""
    return dict(Processor.objects.values_list("pk", "system_id"))


def make_sheet(explained: Explained, processors: Mapping[int, str]) -> Sheet:
    """Make the explanation; `processors` are the System_Ids by key."""
    is_right = explained.is_as_recorded
    return Sheet(
        title=write_title(explained.row),
        is_as_recorded=is_right,
        verdict=_("As recorded") if is_right else _("Not as recorded"),
        said=[_say_verdict(explained)],
        sections=[*_list_sections(explained, processors)],
        differing=compare_differing(explained),
        problems=[*map(_describe_problem, explained.problems), *_list_refusals(explained)],
    )


def write_title(row: Check | Entry) -> str:
    """Write what is explained: "Check, spend ₹2,000.00"."""
    kind = _("Check") if isinstance(row, Check) else str(LedgerEntry.Kind(row.kind).label)
    direction = labels.lower_first(str(Direction(row.direction).label))
    return f"{kind}, {direction} {inr(row.amount_paise)}"


def _list_sections(explained: Explained, processors: Mapping[int, str]) -> Iterator[Section]:
    words = checks if isinstance(explained.row, Check) else entries
    yield words.describe_asked(explained, processors)
    yield words.describe_decision(explained)
    yield from figures.list_sections(explained, processors)
    if explained.compared:
        yield Section(_("All fields"), table=compare_all(explained), is_folded=True)


def _say_verdict(explained: Explained) -> str:
    if explained.is_as_recorded:
        return _(
            "It was worked out anew, from what stood then: every field comes out as it was"
            " recorded, and its signature is right."
        )
    count = len(explained.differing)
    if not count:
        return _("Something is wrong with it, or with what it rests on.")
    return ngettext(
        "It was worked out anew, from what stood then: %(n)d field comes out otherwise.",
        "It was worked out anew, from what stood then: %(n)d fields come out otherwise.",
        count,
    ) % {"n": count}


def _describe_problem(problem: str) -> str:
    """Say a finding of verification; of a signature not its bytes."""
    if problem.startswith(SIGNATURE_PROBLEMS):
        return _("Its signature is not right: it was changed after it was written.")
    return _("Verification: %(finding)s.") % {"finding": problem}


def _list_refusals(explained: Explained) -> Iterator[str]:
    for name, message in explained.refusals:
        said = {"field": name.replace("_", " "), "message": message}
        yield _("Worked out anew, it would have been refused: %(field)s %(message)s.") % said
