"""What was done about reconciling, in words. A part of audit_text, whose actions these are."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

RECONCILIATION_DEEDS: Mapping[str, object] = {
    "reconciliation begun": _("Brought a file of %(system_id)s to compare, %(frame)s"),
    "reconciliation made": _(
        "Compared the file of %(system_id)s, %(frame)s: %(differences)s to settle"
    ),
    "reconciliation refused": _("Could not compare the file of %(system_id)s, %(frame)s"),
    "differences exported": _("Exported the differences from %(system_id)s, %(frame)s"),
    "difference settled": _("Settled a difference from %(system_id)s: %(tran_id)s"),
}

# What an action is called where one is chosen of all.
RECONCILIATION_NAMES: Mapping[str, object] = {
    "reconciliation begun": _("Reconciliation: file brought"),
    "reconciliation made": _("Reconciliation: compared"),
    "reconciliation refused": _("Reconciliation: file refused"),
    "differences exported": _("Reconciliation: exported"),
    "difference settled": _("Reconciliation: difference settled"),
}
