"""What was taken away of customers and of the ledger, in words. A part of audit_text, whose actions
these are.
"""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

EXPORT_DEEDS: Mapping[str, object] = {
    "statement exported": _("Exported a statement of %(rows)s rows, %(frame)s"),
    "transactions exported": _("Exported transactions, %(frame)s%(asked)s"),
    "audit exported": _("Exported the audit, %(frame)s"),
    "month's figures exported": _("Exported the figures of %(month)s"),
    "customers exported": _("Exported customers, masked%(asked)s"),
    "customers exported at the machine": _("Exported all customers, masked; typed by %(operator)s"),
    "customers exported unmasked": _("Exported all customers, unmasked; typed by %(operator)s"),
    "customers' export ended": _("Ended the export of customers: %(count)s"),
    "ledger exported at the machine": _("Exported the ledger, %(frame)s; typed by %(operator)s"),
    "ledger exported unmasked": _(
        "Exported the ledger, unmasked, %(frame)s; typed by %(operator)s"
    ),
    "ledger's export ended": _("Ended the export of the ledger: entries and checks: %(count)s"),
}

# What an action is called where one is chosen of all.
EXPORT_NAMES: Mapping[str, object] = {
    "transactions exported": _("Transactions exported"),
    "audit exported": _("Audit exported"),
    "month's figures exported": _("Month’s figures exported"),
    "customers exported": _("Customers exported"),
    "customers exported at the machine": _("Customers exported at the machine"),
    "customers exported unmasked": _("Customers exported unmasked"),
    "customers' export ended": _("Export of customers ended"),
    "ledger exported at the machine": _("Ledger exported at the machine"),
    "ledger exported unmasked": _("Ledger exported unmasked"),
    "ledger's export ended": _("Export of the ledger ended"),
}
