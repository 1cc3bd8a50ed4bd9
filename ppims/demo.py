"""Demo data that looks real: a year of a few hundred people at two processors. Written through the
services, once.

The same every time but for dates, which end today; never any of the numbers that fixtures/wire
uses.
"""

import json
import os
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import transaction

from customers import kyc
from customers import services as customers
from customers.models import Customer
from customers.people import Told
from limits.services import adjustments, checks, rules, updates
from limits.services.adjustments import Correction
from limits.services.checks import Ask
from limits.services.updates import Report
from ppims import clock, roles
from ppims.errors import Conflict
from ppims.models import Operation, Processor, User
from ppims.replay import Call

SEED = 20260401
PEOPLE = 240
SAMPLE_CUSTOMER = 482_915_307_264_158
PASSWORDS = {"ENT": "ENT123", "CBS": "CBS123"}
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
FIRST_NAMES = (
    "Aarav Aditi Amit Ananya Arjun Bhavna Chetan Deepa Dev Divya Farah Gaurav Geeta Harish "
    "Ishaan Jaya Kabir Kavya Kiran Lata Manish Meera Mohan Nisha Omkar Pooja Prakash Priya "
    "Rahul Rekha Rohan Sana Sanjay Shreya Sunil Tara Uma Varun Vikram Yash Zoya"
).split()
LAST_NAMES = (
    "Agarwal Bhat Chauhan Das Desai Fernandes Ghosh Gupta Iyer Jain Joshi Kapoor Khan "
    "Kulkarni Kumar Mehta Menon Mishra Nair Patel Pillai Rao Reddy Roy Saxena Shah Sharma "
    "Singh Thomas Verma Yadav"
).split()
PLACES = (
    ("Mumbai", "Maharashtra", "400001"),
    ("Pune", "Maharashtra", "411004"),
    ("Bengaluru", "Karnataka", "560034"),
    ("Chennai", "Tamil Nadu", "600017"),
    ("Hyderabad", "Telangana", "500033"),
    ("Kolkata", "West Bengal", "700019"),
    ("Jaipur", "Rajasthan", "302001"),
    ("Kochi", "Kerala", "682016"),
    ("Lucknow", "Uttar Pradesh", "226010"),
    ("Ahmedabad", "Gujarat", "380009"),
)
STREETS = (
    "MG Road",
    "Station Road",
    "Gandhi Nagar",
    "Nehru Street",
    "Lake View Road",
    "Temple Lane",
)
EXPERIENCES = (
    # what becomes of a payment, and in how many of a hundred
    ("settled", 84),
    ("failed", 6),
    ("reversed", 3),
    ("other amount", 2),
    ("without a check", 2),
    ("after its hold ended", 2),
    ("though declined", 1),
)


def load() -> bool:
    """Load the demo, all of it or nothing; False: there are processors already."""
    if Processor.objects.exists():
        return False
    with transaction.atomic():
        _load_processors()
        _load_staff()
        with clock.frozen(clock.now().replace(microsecond=0) - timedelta(days=400)):
            _load_sample_customer()
        Story(random.Random(SEED), clock.now()).tell()  # noqa: S311 - the same story every time
        _propose_draft_rules()
    return True


def write_access(*, url: str) -> None:
    """Write var/demo.json (0600): where it is served, and every log-in; new passwords where the
    file is gone.
    """
    path = Path(settings.PPIMS_DATA_DIR) / "demo.json"
    users = json.loads(path.read_text())["users"] if path.exists() else _staff_with_new_passwords()
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
    write_private(path, access)


def write_private(path: Path, said: object) -> None:
    """Write JSON that only its owner reads (0600), whole or not at all."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with open(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        json.dump(said, file, indent=2)
    draft.rename(path)


def _staff_with_new_passwords() -> list[dict[str, str]]:
    users = []
    for username, role in STAFF.items():
        password = secrets.token_urlsafe(12)
        if User.objects.filter(username=username).update(password=make_password(password)):
            users.append({"username": username, "password": password, "role": role})
    return users


def _load_processors() -> None:
    for system_id, password in PASSWORDS.items():
        Processor.objects.create(
            system_id=system_id,
            name=NAMES[system_id],
            username=f"PPIM_{system_id}",
            password=make_password(password),
        )


def _load_staff() -> None:
    roles.set_up()
    for username, role in STAFF.items():
        user = User.objects.create(username=username, is_staff=True, password="!")  # noqa: S106 - no log-in yet
        user.groups.add(Group.objects.get(name=role))


def _load_sample_customer() -> None:
    told = Told(
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
        customers.add_customer(call=call, told=told, draw_unique_id=lambda: SAMPLE_CUSTOMER)


def _propose_draft_rules() -> None:
    pack = rules.read_pack(settings.BASE_DIR / "fixtures" / "limit_rules_rbi_draft_2026.json")
    rules.propose(proposals=pack, user=User.objects.get(username="nandini"))


@dataclass
class Person:
    """Someone of the story, and the processors that know them."""

    unique_id: int
    processors: list[Processor]
    monthly_paise: int


@dataclass
class Story:
    """A year of people joining, paying and being paid; `random` draws the same story every time."""

    random: random.Random
    today: datetime
    processors: list[Processor] = field(
        default_factory=lambda: list(Processor.objects.order_by("pk"))
    )
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def tell(self) -> None:
        people = [self._joins(number) for number in range(PEOPLE)]
        self._claims_of_strangers(people)
        for person in people:
            for day in sorted(
                self.random.sample(range(1, 360), self.random.randrange(2, 7)), reverse=True
            ):
                self._lives(person, self._at(day))
        for person in people[:12]:
            self._spends_to_the_limit(person)
        self._blocks(people[20:23])
        self._proposes(people[24:40])

    def _at(self, days_ago: float) -> datetime:
        return self.today - timedelta(days=days_ago, seconds=self.random.randrange(3600))

    def _call(self, processor: Processor, operation: Operation) -> Call:
        return Call(processor, operation, f"DEMO-{next(self.numbers):08d}", {})

    def _joins(self, number: int) -> Person:
        tier = self.random.choices("NPF", [45, 40, 15])[0]
        told = self._told(number, tier)
        known_by = self.random.sample(self.processors, self.random.choice([1, 1, 2]))
        unique_id = self.random.randrange(10**14, 10**15)
        with clock.frozen(self._at(self.random.randrange(361, 399))):
            for processor in known_by:
                customers.add_customer(
                    call=self._call(processor, Operation.ADD_CUSTOMER),
                    told=told,
                    draw_unique_id=lambda: unique_id,
                )
        budget = self.random.choice([90_000, 250_000, 450_000, 700_000])
        return Person(unique_id, known_by, budget if tier != "F" else budget * 8)

    def _told(self, number: int, tier: str) -> Told:
        first, last = self.random.choice(FIRST_NAMES), self.random.choice(LAST_NAMES)
        city, state, pincode = self.random.choice(PLACES)
        has_document = tier == "F" or number % 3 == 0
        return Told(
            customer_id=f"7700{number:08d}",
            customer_name=f"{first} {last}",
            mobile_number=f"917{number:04d}{self.random.randrange(10**5):05d}",
            date_of_birth=date(1955 + number % 50, 1 + number % 12, 1 + number % 28),
            email_id=f"{first}.{last}{number}@example.in".lower(),
            address_line1=f"{self.random.randrange(1, 200)} {self.random.choice(STREETS)}",
            city=city,
            state=state,
            pincode=pincode,
            account_number=f"6600{number:08d}",
            account_status="A",
            card_number=f"60{self.random.randrange(10**10):010d}{number:04d}",
            card_status="A",
            kyc_flag=tier,
            kyc_updated_channel=self.random.choice(["PGO", "BRN", "MOB"]),
            ovid_type="ADR" if has_document else None,
            ovid_value=f"7{number:04d}{self.random.randrange(10**7):07d}" if has_document else None,
            cif_id=f"CIF-{number:05d}",
            customer_type="N",
        )

    def _claims_of_strangers(self, people: list[Person]) -> None:
        for person in people[40:44]:
            held = Customer.objects.get(pk=person.unique_id)
            stranger = Told(
                customer_id="770099999999",
                customer_name=f"{self.random.choice(FIRST_NAMES)} {self.random.choice(LAST_NAMES)}",
                mobile_number=held.mobile,
                date_of_birth=date(2001, 5, 17),
                account_number="660099999999",
                account_status="A",
                kyc_flag="N",
                kyc_updated_channel="MOB",
                customer_type="N",
            )
            with clock.frozen(self._at(self.random.randrange(1, 20))):
                try:
                    call = self._call(person.processors[0], Operation.ADD_CUSTOMER)
                    customers.add_customer(call=call, told=stranger)
                except Conflict:
                    continue  # as it should be: what remains of it is the review item

    def _lives(self, person: Person, at: datetime) -> None:
        amount = (
            self.random.randrange(person.monthly_paise // 40, person.monthly_paise // 5)
            // 100
            * 100
        )
        kinds, weights = zip(*EXPERIENCES, strict=True)
        direction = self.random.choices("DC", [70, 30])[0]
        becomes = self.random.choices(kinds, weights)[0]
        self._pays(person, direction, amount, becomes, at)

    def _pays(
        self, person: Person, direction: str, amount: int, becomes: str, at: datetime
    ) -> None:
        processor = self.random.choice(person.processors)
        if becomes == "though declined":
            amount = max(amount, 1_100_000)
        with clock.frozen(at):
            call = self._call(processor, Operation.CHECK_LIMIT)
            if becomes != "without a check":
                checks.check_limit(call=call, ask=Ask(person.unique_id, direction, amount))
        minutes = 40 if becomes == "after its hold ended" else 2
        if becomes == "other amount":
            amount -= 100
        tran_id = f"T{next(self.numbers):09d}"
        kind = "F" if becomes == "failed" else "S"
        report = Report(person.unique_id, kind, direction, amount, None, tran_id, call.ref_id)
        with clock.frozen(at + timedelta(minutes=minutes)):
            updates.update_limit(call=self._call(processor, Operation.UPDATE_LIMIT), report=report)
        if becomes == "reversed":
            undo = Report(person.unique_id, "R", direction, amount // 2, None, tran_id)
            with clock.frozen(at + timedelta(hours=3)):
                updates.update_limit(
                    call=self._call(processor, Operation.UPDATE_LIMIT), report=undo
                )

    def _spends_to_the_limit(self, person: Person) -> None:
        """Use this month what is left but for a little, or all; some at the limit are then
        declined.
        """
        now = self.today - timedelta(minutes=50)
        customer = Customer.objects.get(pk=person.unique_id)
        left = checks.figures_now(customer, "D", now).available
        if not left:
            return
        amount = left if person.unique_id % 2 else left * 9 // 10
        self._pays(person, "D", amount, "settled", now)
        with clock.frozen(self.today - timedelta(minutes=40)):
            call = self._call(person.processors[0], Operation.CHECK_LIMIT)
            checks.check_limit(call=call, ask=Ask(person.unique_id, "D", 250_000))

    def _blocks(self, people: list[Person]) -> None:
        maker = User.objects.get(username="farhan")
        for person in people:
            customers.block(
                customer_id=person.unique_id, reason="Reported lost by its holder", user=maker
            )
        customers.propose_unblocking(
            customer_id=people[0].unique_id,
            reason="Found again; identity confirmed by phone",
            user=maker,
        )

    def _proposes(self, people: list[Person]) -> None:
        """Full KYC, approved for one and proposed for another; and a correction that waits."""
        found = Customer.objects.filter(pk__in=[person.unique_id for person in people])
        raised, waiting, corrected = found.exclude(tier="F").order_by("pk")[:3]
        for place, customer in enumerate((raised, waiting)):
            proposal = kyc.change(
                customer_id=customer.pk,
                told=Told(
                    kyc_flag="F",
                    kyc_updated_channel="BRN",
                    ovid_type="PAN",
                    ovid_value=f"BCDPE100{place}F",
                ),
                reason="Original PAN card seen at the branch",
                user=User.objects.get(username="lakshmi"),
            )
            if customer == raised and proposal:
                checker = User.objects.get(username="gurpreet")
                kyc.decide(proposal_id=proposal.pk, state="APPROVED", user=checker)
        month = clock.ist_month(self.today)
        correction = Correction(corrected.pk, month, "D", 25_000, "Paid at a counter")
        adjustments.propose(correction=correction, user=User.objects.get(username="farhan"))
