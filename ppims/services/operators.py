"""Name who works at the machine itself, for commands that change something about people."""

import getpass
import os
import pwd
from datetime import datetime
from pathlib import Path

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from ppims.core import clock
from ppims.db.transaction import wrap_in_transaction
from ppims.models import AuditEntry, User
from ppims.services import accounts, audit, role_groups, sessions

LOGGED_IN = Path("/proc/self/loginuid")
NOBODY_LOGGED_IN = 2**32 - 1  # as the kernel writes it: -1, unsigned
MOST_TRIES = 3


def name_operator() -> str:
    """Return the operating system's user who runs this, and who had logged in to become that one.

    The kernel knows both, through sudo and su; variables such as LOGNAME say what one likes.
    """
    own = os.getuid()
    try:
        logged_in = int(LOGGED_IN.read_text())
    except (OSError, ValueError):  # a kernel without audit
        logged_in = NOBODY_LOGGED_IN
    if logged_in in {own, NOBODY_LOGGED_IN}:
        return _name_user(own)
    return f"{_name_user(own)} (logged in as {_name_user(logged_in)})"


@wrap_in_transaction
def make_admin(*, username: str, email: str, password: str | None) -> User:
    """Make an admin. Without a password nobody can log in as that one yet. Raises
    ValidationError.
    """
    role_groups.set_up()
    User(username=username, email=email).full_clean(exclude=["password"])
    user = User.objects.create_superuser(username, email, password)
    _record("admin made at the machine", username=user.username)
    return user


@wrap_in_transaction
def change_password(user: User, password: str) -> None:
    """Give a user a lasting password, and end a wait after wrong guesses. Raises
    ValidationError.
    """
    row = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    validate_password(password, row)
    row.take_password(password)
    row.save(update_fields=User.PASSWORD)
    sessions.end_sessions(user=row)
    _record("password changed at the machine", username=row.username)
    accounts.forget_failures(row.username)


@wrap_in_transaction
def record_accepted_clock(*, seconds: int, of: str) -> AuditEntry:
    """Put on record that the clock is taken for right as it is, after a jump by so much."""
    return _record("clock accepted", seconds=seconds, of=of)


@wrap_in_transaction
def record_audit_export(*, since: datetime, until: datetime) -> AuditEntry:
    """Put on record that somebody takes the audit away at the machine, of when."""
    return _record("audit exported at the machine", since=since, until=until)


@wrap_in_transaction
def record_end_of_audit_export(*, count: int, digest: str) -> AuditEntry:
    """Put on record how many entries were taken away, and the digest of the last line: so a file
    that was changed afterwards, with all its digests, is not that one.
    """
    return _record("audit's export ended", count=count, digest=digest)


@wrap_in_transaction
def record_customer_export(*, reason: str) -> AuditEntry:
    """Put on record that somebody takes all customers away at the machine: unmasked for a reason,
    masked where there is none.
    """
    if reason:
        return _record("customers exported unmasked", reason=reason)
    return _record("customers exported at the machine")


@wrap_in_transaction
def record_end_of_customer_export(*, count: int, digest: str) -> AuditEntry:
    """Put on record how many customers were taken away, and the SHA-256 of the file."""
    return _record("customers' export ended", count=count, digest=digest)


@wrap_in_transaction
def record_ledger_export(*, since: datetime | None, until: datetime, reason: str) -> AuditEntry:
    """Put on record that somebody takes the ledger away at the machine, of when: unmasked for a
    reason, masked where there is none.
    """
    if reason:
        return _record("ledger exported unmasked", since=since, until=until, reason=reason)
    return _record("ledger exported at the machine", since=since, until=until)


@wrap_in_transaction
def record_end_of_ledger_export(*, count: int, digest: str) -> AuditEntry:
    """Put on record how many entries and checks were taken away, and the SHA-256 of the file."""
    return _record("ledger's export ended", count=count, digest=digest)


def ask_new_password(user: User) -> str:
    """Ask for a user's new password, twice, until it will do. Raises CommandError."""
    for _ in range(MOST_TRIES):
        try:
            password, again = getpass.getpass("Password: "), getpass.getpass("Once more: ")
        except EOFError:
            break
        if password != again:
            print("These are two different passwords.")
            continue
        try:
            validate_password(password, user)
        except ValidationError as error:
            print("\n".join(error.messages))
        else:
            return password
    raise CommandError("No password was given that will do; nothing is changed.")


def _record(action: str, **detail: object) -> AuditEntry:
    return audit.record(action, at=clock.now(), detail={**detail, "operator": name_operator()})


def _name_user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
