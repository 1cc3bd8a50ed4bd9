"""The second factor: set up after the first password, asked for at each log-in, and once more
before what must not be done at somebody else's open screen.
"""

from collections.abc import Callable, Iterator
from functools import wraps
from time import time
from typing import Any

import segno
from django import forms
from django.conf import settings
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from ppims.backoffice.access import (
    CODE_GIVEN_KEY,
    find_half_logged_in,
    is_looking,
    open_page,
    render_form,
    send_to_log_in,
)
from ppims.backoffice.login import finish_log_in, note_log_out, refuse_for_a_while, throttle
from ppims.core.errors import Conflict, TooManyAttempts
from ppims.models import FailedAccess, User
from ppims.services import access, second_factor
from ppims.services.accounts import get_staff

View = Callable[..., HttpResponseBase]
NOT_CARRIED_ON = {"csrfmiddlewaretoken", "second_factor_code"}
DIGITS_IN_A_GROUP = 4


class CodeForm(forms.Form):
    """A code of the app, or a recovery code."""

    marks_required = False
    second_factor_code = forms.CharField(
        label=gettext_lazy("Code of your app, or a recovery code"),
        max_length=40,
        error_messages={"required": gettext_lazy("Enter the six digits that your app shows.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def refuse(self) -> None:
        """Say that the code will not do, and nothing of why."""
        text = _("This code is not right, or was used already. Wait for the next one.")
        self.add_error("second_factor_code", text)


class FirstCodeForm(CodeForm):
    """The code that shows that the app has read the picture."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["second_factor_code"].label = _("Code that the app shows now")


def _hide_where_none_is_asked(view: View) -> View:
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.PPIMS_SECOND_FACTOR:
            raise Http404
        return view(request, *args, **kwargs)

    return answer


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@_hide_where_none_is_asked
def give_code(request: HttpRequest) -> HttpResponseBase:
    """Ask for the second factor after the password; of whoever has none, to set one up."""
    user = find_half_logged_in(request)
    if user is None or user.has_one_time_password:
        return _leave(request) if request.user.is_authenticated else send_to_log_in(request)
    if second_factor.find_factor(user) is None:
        return _set_up(request, user)
    form = CodeForm(request.POST or None)
    if form.is_valid():
        if refusal := _judge_code(request, user, form):
            return refusal
        if not form.errors:
            _let_in(request, user)
            return _leave(request)
    return render_form(request, "registration/code.html", form, {"next": _find_next(request)})


def ask_code_again(view: View) -> View:
    """Let a POST through where a code was given within PPIMS_FRESH_CODE_SECONDS, or comes with it.
    Else nothing is done yet: a page asks for one, and sends all that was sent again with it.
    That a form is only looked at is the client's word: it counts in ask_code_unless_looking alone.
    """

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST" or not _is_stale(request):
            return view(request, *args, **kwargs)
        is_told = "second_factor_code" in request.POST
        form = CodeForm(request.POST if is_told else None)
        if form.is_valid():
            if refusal := _judge_code(request, get_staff(request), form):
                return refusal
            if not form.errors:
                request.session[CODE_GIVEN_KEY] = int(time())
                return view(request, *args, **kwargs)
        context = {"carried_on": list(_list_carried_on(request)), "here": request.get_full_path()}
        return render_form(request, "registration/code_again.html", form, context)

    return sensitive_post_parameters("second_factor_code")(answer)


def ask_code_unless_looking(view: View) -> View:
    """As ask_code_again, for a view that does nothing itself while its form is looked at."""
    asked = ask_code_again(view)

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return (view if is_looking(request) else asked)(request, *args, **kwargs)

    return answer


@open_page(methods=("GET", "POST"))
@_hide_where_none_is_asked
@ask_code_again
def recovery_codes(request: HttpRequest) -> HttpResponseBase:
    """Show since when one's second factor counts, and how many recovery codes are left; make new
    ones, which are shown in that answer alone.
    """
    user = get_staff(request)
    if request.method == "POST":
        codes = second_factor.renew_recovery_codes(user=user, source=access.find_source(request))
        return _show_codes(request, codes, resolve_url("home"))
    context = {
        "factor": second_factor.find_factor(user),
        "left": second_factor.count_recovery_codes(user),
    }
    return render(request, "registration/second_factor.html", context)


def _is_stale(request: HttpRequest) -> bool:
    """Whether a second factor is asked for, and the last was given too long ago."""
    given = request.session.get(CODE_GIVEN_KEY, 0)
    return settings.PPIMS_SECOND_FACTOR and time() - given > settings.PPIMS_FRESH_CODE_SECONDS


def _list_carried_on(request: HttpRequest) -> Iterator[tuple[str, str]]:
    for name, values in request.POST.lists():
        if name not in NOT_CARRIED_ON:
            yield from ((name, str(value)) for value in values)


def _judge_code(request: HttpRequest, user: User, form: CodeForm) -> HttpResponseBase | None:
    """Look at a code: None where it is right, or where the form then says that it isn't; else the
    answer to whoever has to wait.
    """
    source = access.find_source(request)
    try:
        throttle.refuse_if_over(source, user.get_username())
    except TooManyAttempts as refusal:
        return refuse_for_a_while(request, refusal.retry_after_seconds or 1, is_address=True)
    code = form.cleaned_data["second_factor_code"]
    verdict = second_factor.check_code(user=user, code=code, source=source)
    if not verdict.is_right:
        access.count_failure(user=user, source=source, kind=FailedAccess.Kind.CODE)
    if verdict.locked_seconds:
        note_log_out(request, "codes")
        logout(request)
        return refuse_for_a_while(request, verdict.locked_seconds, is_address=False, is_code=True)
    if not verdict.is_right:
        throttle.count_failure(source, user.get_username())
        form.refuse()
    return None


def _set_up(request: HttpRequest, user: User) -> HttpResponse:
    """Show the app's secret, and take the code that shows that the app has it."""
    form = FirstCodeForm(request.POST or None)
    session_key = request.session.session_key or ""
    if form.is_valid():
        code = form.cleaned_data["second_factor_code"]
        codes = second_factor.confirm(
            user=user, session_key=session_key, code=code, source=access.find_source(request)
        )
        if codes:
            _let_in(request, user)
            return _show_codes(request, codes, _find_next(request))
        source = access.find_source(request)
        access.count_failure(user=user, source=source, kind=FailedAccess.Kind.CODE)
        form.refuse()
    try:
        secret = second_factor.draw_secret(user=user, session_key=session_key)
    except Conflict:  # another session was quicker
        return redirect("second-factor")
    context = {
        "picture": _draw_picture(second_factor.write_address(user, secret)),
        "secret": " ".join(
            secret[i : i + DIGITS_IN_A_GROUP] for i in range(0, len(secret), DIGITS_IN_A_GROUP)
        ),
        "next": _find_next(request),
    }
    return render_form(request, "registration/set_up_factor.html", form, context)


def _draw_picture(address: str) -> SafeString:
    """Draw what an app's camera reads: SVG without a style, which the pages' policy refuses."""
    made = segno.make(address, error="m", micro=False)
    title = _("What your app reads")
    return mark_safe(  # noqa: S308 - of numbers alone; the address is in no text of it
        made.svg_inline(scale=5, dark="#000", light="#fff", title=title, svgclass="qr")
    )


def _show_codes(request: HttpRequest, codes: list[str], go_on: str) -> HttpResponse:
    context = {"codes": codes, "next": go_on}
    return render(request, "registration/recovery_codes.html", context)


def _let_in(request: HttpRequest, user: User) -> None:
    """Let the session be whole from here on, under another key than it had before; end it where the
    factor was taken away meanwhile.
    """
    request.session.cycle_key()
    finish_log_in(request, user)
    request.session[CODE_GIVEN_KEY] = int(time())
    # Kept first: whoever takes the factor away from now on ends this session with the others.
    request.session.save()
    if not second_factor.is_set_up(user=user):
        access.record_log_out(user=user, source=access.find_source(request), outcome="reset")
        request.session.flush()


def _leave(request: HttpRequest) -> HttpResponse:
    return redirect(_find_next(request))


def _find_next(request: HttpRequest) -> str:
    """Find where to go on: a page of ours, or the first one."""
    asked = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if is_ours else resolve_url("home")
