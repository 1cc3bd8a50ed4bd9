"""A small machine, which the operating system keeps small: one core, and 512 MB of memory."""

import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MEMORY_BYTES = 512 * 1024 * 1024
CGROUP_ROOT = Path("/sys/fs/cgroup")
SYSTEMD_RUN = "systemd-run --quiet --scope --property=MemoryMax=512M --property=MemorySwapMax=0"


@dataclass(frozen=True)
class CgroupVersion:
    """A version of cgroups: where its memory controller is, and what its files are called."""

    name: str
    parent: Path
    limit: str
    with_swap: tuple[str, int]
    peak: str


CGROUP_VERSIONS = (
    CgroupVersion("cgroup v2", CGROUP_ROOT, "memory.max", ("memory.swap.max", 0), "memory.peak"),
    CgroupVersion(
        "cgroup v1",
        CGROUP_ROOT / "memory",
        "memory.limit_in_bytes",
        ("memory.memsw.limit_in_bytes", MEMORY_BYTES),
        "memory.max_usage_in_bytes",
    ),
)


@dataclass
class Limiter:
    """What keeps a server small: words before its command, or a group to put it into."""

    means: str
    prefix: tuple[str, ...] = ()
    group: Path | None = None
    peak_file: str = ""

    def limit(self, pid: int) -> None:
        """Limit a process that has just been started, and all its descendants."""
        os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})
        if self.group:
            (self.group / "cgroup.procs").write_text(str(pid))
        elif not self.prefix:
            resource.prlimit(pid, resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))

    def read_peak_bytes(self) -> int | None:
        """Read how much it held at most, the pages of files that it has read included."""
        peak = self.group / self.peak_file if self.group else None
        return int(peak.read_text()) if peak and peak.exists() else None


@contextmanager
def make_limiter() -> Iterator[Limiter]:
    """Find what this system has to keep a server in 512 MB: a cgroup; systemd; or RLIMIT_DATA,
    which counts each process by itself, without its files' pages.
    """
    for version in CGROUP_VERSIONS:
        group = _make_group(version)
        if group:
            means = f"{version.name}, {version.limit}"
            try:
                yield Limiter(means, group=group, peak_file=version.peak)
            finally:
                group.rmdir()
            return
    if Path("/run/systemd/system").exists() and shutil.which("systemd-run"):
        user = () if os.geteuid() == 0 else ("--user",)
        yield Limiter("systemd-run, MemoryMax", prefix=(*SYSTEMD_RUN.split(), *user))
        return
    yield Limiter("RLIMIT_DATA of each process")


def load_pages(file: Path) -> None:
    """Let the system have a file in memory, as far as it goes."""
    with file.open("rb", buffering=0) as opened:
        while opened.read(1 << 20):
            pass


def forget_pages(file: Path) -> None:
    """Let the system forget a file's pages. A cgroup counts a page to whoever read it first, so
    the small server would get the pages that others have read for nothing.
    """
    with file.open("rb") as opened:
        os.fsync(opened.fileno())  # what is still to be written stays
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _make_group(version: CgroupVersion) -> Path | None:
    """Make a group whose memory is limited; None where that can't be done here."""
    group = version.parent / f"ppims-bench-{os.getpid()}"
    with suppress(OSError):
        (version.parent / "cgroup.subtree_control").write_text("+memory")  # version 2 alone has it
    try:
        group.mkdir()
    except OSError:
        return None
    try:
        _write_number(group / version.limit, MEMORY_BYTES)
        with suppress(OSError):  # where swap is not accounted for, there is no such file
            _write_number(group / version.with_swap[0], version.with_swap[1])
    except OSError:
        group.rmdir()
        return None
    return group


def _write_number(path: Path, number: int) -> None:
    with path.open("r+") as file:  # fails where there is no such file
        file.write(str(number))
