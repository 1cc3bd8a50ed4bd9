"""A change takes its instant before its COMMIT: whoever reads meanwhile is told what was, and
verification raises no alarm.
"""

import threading
import time

import pytest
from django.db import connection, transaction

from customers.details import CustomerDetails
from customers.models import KycChange
from customers.services import blocking, customers
from limits.models import LedgerEntry, LimitCheck, LimitRule
from limits.services import rules
from limits.verify import verify
from ppims.models import Operation
from ppims.services.idempotency import Call
from tests.factories import draw_ref, make_check, make_customer, make_posting, make_processor
from tests.ledger.histories import make_maker_and_checker

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.only_on("postgresql", "SQLite lets nobody write while another does"),
]
HELD_SECONDS = 2


def change_all(ent, customer, rule_set_id, held):
    """Give another tier and another limit, block, and hold that open."""
    _, checker = make_maker_and_checker()
    try:
        with transaction.atomic():
            details = CustomerDetails(unique_id=customer, kyc_flag="P", kyc_updated_channel="BRN")
            call = Call(ent, Operation.UPDATE_CUSTOMER, draw_ref(), {})
            customers.update_customer(call=call, details=details)
            rules.decide(proposal_id=rule_set_id, state="APPROVED", user=checker)
            blocking.block(customer_id=customer, reason="Asked to", user=checker)
            held.set()
            time.sleep(HELD_SECONDS)
    finally:
        held.set()
        connection.close()


def test_checks_and_postings_beside_a_tier_a_rule_and_a_block_held_open_raise_no_alarm():
    ent, (maker, _) = make_processor(), make_maker_and_checker()
    customer = make_customer(ent, kyc_flag="N")
    wanted = rules.Proposal("N", "D", "MONTH", 5_000_000, "a test")
    proposed = rules.propose(proposals=[wanted], user=maker)
    held = threading.Event()
    thread = threading.Thread(target=change_all, args=(ent, customer, proposed.pk, held))
    thread.start()
    held.wait()
    while thread.is_alive():
        make_check(ent, customer, 100)
        make_posting(ent, customer, 100)
        time.sleep(0.05)
    thread.join()
    make_check(ent, customer, 100)
    make_posting(ent, customer, 100)
    changed_at = KycChange.objects.get(from_tier="N").at
    old = LimitCheck.objects.filter(at__gt=changed_at, tier="N", is_allowed=True)
    first = LimitRule.objects.get(tier="N", direction="D", window="MONTH", maker=None)
    assert {each.rule_id for each in old} == {first.pk}
    last = LimitCheck.objects.latest("number")
    assert (last.tier, last.reason) == ("P", "CUSTOMER_BLOCKED")
    assert "BLOCKED" in LedgerEntry.objects.latest("number").flags
    assert [str(finding) for finding in verify()] == []
