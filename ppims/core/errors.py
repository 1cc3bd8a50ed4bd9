"""Every way to refuse a request: the codes of docs/api.md, "Codes"."""

from collections.abc import Iterable


class Refusal(Exception):
    """A request that is not carried out; nothing of it is recorded.

    `errors` are pairs of a field's name in our words ("amount") and a message that never repeats
    what was sent. The name "" is the operation as a whole.
    """

    code = "999"
    http = 500
    message = "A fault of ours; send it again with the same Ref_Id."
    why = ""  # what the log tells of it, and the answer doesn't

    def __init__(
        self, errors: Iterable[tuple[str, str]] = (), *, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(self.message)
        self.errors = list(errors)
        self.retry_after_seconds = retry_after_seconds

    def describe(self) -> str:
        """Say in a person's words what was refused."""
        errors = [f"{name.replace('_', ' ')} {message}".strip() for name, message in self.errors]
        return "; ".join(errors) or self.message


class Malformed(Refusal):
    """A field is missing or malformed, or the state of the customer asks for a field."""

    code, http, message = "400", 400, "A field is missing or malformed."


class UnreadableBody(Malformed):
    """Not JSON, or without its Data object."""


class TooLarge(Malformed):
    """A body over the limit of size."""

    http = 413


class NotAuthenticated(Refusal):
    """The name or the password is wrong, unknown or disabled: the answer doesn't say which."""

    code, http, message = "401", 401, "Username or Password is wrong."

    def __init__(self, *, why: str = "") -> None:
        super().__init__()
        self.why = why


class Forbidden(Refusal):
    """Not the caller's System_Id, or an operation that the caller may not ask for now."""

    code, http, message = "403", 403, "Not allowed for this caller."


class UnknownOperation(Refusal):
    code, http, message = "404", 404, "No such operation."


class WrongMethod(Refusal):
    code, http, message = "405", 405, "Only POST."

    def __init__(self, allowed: str = "POST") -> None:
        self.allowed, self.message = allowed, f"Only {allowed}."
        super().__init__()


class Conflict(Refusal):
    """The request conflicts with what is recorded."""

    code, http, message = "409", 409, "The request conflicts with the record."


class TooManyAttempts(Refusal):
    code, http, message = "429", 429, "Too many failed log-ins."


class TooManyRequests(Refusal):
    """More requests a second than the caller may make."""

    code, http, message, why = "429", 429, "Too many requests a second.", "rate"


class UnknownCustomer(Refusal):
    """No such customer, or none that this processor can see: the wire format's own 500."""

    code, http, message = "500", 200, "No such customer."


class Unavailable(Refusal):
    """Nothing can be said to be recorded. The same Ref_Id, sent again, has one effect."""

    code, http, message = "503", 503, "Busy; send it again with the same Ref_Id."

    def __init__(self, *, retry_after_seconds: int = 1) -> None:
        super().__init__(retry_after_seconds=retry_after_seconds)


class ClockMoved(Unavailable):
    """The clock has jumped: nothing is recorded until it is back, or an operator accepts it."""

    message = "The clock has jumped; send it again with the same Ref_Id once it is put right."

    def __init__(self) -> None:
        super().__init__(retry_after_seconds=10)


class Fault(Refusal):
    """A fault of ours: no internals in the reply."""
