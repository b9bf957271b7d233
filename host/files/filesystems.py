"""Finds the kind of a folder's file system: SQLite's locks and shared memory work on this machine's disks only."""

import re
from pathlib import Path

from jobs.errors import SetupFault

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "ocfs2", "gfs2", "coda",
    "ncpfs", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse.goofys",
    "fuse.juicefs", "fuse.seaweedfs", "fuse.davfs2", "davfs", "fuse.mount-s3", "fuse.blobfuse2", "fuse.nfs",
})  # fmt: skip
"""The kernel's names. Other FUSE file systems (NTFS, encrypted folders, overlays) are local."""


def kind_of(folder: Path, mountinfo: str) -> str:
    """The file system's type at `folder`, by the text of /proc/self/mountinfo; empty if it is not listed there."""
    place, best, kind = folder.resolve(), -1, ""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        at = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), before.split()[4]))
        if len(at.parts) >= best and place.is_relative_to(at):  # of two on one mount point, the later one is visible
            best, kind = len(at.parts), after.split()[0]
    return kind


def refuse_network(folder: Path) -> None:
    """Raises SetupFault if a ledger in `folder` would be on a network file system."""
    try:
        kind = kind_of(folder, MOUNTS.read_text())
    except OSError:
        return
    if kind in NETWORK:
        raise SetupFault(
            f"{folder} is on a network file system ({kind}), where SQLite's locks do not hold and a ledger is damaged "
            "sooner or later: set PIXMILL_DATA to a folder on this machine's disk"
        )
