"""The kernel's tables, one idea a file."""

from ppims.models.access import LONGEST_SOURCE, FailedAccess
from ppims.models.audit import AuditEntry, AuditHead, KeyInUse
from ppims.models.calls import LONGEST_REF_ID, KeptCall, Operation, ReplayKey
from ppims.models.four_eyes import LONGEST_NOTE, FourEyes, MayCountAlone
from ppims.models.jobs import Job
from ppims.models.key_rotations import KeyRotation
from ppims.models.processor_changes import ProcessorChange
from ppims.models.processors import Processor
from ppims.models.second_factor import RecoveryCode, SecondFactor
from ppims.models.sessions import StaffSession
from ppims.models.staff_changes import StaffChange
from ppims.models.users import ONE_TIME_LASTS, User

__all__ = [
    "LONGEST_NOTE",
    "LONGEST_REF_ID",
    "LONGEST_SOURCE",
    "ONE_TIME_LASTS",
    "AuditEntry",
    "AuditHead",
    "FailedAccess",
    "FourEyes",
    "Job",
    "KeptCall",
    "KeyInUse",
    "KeyRotation",
    "MayCountAlone",
    "Operation",
    "Processor",
    "ProcessorChange",
    "RecoveryCode",
    "ReplayKey",
    "SecondFactor",
    "StaffChange",
    "StaffSession",
    "User",
]
