"""What was done about files of customers, in words. A part of audit_text, whose actions these
are.
"""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

IMPORT_DEEDS: Mapping[str, object] = {
    "customer file brought": _("Brought file %(file)s of customers of %(processor)s"),
    "customer import proposed": _("Proposed to add the customers of file %(file)s"),
    "customer import approved": _("Approved adding the customers of file %(file)s"),
    "customer import rejected": _("Rejected adding the customers of file %(file)s"),
    "customer import withdrawn": _("Withdrew the proposal to add the customers of file %(file)s"),
    "customer import done": _("Added %(added)s customers of file %(file)s"),
    "refused rows exported": _("Took away the %(rows)s refused rows of file %(file)s"),
}

# What an action is called where one is chosen of all.
IMPORT_NAMES: Mapping[str, object] = {
    "customer file brought": _("File of customers brought"),
    "customer import proposed": _("Import proposed"),
    "customer import approved": _("Import approved"),
    "customer import rejected": _("Import rejected"),
    "customer import withdrawn": _("Import withdrawn"),
    "customer import done": _("Import done"),
    "refused rows exported": _("Refused rows exported"),
}
