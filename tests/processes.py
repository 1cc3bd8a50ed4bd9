"""Which processes have come of one."""

from pathlib import Path


def list_processes(pid: int) -> list[int]:
    """List a process and all its descendants."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(split_stat(stat.read_text())[1])
        except OSError:
            continue  # has ended
    found = [pid]
    for parent in found:
        found += [child for child, its_parent in parents.items() if its_parent == parent]
    return found


def split_stat(stat: str) -> list[str]:
    """Split off the fields after the program's name, which may hold anything: first the state."""
    return stat.rpartition(")")[2].split()
