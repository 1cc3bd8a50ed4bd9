"""Seals and verification, on the audit's page: when last, what was found, and either one now; the
list of seals, and their files.
"""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from limits.models import Seal
from limits.services import seals as use_cases
from ppims.backoffice.access import go, is_fragment, open_page
from ppims.backoffice.jobs import JobLine, make_job_line, write_poll_address
from ppims.core import clock
from ppims.models import Job
from ppims.reports import keyset
from ppims.services import jobs
from ppims.services.accounts import get_staff

SEALS_SHOWN = 50
BEFORE_PARAMETER, WATCHED_PARAMETER = "before", "watched"
KINDS = (Job.Kind.SEAL, Job.Kind.VERIFY)


def read_proof(at: datetime) -> dict[str, Any]:
    """Read what the audit's page says of seals and verification."""
    at_work = {kind: make_job_line(job, at) for kind, job in jobs.map_open(*KINDS).items()}
    seal_failure, _ = _find_last(Job.Kind.SEAL)
    verify_failure, verified = _find_last(Job.Kind.VERIFY)
    watched = ".".join(str(line.job.pk) for line in at_work.values())
    address = reverse("audit-proof")
    return {
        "seal": Seal.objects.order_by("-number").first(),
        "seal_job": at_work.get(Job.Kind.SEAL),
        "seal_failure": seal_failure,
        "verified": verified,
        "verify_job": at_work.get(Job.Kind.VERIFY),
        "verify_failure": verify_failure,
        "poll": write_poll_address(address, **{WATCHED_PARAMETER: watched}) if at_work else "",
    }


def _find_last(kind: Job.Kind) -> tuple[JobLine | None, JobLine | None]:
    """Find the last job of a kind, if it failed, and the last one that was done."""
    last = jobs.find_last(kind)
    if last is None or last.state == Job.State.DONE:
        return None, JobLine(last) if last else None
    done = jobs.find_last(kind, state=Job.State.DONE)
    return JobLine(last), JobLine(done) if done else None


@open_page("ppims.view_auditentry")
def audit_proof(request: HttpRequest) -> HttpResponseBase:
    """Show the part of seals and verification alone, with how what the page waited for ended."""
    if not is_fragment(request):
        return go(request, "audit")
    watched = request.GET.get(WATCHED_PARAMETER, "").split(".")[: len(KINDS)]
    ids = [min(int(text), keyset.PAST_ALL_IDS) for text in watched if text.isdecimal()]
    ended = [found for found in map(jobs.find, ids) if found and not found.is_open]
    news = [JobLine(found).ending for found in ended if found.kind in KINDS]
    context = {"proof": read_proof(clock.now()), "news": news}
    return render(request, "ppims/audit.html#proof", context)


@open_page("limits.make_seal", methods=("POST",))
def audit_seal(request: HttpRequest) -> HttpResponseBase:
    """Ask for a seal."""
    return _ask(request, Job.Kind.SEAL)


@open_page("limits.make_seal", methods=("POST",))
def audit_verify(request: HttpRequest) -> HttpResponseBase:
    """Ask for a verification of everything."""
    return _ask(request, Job.Kind.VERIFY)


def _ask(request: HttpRequest, kind: Job.Kind) -> HttpResponseBase:
    if not jobs.find_open(kind):
        jobs.ask(kind, owner=get_staff(request))
    return go(request, "audit")


@open_page("ppims.view_auditentry")
def seals(request: HttpRequest) -> HttpResponseBase:
    """List the seals, last first."""
    before = request.GET.get(BEFORE_PARAMETER, "")
    rows = Seal.objects.order_by("-number").defer("ledger_digest", "audit_digest", "mac")
    if before.isdecimal():
        rows = rows.filter(number__lt=min(int(before), keyset.PAST_ALL_IDS))
    found = list(rows[: SEALS_SHOWN + 1])
    shown = found[:SEALS_SHOWN]
    more = f"{BEFORE_PARAMETER}={shown[-1].number}" if len(found) > SEALS_SHOWN else ""
    return render(request, "ppims/seals.html", {"seals": shown, "more": more})


@open_page("ppims.view_auditentry")
def seal_file(request: HttpRequest, number: int) -> HttpResponseBase:
    """Send a seal's file, to be kept elsewhere."""
    seal = get_object_or_404(Seal, pk=min(number, keyset.PAST_ALL_IDS))
    return JsonResponse(
        use_cases.export_seal(seal),
        json_dumps_params={"indent": 2},
        headers={"Content-Disposition": f'attachment; filename="seal-{seal.number:06d}.json"'},
    )
