"""What the daily watch finds in the demo: a few people whose loading stops soon, where a rule stops
it; and a check of each that nobody answered.
"""

from datetime import date, timedelta

from customers.details import CustomerDetails
from customers.services import customers
from limits.decision import CREDIT_STOP
from limits.known import Ask
from limits.models import LimitRule
from limits.services import checks
from ppims.core import calendar, clock
from ppims.models import FourEyes, Operation, Processor
from ppims.services.idempotency import Call

STOPPED_TIER = "N"
USUAL_MONTHS = 24  # where no rule of the demo says another number
# In how many days, and who.
NEAR_PEOPLE = (
    (5, "Sunita Hegde", "919845100071", date(1984, 9, 3)),
    (25, "Abdul Rahim", "919845100072", date(1979, 1, 22)),
    (80, "Latha Pillai", "919845100073", date(1996, 6, 11)),
)


def tell() -> None:
    """Add people at Min KYC who came to it so long ago that their loading stops within 90 days. For
    each a spend was allowed yesterday, and never reported.
    """
    now, months = clock.now(), _find_months()
    processor = Processor.objects.order_by("pk").first()
    assert processor  # the demo's first
    for number, (days, name, mobile, born_on) in enumerate(NEAR_PEOPLE, start=1):
        stops_at = calendar.find_midnight(calendar.find_ist_day(now) + timedelta(days=days))
        details = CustomerDetails(
            customer_id=f"91000000000007{number}",
            customer_name=name,
            mobile_number=mobile,
            date_of_birth=born_on,
            city="Bengaluru",
            account_number=f"50010020070{number}",
            account_status="A",
            kyc_flag=STOPPED_TIER,
            kyc_updated_channel="BRN",
            kyc_updated_on=calendar.add_months(stops_at, -months) + timedelta(hours=11),
            customer_type="N",
        )
        call = Call(processor, Operation.ADD_CUSTOMER, f"DEMO-STOP-{number}", {})
        with clock.freeze(now - timedelta(days=390 - number)):
            receipt, _ = customers.add_customer(call=call, details=details)
        call = Call(processor, Operation.CHECK_LIMIT, f"DEMO-UNANSWERED-{number}", {})
        with clock.freeze(now - timedelta(days=1, minutes=number)):
            checks.check_limit(call=call, ask=Ask(receipt.unique_id, "D", number * 12_500))


def _find_months() -> int:
    """Find after how many months the demo's rules stop loading."""
    rules = LimitRule.objects.filter(
        tier=STOPPED_TIER, window=CREDIT_STOP, state=FourEyes.State.APPROVED
    )
    newest = rules.exclude(amount=None).order_by("-in_force_from").first()
    return int(newest.amount) if newest and newest.amount else USUAL_MONTHS
