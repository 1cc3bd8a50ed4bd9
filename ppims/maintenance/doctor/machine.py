"""The machine below: room on its disk, what kind of disk it is, memory, cores, its clock."""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ppims.core.formats import name_count
from ppims.maintenance.doctor.findings import Finding, approve, refuse, warn
from ppims.maintenance.doctor.place import Place

MEBIBYTE_BYTES = 1024**2
LEAST_FREE_BYTES, LEAST_FREE_PARTS, LEAST_INODE_PARTS = 256 * MEBIBYTE_BYTES, 20, 20  # a 20th: 5 %
LEAST_MEMORY_BYTES, WORKER_BYTES = 256 * MEBIBYTE_BYTES, 150 * MEBIBYTE_BYTES
LEAST_OPEN_FILES = 1024
WORKERS_A_CORE = 2
ASK_SECONDS = 5
DEVICES_FOLDER, MOUNTS_FILE = Path("/sys/dev/block"), Path("/proc/self/mountinfo")
MEMORY_FILE = Path("/proc/meminfo")
# SQLite's log is memory that all processes share, which no network carries.
NETWORK_KINDS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "glusterfs"}
FLEETING_KINDS = {"tmpfs": "memory", "ramfs": "memory", "overlay": "a container's own layer"}
FULL_MEND = 'free some space (docs/runbook.md, "The disk is full")'


def check_room(place: Place) -> Iterator[Finding]:
    """Check that the disk has room for what comes, and for a backup beside the database."""
    folder = _find_folder(place)
    if folder is None:
        return
    disk = os.statvfs(folder)
    free, whole = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    own = place.database
    needed = 2 * own.stat().st_size if own and own.exists() else 0
    said = f"{free // MEBIBYTE_BYTES:,} MiB of {whole // MEBIBYTE_BYTES:,} are free for {folder}"
    if free < LEAST_FREE_BYTES:
        yield refuse("disk.free", said, FULL_MEND)
    elif free < needed:
        more = f"{said}; a backup needs {needed // MEBIBYTE_BYTES:,} MiB"
        yield warn("disk.free", more, "free some space, or make backups on another disk")
    elif free * LEAST_FREE_PARTS < whole:
        yield warn("disk.free", said, FULL_MEND)
    else:
        yield approve("disk.free", said)
    if disk.f_files:  # some file systems have as many as fit
        said = f"{disk.f_favail:,} of {disk.f_files:,} files more may be made there"
        is_tight = disk.f_favail * LEAST_INODE_PARTS < disk.f_files
        mend = f"delete small files (df -i {folder})"
        yield warn("disk.inodes", said, mend) if is_tight else approve("disk.inodes", said)


def check_disk(place: Place) -> Iterator[Finding]:
    """Check on what kind of disk the data are, and whether it is encrypted, where that shows."""
    folder = _find_folder(place)
    if folder is None:
        return
    kind = find_file_system(folder)
    if place.database and kind in NETWORK_KINDS | {"fuse.sshfs", "fuse.glusterfs"}:
        yield refuse(
            "disk.kind",
            f"the SQLite file is on {kind}, a network's file system: it loses writes there",
            "move the data folder to a disk of this machine, or use PostgreSQL",
        )
    elif kind in FLEETING_KINDS and place.is_production:
        said = f"the data folder is on {kind}: {FLEETING_KINDS[kind]}, gone when that goes"
        yield warn("disk.kind", said, "set PPIMS_DATA_DIR to a folder of a disk, or of a volume")
    else:
        yield approve("disk.kind", f"the data folder is on {kind or 'a file system of its own'}")
    if place.is_production:
        yield _judge_encryption(folder)


def check_memory(place: Place) -> Iterator[Finding]:
    """Check memory, cores and open files against the processes that are to be."""
    workers = place.read_number("PPIMS_WORKERS", 2)
    cores = len(os.sched_getaffinity(0))
    said = f"{name_count(workers, 'worker')}, {name_count(cores, 'core')}"
    if workers > WORKERS_A_CORE * cores:
        mend = f"PPIMS_WORKERS={cores}"
        yield warn("machine.workers", f"{said}: too few for so many", mend)
    else:
        yield approve("machine.workers", said)
    memory = _read_memory()
    if memory:
        free, whole = memory
        said = f"{free // MEBIBYTE_BYTES:,} MiB of {whole // MEBIBYTE_BYTES:,} are free"
        is_tight = free < LEAST_MEMORY_BYTES or whole < (workers + 1) * WORKER_BYTES
        mend = "fewer PPIMS_WORKERS, or more memory"
        yield warn("machine.memory", said, mend) if is_tight else approve("machine.memory", said)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    said = "a process may open " + ("any number of" if most < 0 else f"{most:,}") + " files"
    is_few = 0 <= most < LEAST_OPEN_FILES
    mend = "LimitNOFILE=65536 in the unit, or ulimit -n 65536"
    yield warn("machine.files", said, mend) if is_few else approve("machine.files", said)


def check_time_service(place: Place) -> Iterator[Finding]:
    """Check that the machine's clock is kept right by others."""
    is_kept = _ask_time_service()
    if is_kept:
        yield approve("clock.service", "the machine's clock is kept right (NTP)")
    elif is_kept is False:
        mend = "timedatectl set-ntp true, and look at timedatectl timesync-status"
        yield warn("clock.service", "nothing keeps the machine's clock right", mend)
    elif place.is_production:
        mend = "make sure that chrony or the host does (timedatectl can't tell here)"
        yield warn("clock.service", "can't tell whether anything keeps the clock right", mend)


def find_file_system(folder: Path) -> str:
    """Find the kind of the file system that a folder is on; "": nobody can tell."""
    best, kind = "", ""
    try:
        lines = MOUNTS_FILE.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        before, _, after = line.partition(" - ")
        mounted = before.split()[4].replace("\\040", " ")
        is_above = folder.is_relative_to(mounted)
        if is_above and len(mounted) >= len(best):  # the later one lies over the earlier
            best, kind = mounted, after.split()[0]
    return kind


def _judge_encryption(folder: Path) -> Finding:
    number = folder.stat().st_dev
    device = DEVICES_FOLDER / f"{os.major(number)}:{os.minor(number)}"
    if not device.exists():
        said = "can't tell whether the disk is encrypted: no device is seen below the data folder"
        return warn("disk.encrypted", said, "ask whoever keeps the machine or the volume")
    if has_crypt_layer(device):
        return approve("disk.encrypted", "the disk is encrypted")
    said = "no encryption is seen below the data folder (a host's or a drive's own doesn't show)"
    return warn("disk.encrypted", said, "put the data folder on LUKS, or know who encrypts it")


def has_crypt_layer(device: Path) -> bool:
    """Whether a block device of /sys is encrypted, or stands on one that is."""
    kind = device / "dm" / "uuid"
    if kind.exists() and kind.read_text().startswith("CRYPT-"):
        return True
    below = device / "slaves"
    return below.is_dir() and any(has_crypt_layer(each) for each in below.iterdir())


def _find_folder(place: Place) -> Path | None:
    folder = place.database.parent if place.database else place.data_dir
    return folder.resolve() if folder.is_dir() else None


def _read_memory() -> tuple[int, int] | None:
    """Read how much memory is free, and how much there is; None: nobody can tell."""
    try:
        lines = MEMORY_FILE.read_text().splitlines()
        kib = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return kib["MemAvailable"] * 1024, kib["MemTotal"] * 1024
    except (OSError, KeyError, ValueError, IndexError):
        return None


def _ask_time_service() -> bool | None:
    program = shutil.which("timedatectl")
    if program is None:
        return None
    command = [program, "show", "--property=NTPSynchronized", "--value"]
    try:
        said = subprocess.run(  # noqa: S603 - a program of the system, with words of ours
            command, check=False, capture_output=True, text=True, timeout=ASK_SECONDS
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {"yes": True, "no": False}.get(said)
