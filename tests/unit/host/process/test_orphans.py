"""Orphans are reaped, and the children that somebody waits for are left to them."""

import subprocess
import sys

from tests.support.clusters.cluster import ROOT
from tests.support.patience import stretched

PROGRAM = """
import ctypes, os, sys
from host.process import orphans

PR_SET_CHILD_SUBREAPER = 36
assert orphans.reap(own=()) == [], "no children at all"
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
reading, writing = os.pipe()
own = os.fork()
if own == 0:
    grandchild = os.fork()
    if grandchild == 0:
        os._exit(0)
    os.waitid(os.P_PID, grandchild, os.WEXITED | os.WNOWAIT)
    os.write(writing, str(grandchild).encode())
    os._exit(7)
os.waitid(os.P_PID, own, os.WEXITED | os.WNOWAIT)
orphan = int(os.read(reading, 20))
assert own not in orphans.reap(own={own})
assert os.waitpid(own, 0)[1] >> 8 == 7, "its status was left"
orphans.reap(own=())
assert not os.path.exists(f"/proc/{orphan}"), "a zombie"
"""


def test_orphans_are_reaped_and_own_children_left_to_who_waits_for_them() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=stretched(30)
    )
    assert (done.stderr, done.returncode) == ("", 0)
