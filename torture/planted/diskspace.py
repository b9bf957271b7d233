"""Bugs in what keeps a part of the disk free."""

from torture.planted.mutant import Core, Mutant

DISKSPACE = Core(
    "diskspace",
    "web/http",
    ("tests/unit/web/http/test_diskspace.py",),
    (
        Mutant(
            "the last byte is refused",
            "diskspace.py",
            "self._free() - size < self._kept",
            "self._free() - size <= self._kept",
        ),
        Mutant(
            "one byte of the kept is taken",
            "diskspace.py",
            "self._free() - size < self._kept",
            "self._free() - size + 1 < self._kept",
        ),
        Mutant(
            "the size is not judged", "diskspace.py", "self._free() - size < self._kept", "self._free() < self._kept"
        ),
        Mutant("nothing is kept", "diskspace.py", "self._free() - size < self._kept", "self._free() < size"),
        Mutant("the disk is asked once", "diskspace.py", "if size > self._known:", "if not self._known:"),
        Mutant("the disk is asked for each piece", "diskspace.py", "if size > self._known:", "if True:"),
        Mutant(
            "what is known is asked again one byte early",
            "diskspace.py",
            "if size > self._known:",
            "if size >= self._known:",
        ),
        Mutant("what was taken stays known", "diskspace.py", "        self._known -= size\n", ""),
        Mutant("what was taken is given back", "diskspace.py", "self._known -= size", "self._known += size"),
        Mutant("room adds up", "diskspace.py", "self._known = DISK_ASKED_BYTES", "self._known += DISK_ASKED_BYTES"),
        Mutant(
            "a refusal is remembered as room",
            "diskspace.py",
            "        if self._free() - size < self._kept:\n",
            "        self._known = DISK_ASKED_BYTES\n        if self._free() - size < self._kept:\n",
        ),
        Mutant(
            "all the disk's room is known",
            "diskspace.py",
            "self._known = DISK_ASKED_BYTES",
            "self._known = self._free() - self._kept",
        ),
    ),
)
