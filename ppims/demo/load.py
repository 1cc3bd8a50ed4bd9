"""Load the demo, once and through the services: its processors, its staff, the customer of the
samples, and a year's story.
"""

import json
import random
import secrets
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import transaction

from customers.details import CustomerDetails
from customers.services import customers
from limits.decision import CREDIT_STOP
from limits.services import rules
from ppims.core import clock
from ppims.core.private_files import write_private
from ppims.db.transaction import run_in_transaction
from ppims.demo import near_stops, people, refusals
from ppims.demo.story import Story
from ppims.models import Operation, Processor, User
from ppims.services import audit, role_groups
from ppims.services.idempotency import Call

RANDOM_SEED = 20260401
ACCESS_FILE = "demo.json"
NO_LOG_IN = "!"  # the password of the demo's staff until there is a file that tells it
SAMPLE_CUSTOMER = 482_915_307_264_158
PASSWORDS = {"ENT": "ENT123", "CBS": "CBS123"}
PEOPLE_KNOWN_TO = "ENT"
NAMES = {"ENT": "Enterprise card system", "CBS": "Core banking system"}
STAFF = {
    "asha": "viewer",
    "farhan": "maker",
    "lakshmi": "maker",
    "gurpreet": "checker",
    "thomas": "auditor",
    "nandini": "admin",
    "imran": "admin",
}


def load() -> bool:
    """Load the demo, all of it or nothing. Return False where there are processors already."""
    if Processor.objects.exists():
        return False
    with transaction.atomic():
        _load_processors()
        _load_staff()
        with clock.freeze(clock.now().replace(microsecond=0) - timedelta(days=400)):
            _load_sample_customer()
        _stop_loading_without_full_kyc()
        Story(random.Random(RANDOM_SEED), clock.now()).tell()
        refusals.tell()
        near_stops.tell()
        with clock.freeze(clock.now() - timedelta(hours=50)):
            _propose_draft_rules()
        people.make_people(processor=Processor.objects.get(system_id=PEOPLE_KNOWN_TO))
    return True


def write_access(*, url: str) -> None:
    """Write var/demo.json (0600): where it is served, and every log-in.

    Passwords are made once, for the demo's staff as `load` left it. Without the file, and beside
    a database whose people have passwords, nothing is made and nothing written: it may be in use.
    """
    path: Path = settings.PPIMS_DATA_DIR / ACCESS_FILE
    kept = json.loads(path.read_text("utf-8"))["users"] if path.exists() else []
    without = list(User.objects.filter(username__in=STAFF, password=NO_LOG_IN).order_by("pk"))
    if not kept and not without:
        return
    known = {user["username"] for user in kept}
    users = kept + [_make_log_in(user) for user in without if user.username not in known]
    _write_access_file(path, url, users)
    # After the file: whatever stops in between, the next start gives these same passwords.
    passwords = {user["username"]: user["password"] for user in users}
    run_in_transaction(lambda: _give_passwords(without, passwords))


def _write_access_file(path: Path, url: str, users: list[dict[str, str]]) -> None:
    processors = [
        {"system_id": p.system_id, "username": p.username, "password": PASSWORDS[p.system_id]}
        for p in Processor.objects.filter(system_id__in=PASSWORDS).order_by("pk")
    ]
    access = {
        "url": url,
        "api_url": f"{url}/{settings.PPIMS_API_PREFIXES[0]}",
        "processors": processors,
        "users": users,
    }
    write_private(path, json.dumps(access, indent=2))


def _make_log_in(user: User) -> dict[str, str]:
    role, password = STAFF[user.username], secrets.token_urlsafe(12)
    return {"username": user.username, "password": password, "role": role}


def _give_passwords(users: list[User], passwords: dict[str, str]) -> None:
    for user in users:
        user.password = make_password(passwords[user.username])
        user.save(update_fields=["password"])
        audit.record(
            "user given the demo's password",
            at=clock.now(),
            detail={"username": user.username},
        )


def _load_processors() -> None:
    for system_id, password in PASSWORDS.items():
        Processor.objects.create(
            system_id=system_id,
            name=NAMES[system_id],
            username=f"PPIM_{system_id}",
            password=make_password(password),
            password_at=clock.now(),
        )


def _load_staff() -> None:
    role_groups.set_up()
    for username, role in STAFF.items():
        user = User.objects.create(username=username, is_staff=True, password=NO_LOG_IN)
        user.groups.add(Group.objects.get(name=role))


def _load_sample_customer() -> None:
    details = CustomerDetails(
        customer_id="910000000000001",
        customer_name="Meera Iyer",
        mobile_number="919812345670",
        date_of_birth=date(1991, 2, 14),
        email_id="meera.iyer@example.in",
        address_line1="12 Lake View Road",
        city="Chennai",
        state="Tamil Nadu",
        pincode="600017",
        account_number="500100200301",
        account_status="A",
        kyc_flag="P",
        kyc_updated_channel="PGO",
        kyc_updated_on=datetime(2025, 4, 3, 4, 45, tzinfo=UTC),
        cif_id="CIF-0001",
        customer_type="N",
    )
    for processor in Processor.objects.order_by("pk"):
        call = Call(processor, Operation.ADD_CUSTOMER, f"DEMO-SAMPLE-{processor.system_id}", {})
        customers.add_customer(call=call, details=details, draw_unique_id=lambda: SAMPLE_CUSTOMER)


def _stop_loading_without_full_kyc() -> None:
    """Put a rule in force that stops loads for Min KYC after two years. Nobody of the story is
    known for so long.
    """
    pack = rules.read_pack(rules.PACKS_FOLDER / "limit_rules_rbi_2021.json")
    stops = [each for each in pack if each.window == CREDIT_STOP]
    proposed_at = clock.now().replace(microsecond=0) - timedelta(days=400)
    with clock.freeze(proposed_at):
        change = rules.propose(proposals=stops, user=User.objects.get(username="nandini"))
    with clock.freeze(proposed_at + timedelta(hours=3)):
        approver = User.objects.get(username="imran")
        rules.decide(proposal_id=change.pk, state="APPROVED", user=approver)


def _propose_draft_rules() -> None:
    draft = rules.PACKS_FOLDER / "limit_rules_rbi_draft_2026.json"
    proposals = rules.pick_different(rules.read_pack(draft), clock.now())
    user = User.objects.get(username="nandini")
    rules.propose(proposals=proposals, user=user, pack=draft.stem)
