"""Background work as pages tell of it: how far it is, how it ended, and what came of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ppims.backoffice.access import POLL_PARAMETER, is_fragment, open_page, respond
from ppims.backoffice.imports.words import say_adding, say_reading
from ppims.core import clock
from ppims.core.formats import write_count
from ppims.models import Job
from ppims.reports import keyset
from ppims.services import jobs
from ppims.services.accounts import get_staff

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Ending:
    """What came of a job: a sentence, and what it names."""

    said: str
    is_bad: bool = False
    named: Sequence[str] = ()


@dataclass(frozen=True)
class JobWords:
    """How pages speak of the jobs of a kind; who but the owner may look at one; and where it
    belongs, by that address's name.
    """

    title: object
    permission: str
    place: str
    place_title: object
    describe_result: Callable[[Result], Ending]
    progress: object = _("%(done)s of %(total)s rows")


@dataclass(frozen=True)
class JobLine:
    """A job as it stands, for templates/includes/job.html."""

    job: Job
    is_unattended: bool = False

    @property
    def words(self) -> JobWords:
        return WORDS_BY_KIND[self.job.kind]

    @property
    def who(self) -> str:
        """Who asked for it, or who did it at the machine; of what is done daily, nobody."""
        if self.job.owner:
            return self.job.owner.get_username()
        operator = jobs.read_arguments(self.job).get("operator")
        if self.job.kind == Job.Kind.WATCH and not operator:
            return "PPIMS"
        return gettext("%(operator)s, at the machine") % {"operator": operator or "PPIMS"}

    @property
    def said(self) -> str:
        """How it stands while it is open."""
        job = self.job
        if self.is_unattended:
            return gettext(
                "Nobody does background work now. Ask whoever runs the server to start it:"
                " manage run_jobs."
            )
        if job.state == Job.State.WAITING:
            return gettext("It begins as soon as the work before it is done.")
        if not job.total:
            return gettext("It has begun.")
        counts = {"done": write_count(job.done), "total": write_count(job.total)}
        said = str(self.words.progress) % counts
        return (
            gettext("%(said)s, after it was cut off") % {"said": said} if job.attempts > 1 else said
        )

    @property
    def ending(self) -> Ending:
        """How it ended."""
        if self.job.state == Job.State.FAILED:
            return Ending(gettext("Not done: %(why)s") % {"why": self.job.error}, is_bad=True)
        return self.words.describe_result(jobs.read_result(self.job))


def make_job_line(job: Job, at: datetime) -> JobLine:
    """Write a job as it stands at an instant; looks whether anybody does jobs, if it waits."""
    waits = job.state == Job.State.WAITING
    return JobLine(job, is_unattended=waits and jobs.is_unattended(at))


@open_page()
def job(request: HttpRequest, job_id: int) -> HttpResponseBase:
    """Show a job, to its owner and to whoever may see what it is about; htmx gets its state."""
    found, user = jobs.find(min(job_id, keyset.PAST_ALL_IDS)), get_staff(request)
    if found is None:
        raise Http404
    line = make_job_line(found, clock.now())
    if found.owner_id != user.pk and not user.has_perm(line.words.permission):
        raise PermissionDenied
    context = {
        "line": line,
        "poll": write_poll_address(reverse("job", args=[found.pk])) if found.is_open else "",
        "place": reverse(line.words.place),
        "news": [line.ending] if is_fragment(request) and not found.is_open else [],
    }
    return respond(request, "ppims/job.html", context, partial="state")


def write_poll_address(address: str, **more: object) -> str:
    """Write the address that a page asks by itself while a job is open: it keeps no session."""
    query = "".join(f"&{name}={value}" for name, value in more.items())
    return f"{address}?{POLL_PARAMETER}=1{query}"


def _describe_seal(result: Result) -> Ending:
    return Ending(
        gettext("Seal %(number)s is made. Fetch its file, and keep it elsewhere.")
        % {"number": result["seal"]}
    )


def describe_verification(result: Result) -> Ending:
    """Say what a verification has found."""
    rows, count = write_count(result["rows"]), result["findings"]
    if not count:
        return Ending(gettext("%(rows)s rows verified: all as they should be.") % {"rows": rows})
    if result.get("is_cut_short"):
        said = gettext("Something is not as it should be; this is the first that was found.")
    else:
        said = ngettext(
            "%(count)s finding in %(rows)s rows: something is not as it should be.",
            "%(count)s findings in %(rows)s rows: something is not as it should be.",
            count,
        ) % {"count": write_count(count), "rows": rows}
    return Ending(said, is_bad=True, named=result["named"])


def _describe_replay(result: Result) -> Ending:
    if result["is_kept"]:
        return Ending(gettext("It is worked out: the page of the change shows it."))
    return Ending(gettext("The change was decided before that was worked out."))


def describe_watch(result: Result) -> Ending:
    """Say what a daily watch has found: "12 new, 3 closed by themselves."."""
    if not (result["opened"] or result["closed"]):
        return Ending(gettext("Nothing new."))
    counts = {name: write_count(result[name]) for name in ("opened", "closed")}
    return Ending(gettext("%(opened)s new, %(closed)s closed by themselves.") % counts)


def _describe_reconciliation(result: Result) -> Ending:
    if result["fault"]:
        return Ending(gettext("Not compared: %(why)s") % {"why": result["fault"]}, is_bad=True)
    counts = {name: write_count(result[name]) for name in ("rows", "differences", "refused")}
    said = gettext("%(rows)s rows, of them refused: %(refused)s; to settle: %(differences)s.")
    return Ending(said % counts)


WORDS_BY_KIND: Mapping[str, JobWords] = {
    Job.Kind.SEAL: JobWords(
        _("Make a seal"), "ppims.view_auditentry", "audit", _("Audit"), _describe_seal
    ),
    Job.Kind.VERIFY: JobWords(
        _("Verification"), "ppims.view_auditentry", "audit", _("Audit"), describe_verification
    ),
    Job.Kind.WHAT_IF: JobWords(
        _("What a change of limits would have done"),
        "limits.view_limitrule",
        "limits",
        _("Limits"),
        _describe_replay,
        _("%(done)s of %(total)s customers"),
    ),
    Job.Kind.WATCH: JobWords(
        _("Daily watch"),
        "limits.view_notice",
        "notices",
        _("Notices"),
        describe_watch,
        _("%(done)s of %(total)s customers"),
    ),
    Job.Kind.IMPORT_READ: JobWords(
        _("Reading a file of customers"),
        "customers.view_customerimport",
        "imports",
        _("Imports"),
        lambda result: Ending(*say_reading(result)),
        _("%(done)s of %(total)s KiB"),
    ),
    Job.Kind.IMPORT: JobWords(
        _("Import of customers"),
        "customers.view_customerimport",
        "imports",
        _("Imports"),
        lambda result: Ending(say_adding(result)),
        _("%(done)s of %(total)s rows"),
    ),
    Job.Kind.RECONCILE: JobWords(
        _("Reconciliation"),
        "limits.read_reports",
        "reconciliations",
        _("Reconcile"),
        _describe_reconciliation,
        _("%(done)s of %(total)s bytes of the file read"),
    ),
}
