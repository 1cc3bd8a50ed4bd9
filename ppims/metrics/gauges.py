"""What is measured when somebody asks for /metrics: the names, and what each one means."""

from typing import NamedTuple


class Gauge(NamedTuple):
    """What is measured, and the names of its labels."""

    means: str
    labels: tuple[str, ...] = ()


class Sample(NamedTuple):
    """One measured value, with the values of its labels."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


OF_WORKERS = {
    "ppims_workers": Gauge("Workers that live, on this machine."),
    "ppims_workers_memory_bytes": Gauge("Resident memory of all workers."),
    "ppims_queue_length": Gauge("Writes that wait for the next group, in all workers."),
    "ppims_connections": Gauge("Open connections of all workers."),
}
OF_THE_MACHINE = {
    "ppims_build_info": Gauge("Always 1: which program it is.", ("version", "database")),
    "ppims_data_size_bytes": Gauge("Size of the file system that the data folder is on."),
    "ppims_data_free_bytes": Gauge("What of it is free."),
    "ppims_database_up": Gauge("1 while the database can be read, else 0."),
}
# Without these while the database is away.
OF_THE_DATABASE = {
    "ppims_database_read_timestamp_seconds": Gauge("When what follows was read."),
    "ppims_database_read_seconds": Gauge("How long that took."),
    "ppims_database_size_bytes": Gauge("Size of the database."),
    "ppims_database_log_bytes": Gauge("Size of SQLite's write-ahead log."),
    "ppims_holds_open": Gauge("Holds that have not ended, of the 20,000 newest."),
    "ppims_work_waiting": Gauge("What waits for staff, or for background work.", ("kind",)),
    "ppims_work_oldest_timestamp_seconds": Gauge("Since when the oldest of it waits.", ("kind",)),
    "ppims_jobs_unattended": Gauge("1 while background work waits and nobody does it."),
    "ppims_last_seal_timestamp_seconds": Gauge("When the last seal was made."),
    "ppims_last_verification_timestamp_seconds": Gauge("When all was last verified to the end."),
    "ppims_last_verification_clean": Gauge("1: the last verification found nothing."),
    "ppims_last_backup_timestamp_seconds": Gauge("When the last backup was made."),
    "ppims_last_backup_failed": Gauge("1: the last backup that was tried could not be made."),
    "ppims_clock_jump_seconds": Gauge("How far the clock has jumped; writes are refused then."),
    "ppims_clock_offset_seconds": Gauge("How far a demo's clock is turned ahead."),
    "ppims_clock_behind_seconds": Gauge("How far the newest rows lie ahead of the clock."),
    "ppims_password_timestamp_seconds": Gauge(
        "When a processor's password was made.", ("processor",)
    ),
    "ppims_key_timestamp_seconds": Gauge("Since when a key is used.", ("purpose",)),
    "ppims_keys_missing": Gauge("Keys that the database needs and this server lacks."),
}
EVERY_GAUGE = OF_WORKERS | OF_THE_MACHINE | OF_THE_DATABASE
