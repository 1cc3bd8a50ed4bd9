"""Steps of tests/concurrency/worker.py that try to get in, and what becomes of that."""

from datetime import timedelta

from customers.services import disclosures
from ppims.core import clock
from ppims.models import User
from ppims.services import access
from tests.concurrency.factor_steps import FACTOR_STEPS


def fail_to_log_in(username, source, times=1):
    """Count that somebody failed so often."""
    user = User.objects.get(username=username)
    for _ in range(times):
        access.count_failure(user=user, source=source, kind="LOG_IN")


def flush_an_hour_later():
    """Make entries of what was counted: how many this process made."""
    with clock.freeze(clock.now() + timedelta(hours=1)):
        return access.flush_failures()


def reveal(username, customer_id):
    """Look at a customer once: whether that was allowed."""
    user = User.objects.get(username=username)
    viewer = disclosures.Viewer(user, "10.0.0.9")
    try:
        disclosures.reveal(customer_id=customer_id, reason="Asked", viewer=viewer)
    except disclosures.TooManyReveals:
        return False
    return True


STEPS = {"fail": fail_to_log_in, "flush": flush_an_hour_later, "reveal": reveal} | FACTOR_STEPS
