"""Logging in and out, one's own password, and who has guessed too often.

A password is verified here as the API's are: one at a time, of each source in turn, and no more
often than the throttle bears. django-axes counts besides, by address and username, in the database.
"""

import ipaddress
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from ppims.backoffice.access import (
    find_half_logged_in,
    open_page,
    render_form,
    send_to_log_in,
)
from ppims.backoffice.sessions import note_log_in
from ppims.core import clock
from ppims.core.addresses import name_source
from ppims.core.errors import TooManyAttempts, Unavailable
from ppims.core.throttle import Throttle
from ppims.core.turnstile import Turnstile
from ppims.models import FailedAccess, User
from ppims.services import access, accounts, credentials
from ppims.services.accounts import get_staff

# Apart from the API's: a processor that fails shuts out no staff who come from the same address.
throttle = Throttle()
turnstile = Turnstile("log-ins")
View = Callable[..., HttpResponseBase]


def wait_in_turn(view: View) -> View:
    """Let a form that asks for a password be read in its source's turn, and while its source has
    not failed too often; others hear 503 or 429 at once.
    """

    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponseBase:
        if request.method != "POST":
            return view(request)
        source = _name_source(request)
        try:
            throttle.refuse_if_over(source, _name_user(request))
            with turnstile.hold_turn(source):
                return view(request)
        except TooManyAttempts as refusal:
            return refuse_for_a_while(request, refusal.retry_after_seconds or 1, is_address=True)
        except Unavailable:
            response = render(request, "registration/busy.html", status=503)
            response["Retry-After"] = "1"
            return response

    return answer


MISSING_SENTENCES = {
    "username": gettext_lazy("Enter your username."),
    "password": gettext_lazy("Enter your password."),
    "old_password": gettext_lazy("Enter your old password."),
    "new_password1": gettext_lazy("Enter a new password."),
    "new_password2": gettext_lazy("Enter the new password once more."),
}


class LogInForm(AuthenticationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _prepare_errors(self)

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if user.has_one_time_password_of_before(clock.now()):
            raise ValidationError(
                _("This one-time password was good for 24 hours. Ask an admin for another one.")
            )


def _find_password_file() -> Path | None:
    path, base = settings.PPIMS_DATA_DIR / "demo.json", settings.BASE_DIR
    if settings.PRODUCTION or not path.exists():
        return None
    return path.relative_to(base) if path.is_relative_to(base) else path


class LogIn(LoginView):
    authentication_form = LogInForm
    redirect_authenticated_user = True
    extra_context = {"passwords_in": _find_password_file}

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        assert isinstance(user, User)
        last_at = user.last_login  # before this one takes its place
        response = super().form_valid(form)
        user.last_login = last_at
        if settings.PPIMS_SECOND_FACTOR:  # it is a log-in once the code is given
            user.save(update_fields=["last_login"])
            access.record_password_accepted(user=user, source=access.find_source(self.request))
        else:
            finish_log_in(self.request, user)
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        throttle.count_failure(_name_source(self.request), _name_user(self.request))
        said = form.cleaned_data
        if said.get("username") and said.get("password"):
            source = access.find_source(self.request)
            access.count_failed_log_in(username=said["username"], source=source)
        return super().form_invalid(form)


def finish_log_in(request: HttpRequest, user: User) -> None:
    """Put a log-in on record, once all that is asked for was given; tell its owner of the last."""
    access.record_log_in(user=user, source=access.find_source(request))
    note_log_in(request, user, last_at=user.last_login)
    user.last_login = timezone.now()  # as Django sets it
    user.save(update_fields=["last_login"])


log_in = wait_in_turn(LogIn.as_view())
end_session = LogoutView.as_view()


@require_http_methods(["GET", "HEAD", "POST"])
def log_out(request: HttpRequest) -> HttpResponse:
    """Log out; asked by GET, which a link of any page can, give the button for it."""
    if request.method == "POST":
        note_log_out(request)
        return end_session(request)
    if not request.user.is_authenticated and not find_half_logged_in(request):
        return redirect("login")
    return render(request, "registration/log_out.html")


class OwnPasswordForm(PasswordChangeForm):
    """The password that one has, and a new one, which is none of the last."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _prepare_errors(self)

    def clean(self) -> dict[str, Any] | None:
        # With a wrong old one the new one is not looked at: that it is one of the last four would
        # tell a guesser a password.
        return self.cleaned_data if self.has_error("old_password") else super().clean()

    def validate_password_for_user(self, user: Any, *_: Any) -> None:
        """Say what is wrong with it beside the password itself, not beside its repetition."""
        super().validate_password_for_user(user, "new_password1")


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@wait_in_turn
def password_change(request: HttpRequest) -> HttpResponse:
    """Change one's own password; the one page that opens with a one-time password."""
    half = find_half_logged_in(request)
    if half and half.has_one_time_password:  # what comes before a second factor can be set up
        request.user = half
    if not request.user.is_authenticated:
        return send_to_log_in(request)
    user = get_staff(request)
    if user.has_one_time_password_of_before(clock.now()):
        note_log_out(request, "one-time")
        logout(request)
        return send_to_log_in(request, ended="one-time")
    form = OwnPasswordForm(user, request.POST or None)
    if not form.is_valid():
        if form.has_error("old_password", "password_incorrect") and _was_guessed_at(request, user):
            note_log_out(request, "guesses")
            logout(request)
            return send_to_log_in(request, ended="guesses")
        return render_form(request, "registration/password.html", form, {})

    accounts.change_own_password(user=user, password=form.cleaned_data["new_password1"])
    update_session_auth_hash(request, user)
    messages.success(request, _("Your password is changed."))
    return redirect("home")


def _was_guessed_at(request: HttpRequest, user: User) -> bool:
    """Count a wrong old password, of whichever session; tell whether it was the user's fifth."""
    throttle.count_failure(_name_source(request), user.get_username())
    source = access.find_source(request)
    access.count_failure(user=user, source=source, kind=FailedAccess.Kind.LOG_IN)
    return accounts.count_wrong_password(user=user)


def note_log_out(request: HttpRequest, outcome: str = "asked") -> None:
    """Put on record that a session is about to end, if somebody is logged in with it."""
    if isinstance(request.user, User):
        source = access.find_source(request)
        access.record_log_out(user=request.user, source=source, outcome=outcome)


@open_page(methods=["POST"])
def stay(request: HttpRequest) -> HttpResponse:
    """Do nothing, which is enough: the session begins its time anew."""
    return HttpResponse(status=204)


def _prepare_errors(form: BaseForm) -> None:
    """Let each field have its own sentence, and leave the focus to what sums them up."""
    for name, field in form.fields.items():
        field.error_messages["required"] = MISSING_SENTENCES[name]
        if form.is_bound:
            field.widget.attrs.pop("autofocus", None)


# For django-axes.


def find_address(request: HttpRequest) -> str | None:
    """Find the client's address as the API counts it; None where that is no address."""
    try:
        return str(ipaddress.ip_address(_name_source(request)))
    except ValueError:
        return None


def digest_counted_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """Digest the name that failures are counted under: people type passwords there too."""
    return accounts.digest_username(
        (credentials or {}).get("username") or request.POST.get("username", "")
    )


def refuse_locked_out(
    request: HttpRequest, _response: HttpResponse, credentials: dict[str, Any] | None
) -> HttpResponse:
    """Say that it has to wait. Where this is the failure that locked it, that is on record."""
    if getattr(request, "axes_failures_since_start", None) is not None:
        access.record_lock_out(
            username=(credentials or {}).get("username", ""), source=access.find_source(request)
        )
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    return refuse_for_a_while(request, seconds, is_address=False)


def refuse_for_a_while(
    request: HttpRequest, seconds: int, *, is_address: bool, is_code: bool = False
) -> HttpResponse:
    """Say how long whoever has guessed too often has to wait: 429, with Retry-After."""
    context = {"minutes": -(-seconds // 60), "is_address": is_address, "is_code": is_code}
    response = render(request, "registration/locked.html", context, status=429)
    response["Retry-After"] = str(seconds)
    return response


def _name_source(request: HttpRequest) -> str:
    return name_source(credentials.find_source_address(request))


def _name_user(request: HttpRequest) -> str:
    user = find_half_logged_in(request) or request.user
    return user.get_username() if user.is_authenticated else request.POST.get("username", "")
