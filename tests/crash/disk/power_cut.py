"""What a power cut may leave of files: of what was synced all, of the rest any part."""

from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.disk.recorder import MAGIC, MARKER

SECTOR_BYTES = 512
# How much of what was not synced has reached the disk by itself.
SHARES = ("nothing", "all", "the beginning", "some", "torn")


def read_tape(path):
    """Read the records: their kind, inode, offset, data or length, path and other path."""
    tape, at = path.read_bytes(), 0
    while at < len(tape):
        magic, kind, inode, offset, length, path_bytes, other_bytes = MARKER.unpack_from(tape, at)
        assert magic == MAGIC, at
        at += MARKER.size
        first = tape[at : at + path_bytes].decode()
        second = tape[at + path_bytes : at + path_bytes + other_bytes].decode()
        at += path_bytes + other_bytes
        data = tape[at : at + length]
        at += length
        yield chr(kind), inode, offset, data, first, second


@dataclass
class File:
    """A file: what is durable of it, and what was done since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list = field(default_factory=list)
    is_unnamed: bool = False

    def sync(self):
        for change in self.pending:
            apply_change(self.durable, change)
        self.pending = []

    def draw(self, draw):
        """Draw what a cut leaves of it."""
        content = bytearray(self.durable)
        for change in draw_share(draw, self.pending, split_write):
            apply_change(content, change)
        return bytes(content)


def apply_change(content, change):
    offset, data = change
    if data is None:  # cut, or made longer
        del content[offset:]
    content.extend(bytes(max(0, offset - len(content))))
    if data is not None:
        content[offset : offset + len(data)] = data


def split_write(draw, change):
    """Draw sectors of a write."""
    offset, data = change
    if data is None:
        return [change]
    starts = range(0, len(data), SECTOR_BYTES)
    return [(offset + at, data[at : at + SECTOR_BYTES]) for at in starts if draw.random() < 0.5]


def draw_share(draw, changes, split_write=None):
    share = draw.choice(SHARES if split_write else SHARES[:-1])
    if share == "all":
        return changes
    if share == "the beginning":
        return changes[: draw.randrange(len(changes) + 1)]
    if share == "some":
        return [each for each in changes if draw.random() < 0.5]
    if share == "torn":
        return [part for each in changes for part in split_write(draw, each)]
    return []


class Disk:
    """A folder's files and names, as the tape goes on."""

    def __init__(self, folder, *, believes_syncs=True):
        self.folder, self.believes_syncs = folder, believes_syncs
        self.names, self.pending_names, self.by_inode, self.folders = {}, [], {}, {}
        self.live = {}
        self.marks = []
        for path in sorted(folder.rglob("*")):
            if path.is_dir():
                self.folders[path.stat().st_ino] = str(path)
            elif not path.name.endswith("-shm"):
                found = File(bytearray(path.read_bytes()))
                self.names[str(path)] = self.live[str(path)] = found
                self.by_inode[path.stat().st_ino] = found
        self.folders[folder.stat().st_ino] = str(folder)

    def follow(self, record):
        """Let what a record tells happen."""
        kind, inode, offset, data, path, other = record
        if kind == "A":
            self.marks.append(data.decode())
        elif kind in "WTSF":
            self._change_content(kind, inode, offset, data)
        elif kind == "D":
            self.folders[inode] = path
        elif kind == "C":
            early = self.by_inode.get(inode)
            # Another process may have written to it before its maker came to note it.
            is_same = early is not None and early.is_unnamed
            found = self.by_inode[inode] = early if is_same else File()
            found.is_unnamed = False
            self._move(None, path, found)
        else:
            self._change_names(kind, path, other)

    def cut(self, draw, target):
        """Write into an empty folder what a power cut at this moment may leave."""
        names = dict(self.names)
        for change in draw_share(draw, self.pending_names):
            move(names, *change)
        for path, found in names.items():
            place = target / Path(path).relative_to(self.folder)
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.touch(mode=0o600)
            place.write_bytes(found.draw(draw))

    def _find(self, inode):
        return self.by_inode.setdefault(inode, File(is_unnamed=True))

    def _change_content(self, kind, inode, offset, data):
        if kind == "S":
            if self.believes_syncs:
                self._sync(inode)
        elif kind == "F":
            # The kernel gives up on what it could not write, and says so once.
            self._find(inode).pending = []
        else:
            self._find(inode).pending.append((offset, data if kind == "W" else None))

    def _sync(self, inode):
        if inode not in self.folders:
            self._find(inode).sync()
            return
        where = self.folders[inode]
        of_it = [each for each in self.pending_names if str(Path(each[1]).parent) == where]
        for change in of_it:
            move(self.names, *change)
        self.pending_names = [each for each in self.pending_names if each not in of_it]

    def _change_names(self, kind, path, other):
        found = self.live.get(path)
        if kind == "U":
            self._move(path, path, None)
        elif found is not None:
            self._move(path if kind == "R" else None, other, found)

    def _move(self, old, new, found):
        self.pending_names.append((old, new, found))
        move(self.live, old, new, found)


def move(names, old, new, found):
    """Let a file have a new name, in the place of its old one; or none, where it is None."""
    if old is not None:
        names.pop(old, None)
    if found is not None:
        names[new] = found
