"""A real systemd for tests: PID 1 of namespaces of its own, which runs the units of deploy/systemd as they are.

Needs root. It sees this machine's files, but /run, /var/lib, /opt and changes to /etc are its own; the network is the
machine's. What a distribution would have installed in /opt/pixmill is this checkout and its packages there.
"""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.support.clusters.cluster import ROOT, Cluster, children_of, wait_until

UNITS = ROOT / "deploy" / "systemd"
MANAGER = next(filter(os.path.exists, ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")), "")
TARGETS = ("sysinit", "basic", "shutdown", "multi-user", "network-online")
"""Units that others name. Here they are empty: nothing of this machine is started."""
TARGET = "[Unit]\nDefaultDependencies=no\n"
LOG = "[Service]\nStandardOutput=append:{0}/%n.txt\nStandardError=append:{0}/%n.txt\n"
"""A drop-in for every service, because no journal runs."""
PROGRAM = """#!/bin/sh
export PYTHONPATH=/opt/pixmill/source:/opt/pixmill/packages LD_LIBRARY_PATH=/opt/pixmill/base/lib
exec /opt/pixmill/base/bin/{python} {words} "$@"
"""
OUTER = """
set -e
mount --make-rprivate /
mkdir cgroup opt
mount -t cgroup2 none cgroup
own=cgroup/pixmill-test-$$
mkdir $own
trap 'find $own -depth -type d -exec rmdir {} +' EXIT
trap : TERM
sh -c 'echo $$ > '$own'/cgroup.procs; exec unshare --pid --mount --cgroup --uts --ipc --fork --kill-child sh inner.sh'
"""
INNER = """
set -e
mkdir -p opt/pixmill/source opt/pixmill/packages opt/pixmill/base opt/pixmill/bin etc work
mv pixmill python opt/pixmill/bin
mount --bind "{root}" opt/pixmill/source
mount --bind "{packages}" opt/pixmill/packages
mount --bind "{base}" opt/pixmill/base
mount -t overlay none -o lowerdir=/etc,upperdir="$PWD/etc",workdir="$PWD/work" /etc
mount --rbind opt /opt
umount -R /sys/fs/cgroup 2> /dev/null || umount -l /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
mount -t proc proc /proc
mount -t tmpfs none /run
mount -t tmpfs none /var/lib
mkdir -p /etc/pixmill /etc/systemd/system
mount -t tmpfs none /etc/systemd/system
cp -r units/. /etc/systemd/system
cp settings.env /etc/pixmill/pixmill.env
systemd-sysusers "{units}/pixmill.sysusers"
export container=test SYSTEMD_UNIT_PATH=/etc/systemd/system SYSTEMD_GENERATOR_PATH=/nonexistent
export SYSTEMD_LOG_TARGET=console
exec {manager} --system --unit=idle.target
"""


def why_not() -> str:
    """Why no systemd can be started here, if so."""
    if not MANAGER or not shutil.which("systemd-sysusers") or not shutil.which("nsenter"):
        return "there is no systemd: apt-get install systemd"
    probe = ["unshare", "--pid", "--mount", "--cgroup", "--fork", "true"]
    if os.geteuid() or subprocess.run(probe, capture_output=True).returncode:
        return "no right to make namespaces: run as root"
    return ""


class Systemd(Cluster):
    """One machine with pixmill's units; `settings` are those of its pixmill.env, `drop_ins` texts by unit."""

    def __init__(self, folder: Path, drop_ins: dict[str, str], **settings: object) -> None:
        super().__init__(folder, **settings)  # type: ignore[arg-type]
        self._drop_ins = {"service": LOG.format(folder / "log")} | drop_ins
        self._settings = {f"PIXMILL_{name.upper()}": value for name, value in settings.items()}
        self._prepare()
        with self.output.open("wb") as output:
            command = ["unshare", "--mount", "sh", "-c", OUTER]
            self._outer = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
            )
        self.init = wait_until(self._init, 10, "systemd to start")
        wait_until(self._answers, 10, f"systemd to answer; {self.log()}")

    def systemctl(self, *words: str, seconds: float = 60.0) -> str:
        """What `systemctl WORDS` prints. Raises CalledProcessError if it fails."""
        done = self._enter("systemctl", "--no-pager", *words, seconds=seconds)
        assert done.returncode == 0, f"{words}: {done.stdout} {done.stderr} {self.log()[-3000:]}"
        return done.stdout.strip()

    def shown(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.systemctl("show", "--property", name, "--value", unit)

    def main_pid(self, unit: str) -> int:
        """The pid of a unit's main process, as this machine counts them."""
        inside = self.shown(unit, "MainPID")
        return next(pid for pid in self.inhabitants() if _pid_inside(pid) == inside)

    def inhabitants(self) -> list[int]:
        """Every process of this systemd, but itself."""
        found = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
        return [pid for pid in found if pid != self.init and _namespace(pid) == _namespace(self.init)]

    def log(self) -> str:
        """What systemd and all units wrote."""
        return super().log() + "".join(path.read_text(errors="replace") for path in self.folder.glob("log/*.txt"))

    def stop(self, seconds: float = 15.0) -> None:
        """End it with all that it runs."""
        try:
            os.kill(self.init, signal.SIGKILL)  # the kernel ends what else is in its namespace
            self._outer.wait(seconds)
        finally:
            super().stop(seconds)

    def _prepare(self) -> None:
        (self.folder / "log").mkdir()
        shutil.copytree(UNITS, self.folder / "units")
        for name in (*TARGETS, "idle"):
            (self.folder / "units" / f"{name}.target").write_text(TARGET)
        for unit, text in self._drop_ins.items():
            (self.folder / "units" / f"{unit}.d").mkdir()
            (self.folder / "units" / f"{unit}.d" / f"{unit}.conf").write_text(text)
        (self.folder / "settings.env").write_text("".join(f"{name}={it}\n" for name, it in self._settings.items()))
        python = Path(os.path.realpath(sys.executable))
        for name, words in {"pixmill": "-c 'from pixmill.command import main; main()'", "python": ""}.items():
            (self.folder / name).write_text(PROGRAM.format(python=python.name, words=words))
            (self.folder / name).chmod(0o755)
        places = {"root": ROOT, "packages": sysconfig.get_path("purelib"), "base": python.parents[1]}
        (self.folder / "inner.sh").write_text(INNER.format(**places, units=UNITS, manager=MANAGER))

    def _init(self) -> int:
        assert self._outer.poll() is None, self.log()
        found = [child for shell in children_of(self._outer.pid) for child in children_of(shell)]
        return next((pid for pid in found if Path(f"/proc/{pid}/comm").read_text() == "systemd\n"), 0)

    def _answers(self) -> bool:
        return self._enter("systemctl", "is-active", "idle.target").returncode == 0

    def _enter(self, *words: str, seconds: float = 10.0) -> subprocess.CompletedProcess[str]:
        command = ["nsenter", "-t", str(self.init), "-m", "-p", "-C", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds)


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def _pid_inside(pid: int) -> str:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""
    return status.split("NSpid:")[1].split("\n")[0].split()[-1]
