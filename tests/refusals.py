"""Which golden refusals there are: by what is asked, or by the moment."""

from tests.conftest import WORDS

# The request of each operation that all others differ from in one thing.
RIGHT_CASES = {
    "add-customer": "new",
    "update-customer": "changed",
    "customer-registration-status": "known",
    "check-customer-kyc": "known",
    "check-customer-limit": "allowed",
    "update-customer-limit": "posted",
}
BY_REQUEST = ["malformed", "wrong-password", "not-your-system-id", "unknown-customer"]
BY_MOMENT = ["too-large", "winding-down", "too-many-attempts", "too-many-requests", "busy", "fault"]
UNKNOWN_ELSEWHERE = {"add-customer", "customer-registration-status"}  # adds it; says "unknown"
NOT_WHILE_WINDING_DOWN = {"add-customer", "check-customer-limit"}
CASES = [
    (operation, case)
    for operation in WORDS
    for case in [*BY_REQUEST, *BY_MOMENT]
    if not (case == "unknown-customer" and operation in UNKNOWN_ELSEWHERE)
    and not (case == "winding-down" and operation not in NOT_WHILE_WINDING_DOWN)
]
REQUESTED_CASES = {f"{operation}.{case}" for operation, case in CASES if case in BY_REQUEST}
