"""On which file systems a ledger may be, told by the kernel's table of mounts."""

from pathlib import Path

import pytest

from host.files import filesystems
from host.files.filesystems import kind_of, refuse_network
from jobs.errors import SetupFault

TABLE = """\
23 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 23 0:40 / /mnt/nas rw - nfs4 nas:/all rw,vers=4.2
41 40 8:2 / /mnt/nas/local rw - xfs /dev/sdb1 rw
42 23 0:42 / /mnt/with\\040space rw master:2 propagate_from:1 - fuse.sshfs a@b:/ rw
43 23 8:3 / /srv rw - btrfs /dev/sdc1 rw
44 23 0:44 / /srv rw - cifs //nas/srv rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/data", "ext4"),
        ("/mnt/nas", "nfs4"),
        ("/mnt/nas/x/y", "nfs4"),
        ("/mnt/nasty", "ext4"),
        ("/mnt/nas/local/x", "xfs"),
        ("/mnt/with space/x", "fuse.sshfs"),
        ("/srv/x", "cifs"),
    ],
)
def test_the_innermost_and_latest_mount_counts(folder: str, kind: str) -> None:
    assert kind_of(Path(folder), TABLE) == kind


@pytest.mark.parametrize(
    ("kind", "refused"), [("nfs", True), ("fuse.sshfs", True), ("ext4", False), ("fuseblk", False)]
)
def test_a_ledger_on_a_network_file_system_is_one_sentence(
    kind: str, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(f"1 0 0:1 / / rw - {kind} x rw\n")
    monkeypatch.setattr(filesystems, "MOUNTS", table)
    if refused:
        with pytest.raises(SetupFault, match=rf"network file system \({kind}\).+: set PIXMILL_DATA"):
            refuse_network(tmp_path)
    else:
        refuse_network(tmp_path)


def test_where_the_kernel_has_no_such_table_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystems, "MOUNTS", tmp_path / "none")
    refuse_network(tmp_path)
