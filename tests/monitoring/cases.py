"""What each alert fires at, and what it just doesn't fire at: series of a value a minute, and after
how many minutes they are looked at. "0+1x9": from 0 on, one more each minute, nine times.
"""

from typing import NamedTuple

DAY_SECONDS = 24 * 60 * 60


class Case(NamedTuple):
    """Series by name and labels: at which it fires, and at which not."""

    fires: dict[str, str]
    quiet: dict[str, str]
    minutes: int
    labels: dict[str, str] = {}


def write_calls(code: str, rate: float, more: str = "") -> tuple[str, str]:
    return f'ppims_calls_total{{code="{code}"{more}}}', f"0+{rate}x60"


def write_spread(name: str, bound: str, larger: int) -> dict[str, str]:
    """Write a histogram of 100 a minute, of which so many are larger than a bound."""
    return {
        f'{name}_bucket{{le="{bound}"}}': f"0+{100 - larger}x60",
        f'{name}_bucket{{le="5.0"}}': "0+100x60",
        f'{name}_bucket{{le="+Inf"}}': "0+100x60",
    }


def write_age(name: str, days: int, labels: str = "") -> Case:
    """Write of what was so many days ago, and a little more: before promtool's time began. And of
    what was just so many days ago when it is looked at.
    """
    at, age = 90, days * DAY_SECONDS
    series = f"{name}{labels}"
    return Case({series: f"{-age}x{at}"}, {series: f"{60 * at - age}x{at}"}, at)


def write_gauge(name: str, fires: str, quiet: str, minutes: int = 5) -> Case:
    return Case({name: f"{fires}x120"}, {name: f"{quiet}x120"}, minutes)


WORK, PASSWORD = "ppims_work_oldest_timestamp_seconds", "ppims_password_timestamp_seconds"
FREE_BYTES, DISK_SIZE = "ppims_data_free_bytes", {"ppims_data_size_bytes": "1000x500"}
CASE_BY_ALERT = {
    "PpimsDown": Case(
        {'up{job="ppims"}': "0x9"},
        {'up{job="ppims"}': "1x9", 'up{job="other"}': "0x9"},
        3,
        {"job": "ppims"},
    ),
    "PpimsDatabaseDown": write_gauge("ppims_database_up", "0", "1"),
    # The first one of a series is a fault too; what was there ten minutes ago is none.
    "PpimsFault": Case(
        {'ppims_calls_total{code="999"}': "_x20 1x9"},
        {'ppims_calls_total{code="999"}': "5x40"},
        25,
        {"code": "999"},
    ),
    "PpimsUnavailable": Case(
        dict([write_calls("000", 980), write_calls("503", 20)]),
        dict([write_calls("000", 990), write_calls("503", 10)]),
        20,
    ),
    "PpimsSlow": Case(
        write_spread("ppims_call_seconds", "1.0", 2),
        write_spread("ppims_call_seconds", "1.0", 1),
        30,
    ),
    "PpimsQueueFull": Case(
        {'ppims_queue_refused_total{why="full"}': "0+1x60"},
        {'ppims_queue_refused_total{why="full"}': "7x60"},
        20,
    ),
    "PpimsCommitsSlow": Case(
        write_spread("ppims_commit_seconds", "0.25", 2),
        write_spread("ppims_commit_seconds", "0.25", 1),
        30,
    ),
    "PpimsWorkersRestart": Case(
        {"ppims_worker_starts_total": "2+1x30", "ppims_workers": "2x30"},
        # A new version: all of them, once.
        {"ppims_worker_starts_total": "2x10 4x20", "ppims_workers": "2x30"},
        20,
    ),
    "PpimsCallersRefused": Case(
        dict([write_calls("401", 7, ',processor=""')]),
        dict([write_calls("401", 6, ',processor=""'), write_calls("401", 9, ',processor="ENT"')]),
        30,
    ),
    "PpimsLogInsRefused": Case(
        {'ppims_access_refused_total{what="log-in"}': "0+3x30"},
        {
            'ppims_access_refused_total{what="log-in"}': "0+2x30",
            'ppims_access_refused_total{what="page"}': "0+9x30",
        },
        20,
    ),
    "PpimsProcessorFloods": Case(
        dict([write_calls("429", 61, ',processor="ENT"')]),
        dict([write_calls("429", 60, ',processor="ENT"')]),
        30,
        {"processor": "ENT"},
    ),
    "PpimsSealOld": write_age("ppims_last_seal_timestamp_seconds", 2),
    "PpimsVerificationOld": write_age("ppims_last_verification_timestamp_seconds", 8),
    "PpimsVerificationFailed": write_gauge("ppims_last_verification_clean", "0", "1"),
    "PpimsBackupOld": write_age("ppims_last_backup_timestamp_seconds", 2),
    "PpimsBackupFailed": write_gauge("ppims_last_backup_failed", "1", "0"),
    "PpimsClockJumped": write_gauge("ppims_clock_jump_seconds", "-3600", "0"),
    "PpimsClockBehind": write_gauge("ppims_clock_behind_seconds", "61", "60"),
    "PpimsDiskNearlyFull": Case(
        {FREE_BYTES: "99x60", **DISK_SIZE}, {FREE_BYTES: "100x60", **DISK_SIZE}, 10
    ),
    # It falls by one a minute: 4,320 in three days.
    "PpimsDiskFilling": Case({FREE_BYTES: "4340-1x120"}, {FREE_BYTES: "4420-1x120"}, 90),
    "PpimsLogLong": write_gauge("ppims_database_log_bytes", "1000000001", "1000000000", 40),
    "PpimsWorkOld": write_age(WORK, 7, '{kind="reviews"}')._replace(labels={"kind": "reviews"}),
    "PpimsJobsUnattended": write_gauge("ppims_jobs_unattended", "1", "0", 10),
    "PpimsPasswordOld": write_age(PASSWORD, 365, '{processor="ENT"}')._replace(
        labels={"processor": "ENT"}
    ),
    "PpimsKeyMissing": write_gauge("ppims_keys_missing", "1", "0"),
}
