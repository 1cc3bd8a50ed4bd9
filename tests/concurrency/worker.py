"""A process that asks the services what it is told to, a line of JSON a job; run by conftest.py.

A job: {"start": instant, "steps": [[what, ...], ...]}; the reply is a list of what each came to.
As a client would, it asks again, with the same Ref_Id, when it hears Unavailable.
"""

import json
import os
import random
import signal
import sys
import time
from contextlib import contextmanager, nullcontext
from datetime import UTC, date, datetime
from functools import partial
from io import StringIO
from pathlib import Path

import django

django.setup()

from django.contrib.auth.models import Group  # noqa: E402 - after the set-up
from django.core.management import CommandError, call_command  # noqa: E402
from django.db import OperationalError, connection  # noqa: E402

from customers import people  # noqa: E402
from customers.details import CustomerDetails  # noqa: E402
from customers.models import Customer  # noqa: E402
from customers.services import blocking, customers  # noqa: E402
from limits.known import Ask  # noqa: E402
from limits.models import MonthlyUsage  # noqa: E402
from limits.services import checks, rules, seals  # noqa: E402
from limits.stores.carry_out import carry_out  # noqa: E402
from limits.verify import verify  # noqa: E402
from ppims.core import clock  # noqa: E402
from ppims.core.errors import Conflict, Unavailable  # noqa: E402
from ppims.db.group_commit import PutOff  # noqa: E402
from ppims.db.transaction import run_in_transaction  # noqa: E402
from ppims.models import Operation, Processor, StaffChange, User  # noqa: E402
from ppims.services import (  # noqa: E402
    jobs,
    processor_changes,
    processors,
    role_groups,
    staff_changes,
    staff_ties,
)
from ppims.services.idempotency import Call  # noqa: E402
from tests import factories, two_people  # noqa: E402
from tests.concurrency import failing  # noqa: E402

PATIENCE_SECONDS = 60
FAULTS = {
    "fault": lambda: _raise(RuntimeError("a forced fault")),
    "busy": lambda: _raise(OperationalError("database is locked")),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


def _raise(error):
    raise error


@contextmanager
def fail_write(how, number):
    """Let the number-th write of a transaction fail; the block is given how many there were."""
    writes = []

    def execute(do, sql, params, many, context):
        if sql.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            writes.append(sql)
            if len(writes) == number:
                FAULTS[how]()
        return do(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield writes


def set_up(*system_ids):
    rules.load_first_pack()
    return [factories.make_processor(system_id).pk for system_id in system_ids]


def set_year_limit(tier, direction, paise):
    long_ago = datetime(2022, 1, 1, tzinfo=UTC)
    rule = {"tier": tier, "direction": direction, "window": "FINANCIAL_YEAR", "amount": paise}
    run_in_transaction(partial(factories.make_rule, **rule, in_force_from=long_ago))


def add(system_id, ref, mobile, tier="P"):
    details = CustomerDetails(
        customer_name="Meera Iyer",
        mobile_number=mobile,
        date_of_birth=date(1991, 2, 14),
        kyc_flag=tier,
        kyc_updated_channel="PGO",
    )
    call = Call(find_processor(system_id), Operation.ADD_CUSTOMER, ref, {"mobile_number": mobile})
    receipt, _ = customers.add_customer(call=call, details=details)
    return [receipt.resp_code, receipt.unique_id]


def check(system_id, ref, unique_id, paise, direction="D"):
    asked, is_replay = factories.make_check(
        find_processor(system_id), unique_id, paise, direction, ref_id=ref
    )
    answer = ["T" if asked.is_allowed else "F", asked.reason]
    return [*answer, asked.cumulative_paise, asked.available_paise, is_replay]


def post(system_id, ref, unique_id, paise, kind="S", enquiry=None, tran_id=None, direction="D"):
    entry, is_replay = factories.make_posting(
        find_processor(system_id),
        unique_id,
        paise,
        kind=kind,
        direction=direction,
        ref_id=ref,
        enquiry=enquiry,
        tran_id=tran_id,
    )
    answer = [entry.pk, entry.month, entry.flag_list]
    return [*answer, entry.cumulative_paise, entry.available_paise, is_replay]


def check_and_post(system_id, ref, unique_id, paise):
    """Ask, and where it is allowed report that it happened."""
    answer = check(system_id, ref, unique_id, paise)
    if answer[0] == "T":
        do_patiently(post, system_id, ref, unique_id, paise, "S", ref)
    return answer


def check_together(system_id, *asked):
    """Ask for several in one group; those who are put off again. What the last one came to."""
    requests = []
    for ref, unique_id, paise in asked:
        call = Call(find_processor(system_id), Operation.CHECK_LIMIT, ref, {"paise": str(paise)})
        requests.append(checks.make_request(call, Ask(unique_id, "D", paise)))
    while requests:
        outcomes = carry_out(requests)
        for _, error in outcomes:
            if error is not None and not isinstance(error, PutOff):
                raise error
        both = zip(requests, outcomes, strict=True)
        requests = [request for request, (_, error) in both if error is not None]
    answered, _ = outcomes[-1][0]
    return ["T" if answered.is_allowed else "F", answered.reason]


def undo(system_id, ref, unique_id, paise):
    """Post and reverse: what is used comes back to what it was."""
    post(system_id, ref, unique_id, paise, "S", None, ref)
    return post(system_id, f"{ref}R", unique_id, paise, "R", None, ref)


def ask_person(system_id, ref, unique_id):
    """Name a customer in each operation that moves no money: whom each says that they are, and what
    an add by their mobile is answered.
    """
    processor = find_processor(system_id)
    details = CustomerDetails(unique_id=unique_id, email_id=f"{ref}@b.in")
    call = Call(processor, Operation.UPDATE_CUSTOMER, ref, {"email_id": details.email_id})
    updated, _ = customers.update_customer(call=call, details=details)
    known = people.find_known(processor, unique_id)
    mobile = Customer.objects.get(pk=unique_id).mobile
    found = checks.find_registration_status(processor=processor, mobile=mobile, document=None)
    resp_code, added_id = add(system_id, f"{ref}A", mobile)
    ids = [updated.unique_id, known.customer.pk, found.customer.unique_id, added_id]
    return ["person", ids, resp_code, found.customer.cif_id is not None]


def merge(one, other):
    waiting = two_people.find_waiting(one, other) or two_people.propose_merge(one, other)
    return two_people.approve_merge(waiting).pk


def unmerge(merged_id):
    waiting = two_people.find_waiting(merged_id) or two_people.propose_unmerge(merged_id)
    return two_people.approve_merge(waiting).pk


def wait(seconds):
    return ["waited", time.sleep(seconds)]


def seal():
    return seals.make().number


def make_seal():
    """Make a seal as commands do: after whoever else makes one."""
    return seals.make_patiently().number


def make_admins(*usernames):
    """Make these people the admins who can log in, and no others."""
    role_groups.set_up()
    User.objects.filter(groups__name="admin").update(is_active=False)
    admins = Group.objects.get(name="admin")
    password = factories.make_password_once("a-password-of-tests")
    for name in usernames:
        user, _ = User.objects.update_or_create(
            username=name, defaults={"is_active": True, "is_staff": True, "password": password}
        )
        user.groups.set([admins])
    for change in StaffChange.objects.filter(state="PROPOSED").select_related("maker"):
        staff_changes.STAFF_PROPOSALS.decide(
            proposal_id=change.pk, state="WITHDRAWN", user=change.maker
        )


def list_admins():
    """Name the admins who can log in."""
    return [user.username for user in staff_ties.list_able_admins(clock.now())]


def propose_of_staff(maker, kind, username, role=""):
    """Propose a change of one of the staff: its id and its state."""
    maker, person = (User.objects.get(username=name) for name in (maker, username))
    change = staff_changes.propose(
        kind=kind, person_id=person.pk, role=role, reason="Asked", user=maker
    )
    return [change.pk, change.state]


def let_in(username):
    """Let somebody be there who is active, but has no password."""
    return User.objects.filter(username=username).update(is_active=True, password="!")


def propose_processor(maker, system_id):
    """Propose to add a processor: its id and its state."""
    change = processor_changes.propose_adding(
        processor=processor_changes.NewProcessor(system_id, "A new one"),
        reason="Goes live",
        user=User.objects.get(username=maker),
    )
    return [change.pk, change.state]


def narrow(username, system_id):
    """Let a processor wind down."""
    user = User.objects.get(username=username)
    processors.wind_down(processor_id=find_processor(system_id).pk, reason="Asked", user=user)
    Processor.objects.update(state="ACTIVE")


def block(username, customer):
    """Block a customer."""
    blocking.block(customer_id=customer, reason="Lost", user=User.objects.get(username=username))
    return "blocked"


def decide_of_staff(checker, change_id):
    """Approve a change of the staff, as who had logged in before."""
    if checker not in _people:
        _people[checker] = User.objects.get(username=checker)
    return staff_changes.STAFF_PROPOSALS.decide(
        proposal_id=change_id, state="APPROVED", user=_people[checker]
    ).state


def ask_job(kind, arguments):
    """Ask for background work as one of the staff: the job's id."""
    owner, _ = User.objects.get_or_create(username="an.auditor")
    return jobs.ask(kind, owner=owner, arguments=arguments).pk


def run_command(*words):
    """Run one of manage.py's commands."""
    call_command(*words, stdout=StringIO(), stderr=StringIO())
    return "done"


def look(processes=0):
    """Verify everything: what is not as it should be."""
    return [str(finding) for finding in verify(processes=processes)]


def lose_usage():
    """Delete every cached sum: how many there were."""
    return run_in_transaction(MonthlyUsage.objects.all().delete)[0]


def rebuild():
    """Sum anew as an operator does, who runs it again where it says that the database is busy."""
    try:
        call_command("rebuild_usage", stdout=StringIO())
    except CommandError as error:
        raise error.__cause__ or error from None


def run_query(sql):
    """Run a statement on this process's own connection."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def do_at(instant, what, *said):
    """Do it as if it were then."""
    with clock.freeze(datetime.fromisoformat(instant)):
        return STEPS[what](*said)


def do_until(path, what, *said):
    """Do it again and again, until the file is there: all that it came to."""
    heard = []
    while not Path(path).exists():
        heard.append(do_patiently(STEPS[what], *said))
        time.sleep(0.005)
    return heard


def wait_until(instant):
    time.sleep(max(0, instant - time.time()))


def do_once(how, number, what, *said):
    """Ask once only: with a fault at a write, where one is named."""
    began = time.monotonic()
    with fail_write(how, number) if how else nullcontext([]) as writes:
        try:
            answer = STEPS[what](*said)
        except (RuntimeError, Unavailable, Conflict) as error:
            answer = type(error).__name__
    return [answer, len(writes), time.monotonic() - began]


STEPS = {
    **failing.STEPS,
    "set_up": set_up,
    "add": add,
    "ask_job": ask_job,
    "check": check,
    "post": post,
    "check_and_post": check_and_post,
    "check_together": check_together,
    "undo": undo,
    "ask_person": ask_person,
    "block": block,
    "let_in": let_in,
    "narrow": narrow,
    "propose_processor": propose_processor,
    "make_admins": make_admins,
    "list_admins": list_admins,
    "propose_of_staff": propose_of_staff,
    "decide_of_staff": decide_of_staff,
    "merge": merge,
    "wait": wait,
    "unmerge": unmerge,
    "limit_the_year": set_year_limit,
    "lose_usage": lose_usage,
    "at": do_at,
    "until": do_until,
    "seal": seal,
    "sealed": make_seal,
    "command": run_command,
    "verify": look,
    "rebuild": rebuild,
    "query": run_query,
    "wait_until": wait_until,
    "once": do_once,
}
_processors, _people = {}, {}


def find_processor(system_id):
    if system_id not in _processors:
        _processors[system_id] = Processor.objects.get(system_id=system_id)
    return _processors[system_id]


def do_patiently(step, *said):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return step(*said)
        except Conflict as conflict:
            return ["Conflict", sorted(name for name, _ in conflict.errors)]
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.005, 0.05))


def serve_steps():
    for line in sys.stdin:
        job = json.loads(line)
        wait_until(job["start"])
        said = [do_patiently(STEPS[what], *rest) for what, *rest in job["steps"]]
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    serve_steps()
