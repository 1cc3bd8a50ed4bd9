"""The address /metrics: who may read it, and where. And how many pages there are, for it.

With PPIMS_METRICS_BIND it has an address of its own, and the main one has none. With
PPIMS_METRICS_TOKEN who reads it says the token. With neither, a demo answers its own machine, and
production nobody.
"""

import secrets
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe

from ppims.core.addresses import is_loopback
from ppims.core.counts import ACCESS_REFUSED, PAGE_COUNT, PAGE_SECONDS
from ppims.metrics.families import write_metrics
from ppims.services.credentials import find_source_address

METRICS_PATH, WRONG_TOKEN = "/metrics", "metrics-token"
SENT_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def make_middleware(get_response: GetResponse) -> GetResponse:
    """Answer /metrics to whom it may answer, before anything asks by which name, or whether by
    HTTPS, the request came; and count all pages that come after it, but for static files.
    """
    static = f"/{settings.STATIC_URL.strip('/')}/"

    def answer(request: HttpRequest) -> HttpResponseBase:
        if request.path_info == METRICS_PATH and _is_here(request):
            return _answer(request)
        if request.path_info.startswith(static):
            return get_response(request)
        began = time.perf_counter()
        response = get_response(request)
        PAGE_COUNT.add(f"{response.status_code // 100}xx")
        PAGE_SECONDS.add_value(time.perf_counter() - began)
        return response

    return answer


def _is_here(request: HttpRequest) -> bool:
    """Return whether there is such a page, for this request: else it is answered as any unknown
    address.
    """
    if settings.PPIMS_METRICS_PORT:
        # By a unix socket the port would be the client's own word.
        is_tcp = bool(request.META.get("REMOTE_ADDR"))
        return is_tcp and request.META.get("SERVER_PORT") == str(settings.PPIMS_METRICS_PORT)
    if settings.PPIMS_METRICS_TOKEN:
        return True
    address = find_source_address(request)
    return not settings.PRODUCTION and (not address or is_loopback(address))


@require_safe
def _answer(request: HttpRequest) -> HttpResponse:
    if settings.PPIMS_METRICS_TOKEN and not _has_token(request):
        ACCESS_REFUSED.add(WRONG_TOKEN)
        headers = {**SENT_HEADERS, "WWW-Authenticate": "Bearer"}
        return _say(b"A token is needed.\n", "text/plain", 401, headers)
    content, content_type = write_metrics(request.META.get("HTTP_ACCEPT", ""))
    return _say(content, content_type, 200, SENT_HEADERS)


def _has_token(request: HttpRequest) -> bool:
    said = str(request.META.get("HTTP_AUTHORIZATION", ""))
    wanted = f"Bearer {settings.PPIMS_METRICS_TOKEN}"
    return secrets.compare_digest(said.encode("utf-8", "replace"), wanted.encode())


def _say(content: bytes, content_type: str, status: int, headers: dict[str, str]) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type, status=status, headers=headers)
    # Here, for CommonMiddleware, which sets it otherwise, is further in.
    response["Content-Length"] = str(len(content))
    response._has_been_logged = True  # type: ignore[attr-defined]  # a scrape's 401 isn't news
    return response
