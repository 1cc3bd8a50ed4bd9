"""What the API answers with, whichever server it answers by."""

from django.http.response import HttpResponseBase

from ppims.core.errors import Fault


class WireReply(HttpResponseBase):
    """An answer of the API. Django's own responses are made for cookies, charsets and streams, and
    cost as much as a read of the database.
    """

    headers: dict[str, str]  # type: ignore[assignment]

    def __init__(self, content: bytes = b"", *, resp_code: str = Fault.code) -> None:
        self.status_code, self.content, self.resp_code = 200, content, resp_code
        self.headers = {"Content-Type": "application/json; charset=utf-8"}
