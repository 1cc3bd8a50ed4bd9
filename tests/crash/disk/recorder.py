"""Runs a server over a disk that writes down what happens to it (tape.c), and that fails when told
to.
"""

import errno
import mmap
import shutil
import struct
import subprocess
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).with_name("tape.c")
WRITES, SYNCS, TRUNCATES = 1, 2, 4
OTHER_FILES, LOG, DATABASE = 1, 2, 4
FAULTS_BYTES = 4 * (7 + DATABASE + 1)
EVER_AFTER = 1_000_000_000
MARKER = struct.Struct("<IIQQQII")
MAGIC = 0x54415045


def build_recorder(folder):
    """Compile the library that is preloaded; None where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    library = folder / "tape.so"
    warnings = ("-Wall", "-Wextra", "-Werror")
    command = [compiler, "-shared", "-fPIC", "-O2", *warnings, "-o", library, SOURCE, "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return library


class Recorder:
    """The tape of what happens below a folder, and which calls are to fail."""

    def __init__(self, library, folder, beside):
        self.folder, self.tape = folder, beside / "tape"
        faults = beside / "faults"
        faults.write_bytes(bytes(FAULTS_BYTES))
        with faults.open("r+b") as shared:
            self._faults = mmap.mmap(shared.fileno(), FAULTS_BYTES)
        self.variables = {
            "LD_PRELOAD": str(library),
            "TAPE_FOLDER": str(folder),
            "TAPE_FILE": str(self.tape),
            "TAPE_FAULTS": str(faults),
        }
        self.begin_anew()

    def begin_anew(self):
        """Begin with an empty tape."""
        self.tape.write_bytes(b"")

    def note(self, text):
        """Put a marker on the tape, between what happened before and after."""
        said = text.encode()
        with self.tape.open("ab", buffering=0) as tape:
            tape.write(MARKER.pack(MAGIC, ord("A"), 0, 0, len(said), 0, 0) + said)

    @contextmanager
    def fail(self, calls, files, *, error=errno.EIO, first=1, times=EVER_AFTER):
        """Let calls on files fail during the block: the first-th, and so many from there on."""
        self._write(calls, files, error, first, times, 0, 0)
        try:
            yield
        finally:
            self._write(0, 0, error, 0, 0, *self.count())

    def count(self):
        """Count the calls that were met, and those that failed."""
        return struct.unpack_from("<2i", self._faults, 20)

    def _write(self, calls, *more):
        # In the end what makes the rest count.
        struct.pack_into("<6i", self._faults, 4, *more)
        struct.pack_into("<i", self._faults, 0, calls)
