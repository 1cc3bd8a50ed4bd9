"""A small machine, kept so by the operating system: one core, and 512 MB of memory."""

import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MEMORY_BYTES = 512 * 1024 * 1024
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Version:
    """A version of cgroups: where its memory controller is, and what its files are called."""

    name: str
    parent: Path
    limit: str
    with_swap: tuple[str, int]
    peak: str


VERSIONS = (
    Version("cgroup v2", CGROUPS, "memory.max", ("memory.swap.max", 0), "memory.peak"),
    Version(
        "cgroup v1",
        CGROUPS / "memory",
        "memory.limit_in_bytes",
        ("memory.memsw.limit_in_bytes", MEMORY_BYTES),
        "memory.max_usage_in_bytes",
    ),
)
RUN = "systemd-run --quiet --scope --property=MemoryMax=512M --property=MemorySwapMax=0"


@dataclass
class Small:
    """A way to keep a server small: words before its command, or a group to put it into."""

    means: str
    before: tuple[str, ...] = ()
    group: Path | None = None
    peak_file: str = ""

    def hold(self, pid: int) -> None:
        """Keep a process that has just been started, and all that it will lead to."""
        os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})
        if self.group:
            (self.group / "cgroup.procs").write_text(str(pid))
        elif not self.before:
            resource.prlimit(pid, resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))

    def peak_bytes(self) -> int | None:
        """Say how much it held at most, the pages of files that it has read included."""
        peak = self.group / self.peak_file if self.group else None
        return int(peak.read_text()) if peak and peak.exists() else None


@contextmanager
def small() -> Iterator[Small]:
    """Find what this system has to keep a server in 512 MB: a cgroup, systemd, or, for each process
    by itself and without its files' pages, RLIMIT_DATA.
    """
    for version in VERSIONS:
        group = _group(version)
        if group:
            means = f"{version.name}, {version.limit}"
            try:
                yield Small(means, group=group, peak_file=version.peak)
            finally:
                group.rmdir()
            return
    if Path("/run/systemd/system").exists() and shutil.which("systemd-run"):
        user = () if os.geteuid() == 0 else ("--user",)
        yield Small("systemd-run, MemoryMax", before=(*RUN.split(), *user))
        return
    yield Small("RLIMIT_DATA of each process")


def read_through(file: Path) -> None:
    """Let the system have all of a file in memory, as far as it goes."""
    with file.open("rb", buffering=0) as opened:
        while opened.read(1 << 20):
            pass


def forget_pages(file: Path) -> None:
    """Let the system forget what it has in memory of a file: it would not be counted to who reads
    it next, and a small machine has no more than its own.
    """
    with file.open("rb") as opened:
        os.fsync(opened.fileno())  # what is still to be written stays
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _group(version: Version) -> Path | None:
    """Make a group whose memory is limited; None where that can't be done here."""
    group = version.parent / f"ppims-bench-{os.getpid()}"
    with suppress(OSError):
        (version.parent / "cgroup.subtree_control").write_text("+memory")  # version 2 alone has it
    try:
        group.mkdir()
    except OSError:
        return None
    try:
        _write(group / version.limit, MEMORY_BYTES)
        with suppress(OSError):  # where swap is not accounted for, there is no such file
            _write(group / version.with_swap[0], version.with_swap[1])
    except OSError:
        group.rmdir()
        return None
    return group


def _write(path: Path, number: int) -> None:
    with path.open("r+") as file:  # in the place of making one where there is none
        file.write(str(number))
