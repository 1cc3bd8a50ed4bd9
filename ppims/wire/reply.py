"""What the API answers with, whichever server it answers by."""

from ppims.core.errors import Fault


class WireReply:
    """An answer of the API. Django's own responses are made for cookies, charsets and streams, and
    cost as much as a read of the database.

    In a demo an answer may be late, or be lost (ppims/demo/next_answers.py): the server waits so
    long, and then closes the connection without a byte of it.
    """

    delay_seconds, is_lost = 0, False

    def __init__(
        self, content: bytes = b"", *, resp_code: str = Fault.code, status_code: int = 200
    ) -> None:
        self.content, self.resp_code, self.status_code = content, resp_code, status_code
        self.headers = {"Content-Type": "application/json; charset=utf-8"}
