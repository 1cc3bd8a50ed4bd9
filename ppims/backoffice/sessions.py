"""One's own open sessions: since when, from where, and ending them; and the last log-in."""

from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ppims.backoffice.access import open_page
from ppims.core.addresses import name_source
from ppims.core.agents import name_browser
from ppims.core.formats import ist
from ppims.models import User
from ppims.services import credentials, sessions
from ppims.services.accounts import get_staff


def note_log_in(request: HttpRequest, user: User, *, last_at: datetime | None) -> None:
    """Note in a session that has just begun from where it was, and what the last log-in was; and
    tell the owner of that, who alone knows whether it was theirs.
    """
    source = name_source(credentials.find_source_address(request))
    request.session["source"] = source
    request.session["agent"] = name_browser(request.headers.get("User-Agent", ""))
    if last_at:
        request.session["previous_login"] = last_at.timestamp()
        request.session["previous_source"] = user.last_login_source
        messages.info(request, describe_last(last_at, user.last_login_source))
    user.last_login_source = source
    user.save(update_fields=["last_login_source"])


def describe_last(at: datetime | None, source: str) -> str:
    """Say "Last log-in: 26 Nov 2026, 10:12 AM from 10.1.2.3"; "" where there was none."""
    if at is None:
        return ""
    if not source:
        return _("Last log-in: %(at)s") % {"at": ist(at)}
    return _("Last log-in: %(at)s from %(source)s") % {"at": ist(at), "source": source}


@open_page()
def own_sessions(request: HttpRequest) -> HttpResponse:
    """List one's own open sessions, this one first."""
    own = sessions.find_rows(request.session.session_key).first()
    rows = sessions.list_open(get_staff(request))
    context = {
        "own": own,
        "others": [row for row in rows if own is None or row.pk != own.pk],
        "last": describe_last(own.previous_login_at, own.previous_source) if own else "",
    }
    return render(request, "ppims/sessions.html", context)


@open_page(methods=("POST",))
def sessions_end(request: HttpRequest) -> HttpResponse:
    """End one of one's own sessions, or all but this one."""
    public_id = request.POST.get("session", "")
    count = 0
    if public_id or "others" in request.POST:
        count = sessions.end_own(
            user=get_staff(request), but=request.session.session_key, public_id=public_id
        )
    _tell(request, count)
    return redirect("sessions")


@open_page("ppims.propose_staffchange", methods=("POST",))
def staff_sessions_end(request: HttpRequest, user_id: int) -> HttpResponse:
    """End every session of another person. It takes nothing for good, so no second admin."""
    user, person = get_staff(request), get_object_or_404(User, pk=user_id)
    if person.pk == user.pk:
        return redirect("sessions")
    _tell(request, sessions.end_sessions_of(person=person, by=user))
    return redirect("staff-member", person.pk)


def _tell(request: HttpRequest, count: int) -> None:
    if count:
        said = ngettext("%(n)s session is ended.", "%(n)s sessions are ended.", count)
        messages.success(request, said % {"n": count})
    else:
        messages.info(request, _("No such session is open any more."))
