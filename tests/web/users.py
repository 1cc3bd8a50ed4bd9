"""Find who is logged in, and make people who can log in."""

from ppims.services import staff_changes
from tests.factories import make_password_once
from tests.web.admin_pages import make_user

RIGHT_PASSWORD, OTHER_PASSWORD = "a-password-of-tests", "another-long-passphrase"


def find_user(client):
    """Find who is logged in with this client."""
    return client.get("/settings/limits").wsgi_request.user


def make_user_of(role="viewer", **fields):
    """Make a person of a role who logs in with RIGHT_PASSWORD."""
    return make_user(role, password=make_password_once(RIGHT_PASSWORD), **fields)


def reset_password(user):
    """Reset somebody's password, as two admins do: the one-time password."""
    maker, checker = make_user("admin"), make_user("admin")
    change = staff_changes.propose(kind="RESET", person_id=user.pk, reason="Lost", user=maker)
    staff_changes.STAFF_PROPOSALS.decide(proposal_id=change.pk, state="APPROVED", user=checker)
    return staff_changes.open_sheet(change_id=change.pk, user=maker)
