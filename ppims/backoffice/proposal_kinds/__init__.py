"""The kinds of proposals that a second person decides, in the order in which lists rank them."""

from ppims.backoffice.proposal_kinds.correction import CORRECTION_KIND
from ppims.backoffice.proposal_kinds.customer_import import CUSTOMER_IMPORT_KIND
from ppims.backoffice.proposal_kinds.key_rotation import KEY_ROTATION_KIND
from ppims.backoffice.proposal_kinds.kyc import KYC_CHANGE_KIND
from ppims.backoffice.proposal_kinds.limit_rule import LIMIT_CHANGE_KIND, LIMIT_RULE_KIND
from ppims.backoffice.proposal_kinds.merge import MERGE_KIND
from ppims.backoffice.proposal_kinds.number_passed_on import NUMBER_PASSED_ON_KIND
from ppims.backoffice.proposal_kinds.processor import PROCESSOR_KIND
from ppims.backoffice.proposal_kinds.staff_change import STAFF_KIND
from ppims.backoffice.proposal_kinds.unblocking import UNBLOCKING_KIND

KINDS = {
    kind.name: kind
    for kind in (
        *(KYC_CHANGE_KIND, UNBLOCKING_KIND, CORRECTION_KIND, LIMIT_RULE_KIND),
        *(MERGE_KIND, NUMBER_PASSED_ON_KIND, STAFF_KIND, PROCESSOR_KIND, LIMIT_CHANGE_KIND),
        KEY_ROTATION_KIND,
        CUSTOMER_IMPORT_KIND,
    )
}
