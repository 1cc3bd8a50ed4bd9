"""Made-up traffic: calls as the demo's processors would make them, over HTTP to its own server.
Most payments go well; some fail, come late, with another amount or without a check, are reversed,
declined, or never heard of again.
"""

import http.client
import json
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any
from urllib.parse import urlsplit

from customers.models import Registration
from limits.models import LedgerEntry, LimitCheck
from ppims.core import clock
from ppims.core.money import to_rupees
from ppims.demo.load import SAMPLE_CUSTOMER

CHECK_LIMIT, UPDATE_LIMIT = "check-customer-limit", "update-customer-limit"
WORD_BY_OPERATION = {CHECK_LIMIT: "Check_Limit", UPDATE_LIMIT: "Update_Limit"}
ANSWER_SECONDS = 15
MOST_CUSTOMERS, MOST_UNANSWERED, MOST_UNDER_WAY = 200, 50, 4
TRIED_WITH = "7702"  # how the Customer_Id begins of who is there to be tried with: left alone
LOADS_OF_A_HUNDRED, DECLINED_PAISE = 25, 5_000_000
# What becomes of a payment, and of how many in a hundred.
EXPERIENCES = (
    ("settled", 68),
    ("failed", 8),
    ("reversed", 6),
    ("declined", 5),
    ("other amount", 4),
    ("failed, then settled", 3),
    ("after its hold ended", 2),
    ("without a check", 2),
    ("never answered", 2),
)

Step = tuple[str, str, Mapping[str, str]]  # a System_Id, an operation, its fields


class ServerGone(Exception):
    """Nobody listens any more, or whoever does refuses the demo's passwords."""


@dataclass(frozen=True)
class Payer:
    """Somebody who pays through a processor."""

    system_id: str
    unique_id: str


@dataclass
class Script:
    """What is called, one call after another, without an end; `random` draws what happens."""

    random: Random
    payers: Sequence[Payer]
    # Of checks whose hold has ended without an answer: who asked, and what is to be reported.
    unanswered: Sequence[tuple[str, Mapping[str, str]]] = ()
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self._late = list(self.unanswered)
        self._under_way: deque[Iterator[Step]] = deque()

    def take_step(self) -> Step:
        """Take the next call: of a payment under way, or the first one of another."""
        while True:
            # One after another would never have two on hold at once.
            goes_on = self.random.randrange(MOST_UNDER_WAY) < len(self._under_way)
            payment = self._under_way.popleft() if goes_on else self._begin_payment()
            step = next(payment, None)
            if step is not None:
                self._under_way.append(payment)
                return step

    def _begin_payment(self) -> Iterator[Step]:
        kinds, weights = zip(*EXPERIENCES, strict=True)
        (becomes,) = self.random.choices(kinds, weights)
        payer = self.random.choice(self.payers)
        way = "C" if self.random.randrange(100) < LOADS_OF_A_HUNDRED else "D"
        paise = DECLINED_PAISE if becomes == "declined" else self.random.randrange(50, 900) * 100
        said = {"Unique_Id": payer.unique_id, "Tran_Type": way, "Amount": to_rupees(paise)}
        if becomes == "after its hold ended" and self._late:
            system_id, late = self._late.pop()
            return iter([(system_id, UPDATE_LIMIT, {**self._write_report("S"), **late})])
        if becomes == "without a check":
            return iter([(payer.system_id, UPDATE_LIMIT, {**said, **self._write_report("S")})])
        return self._pay(payer.system_id, becomes, said)

    def _pay(self, system_id: str, becomes: str, said: Mapping[str, str]) -> Iterator[Step]:
        asked = self._draw_ref()
        yield system_id, CHECK_LIMIT, {**said, "Ref_Id": asked}
        if becomes in {"declined", "never answered", "after its hold ended"}:
            return
        checked = {**said, "Enquiry_Ref_Id": asked}
        if becomes.startswith("failed"):
            yield system_id, UPDATE_LIMIT, {**checked, **self._write_report("F")}
            if becomes == "failed":
                return
        if becomes == "other amount":
            checked["Amount"] = said["Amount"].replace(".00", ".50")
        posted = self._write_report("S")
        yield system_id, UPDATE_LIMIT, {**checked, **posted}
        if becomes == "reversed":
            undone = {**self._write_report("R"), "Tran_Id": posted["Tran_Id"]}
            yield system_id, UPDATE_LIMIT, {**said, **undone}

    def _write_report(self, status: str) -> dict[str, str]:
        ref_id = self._draw_ref()
        return {"Ref_Id": ref_id, "Tran_Status": status, "Tran_Id": f"T{ref_id}"}

    def _draw_ref(self) -> str:
        return f"TR-{self.run}-{next(self.numbers):06d}"


class Caller:
    """A connection to the server, kept open from one call to the next, and what was answered."""

    def __init__(self, access: Mapping[str, Any]) -> None:
        where = urlsplit(access["api_url"])
        self._prefix = where.path
        self._connection = http.client.HTTPConnection(
            where.hostname or "", where.port, timeout=ANSWER_SECONDS
        )
        self._credentials = {
            each["system_id"]: {"Username": each["username"], "Password": each["password"]}
            for each in access["processors"]
        }
        self.calls, self.answers = Counter[str](), Counter[str]()

    def call(self, step: Step) -> None:
        """Make a call, and count what became of it. Raises ServerGone."""
        system_id, operation, fields = step
        message = {"System_Id": system_id, **fields}
        body = {
            "Data": {WORD_BY_OPERATION[operation]: message, **self._credentials[system_id]},
            "Risk": {},
        }
        try:
            self._connection.request("POST", f"{self._prefix}/{operation}", json.dumps(body))
            data = json.loads(self._connection.getresponse().read())["Data"]
        except ConnectionRefusedError:
            raise ServerGone("Nobody listens there") from None
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            self._connection.close()
            self.calls[operation] += 1
            self.answers["no answer"] += 1
            return
        self.calls[operation] += 1
        self._count(operation, data)

    def _count(self, operation: str, data: Mapping[str, str]) -> None:
        if data.get("Resp_Code") in {"401", "429"}:
            raise ServerGone("It refuses the demo’s passwords")
        is_declined = operation == CHECK_LIMIT and data.get("Allow_Customer") == "F"
        is_done = data.get("Resp_Code") == "000"
        self.answers["declined" if is_declined and is_done else data.get("Resp_Code", "")] += 1

    def close(self) -> None:
        self._connection.close()


def run_traffic(
    caller: Caller, script: Script, *, rate: int, seconds: float, is_to_end: Callable[[], bool]
) -> None:
    """Make so many calls a second for so long, one after another. What is late is not made up for.
    Raises ServerGone.
    """
    began = due = time.monotonic()
    while due < began + seconds:
        while (wait := due - time.monotonic()) > 0 and not is_to_end():
            time.sleep(min(wait, 0.1))
        if is_to_end():
            return
        caller.call(script.take_step())
        due = max(due + 1 / rate, time.monotonic())


def write_script(system_ids: Sequence[str]) -> Script:
    """Write a script for the customers of these processors, but for those that are there to be
    tried with.
    """
    known = Registration.objects.filter(processor__system_id__in=system_ids)
    others = known.exclude(customer_id=SAMPLE_CUSTOMER).exclude(customer_ref__startswith=TRIED_WITH)
    rows = others.order_by("-pk").values_list("processor__system_id", "customer_id")
    payers = [Payer(system_id, str(unique_id)) for system_id, unique_id in rows[:MOST_CUSTOMERS]]
    return Script(Random(), payers, _list_unanswered(system_ids))


def _list_unanswered(system_ids: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """List newest checks whose hold has ended without a word: what an update of them would say."""
    ended = LimitCheck.objects.filter(
        is_allowed=True, hold_until__lt=clock.now(), processor__system_id__in=system_ids
    ).exclude(customer_id=SAMPLE_CUSTOMER)
    newest = list(ended.select_related("processor").order_by("-pk")[: MOST_UNANSWERED * 10])
    answered = LedgerEntry.objects.filter(limit_check_id__in=[each.pk for each in newest])
    known = {*answered.values_list("limit_check_id", flat=True)}
    return [
        (
            each.processor.system_id,
            {
                "Unique_Id": str(each.customer_id),
                "Tran_Type": each.direction,
                "Amount": to_rupees(each.amount_paise),
                "Enquiry_Ref_Id": each.ref_id,
            },
        )
        for each in newest
        if each.pk not in known
    ][:MOST_UNANSWERED]
