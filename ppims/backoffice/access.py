"""Who may open a page, what is said to the others, and how a page or its fragment is answered."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from time import time
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import BadRequest, PermissionDenied
from django.forms import BaseForm
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    QueryDict,
    UnreadablePostError,
)
from django.shortcuts import redirect, render, resolve_url
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_http_methods

from customers.services.disclosures import Viewer
from ppims.core import uploads
from ppims.models import User
from ppims.services.access import find_source
from ppims.services.accounts import get_staff

View = Callable[..., HttpResponseBase]
SEEN_EVERY_SECONDS = 60
POLL_PARAMETER = "poll"  # of what a page asks by itself
NUL_CHARACTER = "\0"
CODE_GIVEN_KEY = "code_given"  # in a session: when a second factor was given last, in seconds


def open_page(permission: str = "", *, methods: Sequence[str] = ("GET",)) -> Callable[[View], View]:
    """Open a view to whoever is logged in and has the permission, "" being none.

    Others are sent to the log-in, or to change a one-time password, or get 403; its page says so
    to whoever has no role.
    """
    allowed = [*methods, "HEAD"] if "GET" in methods else list(methods)

    def wrap(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            user = request.user
            if not isinstance(user, User):
                return send_to_log_in(request)
            if user.has_one_time_password:
                return go(request, "password_change")
            if not has_role(user) or (permission and not user.has_perm(permission)):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return require_http_methods(allowed)(answer)

    return wrap


def hide_outside_stand_in(view: View) -> View:
    """Let there be no such address anywhere but in a demo on SQLite."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.PPIMS_STAND_IN:
            raise Http404
        return view(request, *args, **kwargs)

    return answer


def is_fragment(request: HttpRequest) -> bool:
    """Return whether htmx will put the answer into the page that is there."""
    headers = request.headers
    is_restoring = headers.get("HX-History-Restore-Request") == "true"
    return headers.get("HX-Request") == "true" and not is_restoring


def is_looking(request: HttpRequest) -> bool:
    """Return whether a form is only to be looked at, while somebody fills it in."""
    return is_fragment(request) and "looking" in request.POST


def respond(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    partial: str,
    status: int = 200,
) -> HttpResponse:
    """Render the page, or for htmx its partial of that name alone."""
    return render(request, name_template(request, template, partial), context, status=status)


def name_template(request: HttpRequest, template: str, partial: str) -> str:
    """Name the template of the page, or for htmx that of its partial."""
    return f"{template}#{partial}" if is_fragment(request) else template


def get_posted(request: HttpRequest) -> QueryDict | None:
    """Return what a form was filled in with; None where it is only asked for."""
    return request.POST if request.method == "POST" else None


def render_form(
    request: HttpRequest, template: str, form: BaseForm, context: Mapping[str, Any]
) -> HttpResponse:
    """Render a form's page: with 422 where it was sent, for then something is wrong with it."""
    status = 422 if form.is_bound else 200
    return render(request, template, {**context, "form": form}, status=status)


def go(request: HttpRequest, to: str, *args: Any) -> HttpResponse:
    """Redirect the whole browser, also where htmx asked for a fragment."""
    address = resolve_url(to, *args)
    if is_fragment(request):
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return redirect(address)


def send_to_log_in(request: HttpRequest, *, ended: str = "1") -> HttpResponse:
    """Send to the log-in, which says what `ended`, and from there back to the page that the person
    was on; whoever is half logged in, to what is missing.
    """
    query = {"next": _name_page(request)}
    if half := find_half_logged_in(request):
        step = "password_change" if half.has_one_time_password else "second-factor"
        return go(request, f"{resolve_url(step)}?{urlencode(query)}")
    if settings.SESSION_COOKIE_NAME in request.COOKIES:
        query["ended"] = ended
    return go(request, f"{resolve_url(settings.LOGIN_URL)}?{urlencode(query)}")


def find_half_logged_in(request: HttpRequest) -> User | None:
    """Find whose password was right in this session, and whose second factor is still missing. To
    everything else such a session is nobody's.
    """
    _ = request.user.is_authenticated  # it is found out with that
    half = getattr(request, "half_logged_in", None)
    return half if isinstance(half, User) else None


def find_viewer(request: HttpRequest) -> Viewer:
    """Return who looks, and from where, in a view that only staff can open."""
    return Viewer(get_staff(request), find_source(request))


def has_role(user: User) -> bool:
    """Return whether somebody has a role: without one nothing opens but one's own password."""
    return bool(user.get_group_permissions())


def _name_page(request: HttpRequest) -> str:
    """Name the page in the browser's address line, by path and query alone."""
    if request.method in {"GET", "HEAD"} and not is_fragment(request):
        return request.get_full_path()
    shown = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    try:
        parts = urlsplit(shown)
    except ValueError:  # not an address
        return resolve_url("home")
    if parts.netloc != request.get_host() or not parts.path:
        return resolve_url("home")
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


# Middleware: for every answer but static files and the API's.


class Authentication(AuthenticationMiddleware):
    """Tells who is logged in: nobody any more, PPIMS_SESSION_SECONDS after the log-in."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        logged_in = request.user
        # Looked at when a view asks for it: what needs nobody reads no session.
        request.user = SimpleLazyObject(lambda: _get_user_in_time(request, logged_in))  # type: ignore[assignment]


def _get_user_in_time(request: HttpRequest, user: Any) -> Any:
    if user.is_authenticated:
        now = int(time())
        began = request.session.get("began")
        if began is None:  # with a session's first request
            request.session["began"] = now
        elif now >= began + settings.PPIMS_SESSION_SECONDS:
            request.session.flush()
            return AnonymousUser()
        if settings.PPIMS_SECOND_FACTOR and not request.session.get(CODE_GIVEN_KEY):
            request.half_logged_in = user  # type: ignore[attr-defined]
            return AnonymousUser()
    return user


def refuse_nul(get_response: View) -> View:
    """Answer 400 to a NUL wherever it was sent: PostgreSQL keeps none, and nothing holds one."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if any(NUL_CHARACTER in text for text in _list_texts_sent(request)):
            raise BadRequest("A NUL was sent")
        return get_response(request)

    return answer


def _list_texts_sent(request: HttpRequest) -> Iterator[str]:
    yield from (request.path_info, *map(str, request.headers.values()))
    for pair in request.COOKIES.items():  # a quoted one may hold what its header doesn't show
        yield from pair
    # The body of an upload is the view's, which reads it once it knows from whom it is.
    is_upload = uploads.is_upload(str(request.method), request.path_info)
    try:
        for fields in (request.GET, QueryDict() if is_upload else request.POST):
            yield from list_texts(fields)
    except UnreadablePostError:
        raise BadRequest("The body did not come whole") from None


def list_texts(fields: QueryDict) -> Iterator[str]:
    """List the names and the values of what was sent."""
    for name, values in fields.lists():
        yield from (name, *map(str, values))


def keep_alive(get_response: View) -> View:
    """Let a session end SESSION_COOKIE_AGE after its last request, noted once a minute at most.
    What a page asks by itself doesn't count: nobody may be there.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        session = request.session
        if session.accessed and not session.is_empty() and POLL_PARAMETER not in request.GET:
            now = int(time())
            if now - session.get("seen", 0) >= SEEN_EVERY_SECONDS:
                session["seen"] = now
        return response

    return answer


def keep_private(get_response: View) -> View:
    """Let nobody store what a page said, nor take a fragment for its page."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        patch_vary_headers(response, ["HX-Request"])
        return response

    return answer


def send_back(request: HttpRequest) -> HttpResponseRedirect:
    """Take the place of the admin's own log-in: everybody has one."""
    user = request.user
    if isinstance(user, User) and user.has_one_time_password:
        return redirect("password_change")
    if user.is_authenticated:
        raise PermissionDenied
    if find_half_logged_in(request):
        return redirect("second-factor")
    query = urlencode({"next": request.GET.get("next") or resolve_url("admin:index")})
    return redirect(f"{resolve_url(settings.LOGIN_URL)}?{query}")
