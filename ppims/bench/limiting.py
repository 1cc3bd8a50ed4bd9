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
# For each version: where its memory controller is, and which file holds the limit and the peak.
VERSIONS = {
    "cgroup v2": (CGROUPS, "memory.max", "memory.peak"),
    "cgroup v1": (CGROUPS / "memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"),
}
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
    for version, (parent, limit, peak) in VERSIONS.items():
        group = _group(parent, limit)
        if group:
            try:
                yield Small(f"{version}, {limit}", group=group, peak_file=peak)
            finally:
                group.rmdir()
            return
    if Path("/run/systemd/system").exists() and shutil.which("systemd-run"):
        user = () if os.geteuid() == 0 else ("--user",)
        yield Small("systemd-run, MemoryMax", before=(*RUN.split(), *user))
        return
    yield Small("RLIMIT_DATA of each process")


def _group(parent: Path, limit: str) -> Path | None:
    """Make a group whose memory is limited; None where that can't be done here."""
    group = parent / f"ppims-bench-{os.getpid()}"
    with suppress(OSError):
        (parent / "cgroup.subtree_control").write_text("+memory")  # version 2 alone has it
    try:
        group.mkdir()
    except OSError:
        return None
    try:
        with (group / limit).open("r+") as file:
            file.write(str(MEMORY_BYTES))
    except OSError:
        group.rmdir()
        return None
    return group
