"""What Linux knows of processes, in /proc: what they use, and who listens."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.processes import list_processes, split_stat

PROC = Path("/proc")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
# Places in /proc/PID/stat after the program's name: times of its own, and of children that ended.
OWN_TIMES, ENDED_TIMES = slice(11, 13), slice(13, 15)
LISTENING = "0A"


@dataclass(frozen=True)
class Memory:
    """The memory of a process, in KiB: `pss` counts a page that n processes share as 1/n,
    `anonymous` is what belongs to no file, and `pss_anonymous` that of pss.
    """

    rss: int
    pss: int
    anonymous: int
    pss_anonymous: int


def read_cpu_seconds(pid: int) -> float | None:
    """Read the CPU time of a process; None where it has ended."""
    return _read_times(pid, OWN_TIMES)


def read_tree_cpu_seconds(pid: int) -> float:
    """Read the CPU time of a process and of all its descendants, those that have ended included:
    their time went to the parent that waited for them.
    """
    times = slice(OWN_TIMES.start, ENDED_TIMES.stop)
    return sum(_read_times(each, times) or 0 for each in list_processes(pid))


def read_memory(pid: int) -> Memory | None:
    """Read the memory of a process; None where it has ended."""
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return None
    kib = {name: int(value.split()[0]) for name, _, value in (li.partition(":") for li in lines)}
    anonymous = kib["Anonymous"]
    shares = kib.get("Pss_Anon", anonymous)  # kernels before 5.3 don't tell
    return Memory(rss=kib["Rss"], pss=kib["Pss"], anonymous=anonymous, pss_anonymous=shares)


def sum_resident_mib(held: Iterable[Memory]) -> float:
    """Sum up what a program's processes hold, each page once, whoever else has it too. They share
    the pages of files nearly all: those of one process count.
    """
    found = list(held)
    of_files = max((memory.rss - memory.anonymous for memory in found), default=0)
    return (sum(memory.pss_anonymous for memory in found) + of_files) / 1024


def find_listeners(port: int) -> list[int]:
    """Find the processes that listen on a port of this machine, without those that a parent among
    them has started.
    """
    sockets = {f"socket:[{inode}]" for inode in _list_listening(port)}
    holders = {
        int(opened.parent.parent.name)
        for opened in PROC.glob("[0-9]*/fd/*")
        if _read_link(opened) in sockets
    }
    children = {child for pid in holders for child in list_processes(pid)[1:]}
    return sorted(holders - children)


def _list_listening(port: int) -> list[str]:
    """List the inodes of the sockets that listen on a port."""
    found = []
    for table in ("tcp", "tcp6"):
        for line in (PROC / "net" / table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                found.append(words[9])
    return found


def _read_link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:  # has been closed, or is somebody else's
        return ""


def _read_times(pid: int, places: slice) -> float | None:
    try:
        fields = split_stat((PROC / str(pid) / "stat").read_text())
    except OSError:
        return None
    return sum(map(int, fields[places])) / TICKS_A_SECOND
