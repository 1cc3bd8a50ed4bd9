"""Logging in and out, one's own password, and who has guessed too often."""

import hmac
import ipaddress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from ppims import audit, auth, clock
from ppims.pages.access import page, staff, to_log_in
from ppims.transact import in_transaction


class LogInForm(AuthenticationForm):
    """Username and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _leave_the_focus_to_errors(self)


def _passwords_in() -> Path | None:
    """Name the file that holds the demo's passwords, where there is one."""
    path, base = settings.PPIMS_DATA_DIR / "demo.json", settings.BASE_DIR
    if settings.PRODUCTION or not path.exists():
        return None
    return path.relative_to(base) if path.is_relative_to(base) else path


log_in = LoginView.as_view(
    authentication_form=LogInForm,
    redirect_authenticated_user=True,
    extra_context={"passwords_in": _passwords_in},
)
log_out = require_POST(LogoutView.as_view())


class OwnPasswordForm(PasswordChangeForm):
    """The password that one has, and a new one, which is another."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _leave_the_focus_to_errors(self)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        new = self.cleaned_data.get("new_password1")
        if new and new == self.cleaned_data.get("old_password"):
            self.add_error("new_password1", ValidationError(_("This is the password you have.")))
        return cleaned


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def password_change(request: HttpRequest) -> HttpResponse:
    """Change one's own password; the one page that opens with a one-time password."""
    if not request.user.is_authenticated:
        return to_log_in(request)
    user = staff(request)
    form = OwnPasswordForm(user, request.POST or None)
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "registration/password.html", {"form": form}, status=status)

    def work() -> None:
        user.has_one_time_password = False
        form.save()
        audit.record("own password changed", at=clock.now(), user=user)

    in_transaction(work)
    update_session_auth_hash(request, user)
    messages.success(request, _("Your password is changed."))
    return redirect("home")


@page(methods=["POST"])
def stay(request: HttpRequest) -> HttpResponse:
    """Do nothing, which is enough: the session begins its time anew."""
    return HttpResponse(status=204)


def _leave_the_focus_to_errors(form: BaseForm) -> None:
    for field in form.fields.values() if form.is_bound else ():
        field.widget.attrs.pop("autofocus", None)


# For django-axes.


def address(request: HttpRequest) -> str | None:
    """Tell the client's address as the API does; none where that is no address."""
    try:
        return str(ipaddress.ip_address(auth.source_address(request)))
    except ValueError:
        return None


def counted_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """Give what failures are counted under: a digest, for people type passwords there too."""
    return digest_of((credentials or {}).get("username") or request.POST.get("username", ""))


def digest_of(username: str) -> str:
    key = settings.SECRET_KEY.encode()
    return hmac.digest(key, b"log-in " + username.encode(), "sha256").hex()[:32]


def locked_out(request: HttpRequest, _response: HttpResponse, _credentials: Any) -> HttpResponse:
    """Say to who has guessed too often when to come back."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() / 60)
    response = render(request, "registration/locked.html", {"minutes": minutes}, status=429)
    response["Retry-After"] = str(minutes * 60)
    return response
