"""What the demo's processors were refused: reports that staff look at, and calls."""

import json
from datetime import datetime, timedelta

from django.conf import settings

from limits.known import Report
from limits.models import LedgerEntry, LedgerHead, RefusedReport, ReportFinding
from limits.services import findings, refused_reports
from ppims.core import clock
from ppims.models import KeptCall, Operation, Processor, User
from ppims.services import call_buffer
from ppims.services.idempotency import Call
from ppims.wire.kept_bodies import strip_credentials

GOLDEN_FOLDER = settings.BASE_DIR / "fixtures" / "wire"

# Hours ago, the rupees that were reported beside those posted, and what that was found to be.
REPORTS = (
    (30, 250, ReportFinding.Finding.ANOTHER, "Two purchases in one shop; the second corrected"),
    (26, -1, ReportFinding.Finding.REPEAT, "Rounded by the till; the posted amount is right"),
    (5, 120, None, ""),
    (2, 75, None, ""),
)
# Hours ago, by whom ("": by nobody whom we know), and as which golden message (fixtures/wire).
CALLS = (
    (49, "CBS", "add-customer", "malformed"),
    (26, "ENT", "update-customer-limit", "posted-with-another-amount"),
    (22, "", "check-customer-kyc", "wrong-password"),
    (20, "ENT", "check-customer-limit", "malformed"),
    (20, "ENT", "check-customer-limit", "unknown-customer"),
    (3, "CBS", "update-customer", "lower-kyc"),
    (1, "CBS", "check-customer-kyc", "not-your-system-id"),
)
HTTP_STATUSES = {"500": 200}  # all others are as the code
TOOK_MILLISECONDS = 4


def tell() -> None:
    """Have some reports and calls refused."""
    _tell_reports()
    now, processors = clock.now(), Processor.objects.in_bulk(field_name="system_id")
    call_buffer.write(
        [
            _make_call(number, now - timedelta(hours=hours), processors.get(system_id), *message)
            for number, (hours, system_id, *message) in enumerate(CALLS, start=1)
        ]
    )


def _make_call(
    number: int, at: datetime, processor: Processor | None, operation: str, case: str
) -> KeptCall:
    """Make the call that a golden message is, as this processor would have sent it."""
    sent, answered = (
        json.loads((GOLDEN_FOLDER / f"{operation}.{case}.{way}.json").read_text())
        for way in ("request", "reply")
    )
    data = strip_credentials(sent["Data"], keeps_username=processor is not None)
    word = next(iter(sent["Data"]))
    message = data[word] | {"Ref_Id": f"DEMO-CALL-{number}"}
    if processor:
        is_own = message["System_Id"] == sent["Data"]["Username"].removeprefix("PPIM_")
        own = processor.system_id
        message["System_Id"] = own if is_own else "ENT" if own != "ENT" else "CBS"
        data["Username"] = processor.username
    errors = answered["Meta"].get("Errors", [])
    row = {
        "at": at,
        "processor_id": processor.pk if processor else None,
        "operation": operation,
        "request_id": f"demo-call-{number}",
        "ref_id": message["Ref_Id"],
        "tran_id": message.get("Tran_Id", ""),
        "unique_id": int(message.get("Unique_Id", "").replace("NA", "") or 0) or None,
        "code": answered["Data"]["Resp_Code"],
        "fields": ",".join(each["Field"].rpartition(".")[2] for each in errors),
        "http_status": HTTP_STATUSES.get(answered["Data"]["Resp_Code"])
        or int(answered["Data"]["Resp_Code"]),
        "milliseconds": TOOK_MILLISECONDS,
    }
    data = {**data, word: message}
    kept = json.dumps({"word": word, "data": data}).encode()
    return call_buffer.make_call(row, kept, json.dumps(answered).encode())


def _tell_reports() -> None:
    """Have a few reports refused for numbers that are posted with another amount; staff have closed
    some of them.
    """
    now, taken = clock.now(), set[int]()  # one report a customer, so that no two meet
    closer = User.objects.get(username="farhan")
    for number, (hours, rupees, finding, note) in enumerate(REPORTS, start=1):
        at = now - timedelta(hours=hours)
        posting = _find_posting_before(at, taken)
        if posting is None:
            continue
        taken.add(posting.customer_id)
        with clock.freeze(at):
            report = _refuse(posting, f"DEMO-REFUSED-{number}", rupees * 100)
        if finding:
            with clock.freeze(at + timedelta(minutes=50)):
                findings.note(report, finding=finding, note=note, user=closer)


def _find_posting_before(at: datetime, taken: set[int]) -> LedgerEntry | None:
    """Find the last posting of somebody to whom nothing has happened since."""
    quiet = LedgerHead.objects.filter(last_at__lt=at).exclude(pk__in=taken)
    postings = LedgerEntry.objects.filter(
        kind=LedgerEntry.Kind.POST, customer__in=quiet.values("pk")
    )
    plain = postings.filter(flags="", amount_paise__gt=50_000).exclude(tran_id="")
    return plain.select_related("processor").order_by("-at").first()


def _refuse(posting: LedgerEntry, ref_id: str, more_paise: int) -> RefusedReport:
    assert posting.processor
    report = Report(
        posting.customer_id,
        LedgerEntry.Kind.POST,
        posting.direction,
        posting.amount_paise + more_paise,
        None,
        posting.tran_id,
    )
    call = Call(posting.processor, Operation.UPDATE_LIMIT, ref_id, {})
    refused_reports.keep(call=call, report=report, posting=posting)
    return RefusedReport.objects.get(customer_id=posting.customer_id, ref_id=ref_id)
