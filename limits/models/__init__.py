"""The tables of limits, one idea a file."""

from limits.models.adjustments import Adjustment
from limits.models.checks import Hold, LimitCheck
from limits.models.findings import PostingFinding, ReportFinding
from limits.models.ledger import LedgerEntry, LedgerHead, MonthlyUsage
from limits.models.notices import DAYS_A_RANK, Notice, work_out_urgency
from limits.models.overview import (
    BY_PROCESSOR,
    FULL_PERMILLE,
    NEAR_PERMILLE,
    OF_ALL,
    NearLimit,
    OverviewSnapshot,
    find_level,
)
from limits.models.reconciliations import Reconciliation, ReconciliationDifference
from limits.models.refused_reports import RefusedReport
from limits.models.rules import Direction, LimitRule, RuleSet, Window, write_limit
from limits.models.seals import Seal

__all__ = [
    "BY_PROCESSOR",
    "DAYS_A_RANK",
    "FULL_PERMILLE",
    "NEAR_PERMILLE",
    "OF_ALL",
    "Adjustment",
    "Direction",
    "Hold",
    "LedgerEntry",
    "LedgerHead",
    "LimitCheck",
    "LimitRule",
    "MonthlyUsage",
    "NearLimit",
    "Notice",
    "OverviewSnapshot",
    "PostingFinding",
    "Reconciliation",
    "ReconciliationDifference",
    "RefusedReport",
    "ReportFinding",
    "RuleSet",
    "Seal",
    "Window",
    "find_level",
    "work_out_urgency",
    "write_limit",
]
