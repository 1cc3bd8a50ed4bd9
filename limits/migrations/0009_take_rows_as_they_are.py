"""Rows from before the audit proved any: prove them as they are now, a thousand customers to an
audit entry about none; and note the newest check and entry, which are signed without their Ref_Id.

10 lakh customers take some four minutes of one core (a bar shows how far it is), and 0.3 GB. Run
again it does nothing: so nobody has what they have tampered with proven by letting it run again.
"""

import json

from django.db import migrations
from django.db.models import Max

from ppims.services import audit
from ppims.core import clock
from ppims.db import row_proofs
from ppims.core.progress import show_bar
from ppims.db.streaming import stream_joined, Reader

AT_ONCE = 1_000
ACTION = "rows taken as they were"
OF_A_CUSTOMER = (
    *("customers.Customer", "customers.Registration", "customers.Account", "customers.Card"),
    *("customers.Document", "customers.KycChange", "customers.Receipt", "customers.CustomerNote"),
    *("customers.Unblocking", "customers.KycProposal", "customers.DuplicateReview"),
    *("limits.Adjustment", "limits.PostingFinding", "limits.RefusedReport", "limits.ReportFinding"),
)
WITH_REF_ID = """
    LEFT JOIN ppims_replaykey k ON k.processor_id = t.processor_id
        AND k.operation = t.operation AND k.ref_id = t.ref_id
"""


def take_rows(apps, schema_editor):
    using = schema_editor.connection.alias
    customers = _rows_of(apps, "customers.Customer", using)
    rules = list(_proofs(apps, "limits.LimitRule", "id", using, (-(2**63), 2**63 - 1)))
    total = customers.count()
    if _is_done(apps, using) or not (total or rules):
        return
    newest = {
        "checks": _newest(apps, "limits.LimitCheck", using),
        "entries": _newest(apps, "limits.LedgerEntry", using),
    }
    details = _details(apps, using, newest, {name: proof for _, name, proof in rules}, total)
    audit.extend(details, action=ACTION, at=clock.now(), apps=apps, using=using)


def _is_done(apps, using):
    """Tell whether the audit proves rows already: then nothing is from before."""
    entries = _rows_of(apps, "ppims.AuditEntry", using).filter(subject=0)
    may = entries.filter(detail__contains='"proofs"').values_list("detail", flat=True)
    return any(row_proofs.PROOFS_KEY in json.loads(detail) for detail in may.iterator())


def _details(apps, using, newest, rules, total):
    ids = _rows_of(apps, "customers.Customer", using).order_by("pk").values_list("pk", flat=True)
    after = -(2**63)
    with show_bar("Proving rows as they are", total=total) as advance:
        while customers := list(ids.filter(pk__gt=after)[:AT_ONCE]) or rules:
            last, taken = (customers or [after])[-1], {}
            if customers:
                taken = _taken(apps, using, (after, last))
            yield {row_proofs.PROOFS_KEY: rules, "taken": taken, "last": newest}
            advance(len(customers))
            rules, after = {}, last


def _taken(apps, using, span):
    taken = {}
    for label in OF_A_CUSTOMER:
        owner = "unique_id" if label == "customers.Customer" else "customer_id"
        for customer, name, proof in _proofs(apps, label, owner, using, span):
            taken.setdefault(str(customer), {})[name] = proof
    return taken


def _proofs(apps, label, owner, using, span):
    model = apps.get_model(label)
    its = row_proofs.read_shape(model)
    readers, joins = [Reader(model, [owner, *its.columns])], ""
    if label == "customers.Receipt":
        readers.append(Reader(apps.get_model("ppims.ReplayKey"), ["digests"], "k"))
        joins = WITH_REF_ID
    tail = f'{joins} WHERE t."{owner}" > %s AND t."{owner}" <= %s'
    for customer, *values in list(stream_joined(readers, tail, span, using=using)):
        also = values.pop() if joins else b""
        is_open = label == "customers.DuplicateReview" and not values[its.columns.index("outcome")]
        if not is_open:
            name, proof = row_proofs.prove_values(audit.find_key(), its, values, also or b"")
            yield customer, name, proof


def _newest(apps, label, using):
    return _rows_of(apps, label, using).aggregate(newest=Max("pk"))["newest"] or 0


def _rows_of(apps, label, using):
    return apps.get_model(label)._base_manager.using(using)


class Migration(migrations.Migration):
    dependencies = [
        ("limits", "0008_who_typed_a_proposal"),
        ("customers", "0008_evidence_of_decided_reviews"),
        ("ppims", "0006_passwords_of_staff"),
    ]

    operations = [migrations.RunPython(take_rows, migrations.RunPython.noop)]
