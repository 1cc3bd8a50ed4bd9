"""Let two admins decide on a new key for each purpose that is named, in a process of its own."""

import sys

import django

django.setup()

from ppims.models import User  # noqa: E402 - after the set-up
from ppims.services import key_rotations, role_groups  # noqa: E402
from tests.web.admin_pages import make_user  # noqa: E402


def approve(purpose: str, one: User, other: User) -> None:
    row = key_rotations.propose(purpose=purpose, reason="Yearly", user=one)
    key_rotations.KEY_PROPOSALS.decide(proposal_id=row.pk, state="APPROVED", user=other)


if __name__ == "__main__":
    role_groups.set_up()
    admins = make_user("admin"), make_user("admin")
    for name in sys.argv[1:]:
        approve(name, *admins)
