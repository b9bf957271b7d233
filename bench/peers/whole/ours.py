"""Pixmill as a contender: a whole cluster under its supervisor, stock but for the result cache, which is off.

Owns its variants: `pixmill` uses what is installed; `pixmill:pillow` no libturbojpeg; `pixmill:vips` the extra `vips`;
`pixmill:normal` PIXMILL_LEDGER_SYNC=normal.
"""

import os
import signal
import tempfile
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.peers.whole.installed import VIPS
from bench.peers.whole.stacks import START_SECONDS, Setting, Start
from jobs import ids
from tests.support.clusters.cluster import ROOT, Cluster, wait_until

WEBS = WORKERS = 2
VARIANTS = ("pixmill", "pixmill:normal", "pixmill:pillow", "pixmill:vips")
KILLED = ("worker", "keeper", "queue")
DRAIN_SECONDS = 60.0
_BLIND = '''"""Hides libturbojpeg from all processes that have this folder in PYTHONPATH."""
import ctypes

class Blind(ctypes.CDLL):
    def __init__(self, name, *rest, **named):
        if name and "turbojpeg" in str(name):
            raise OSError(f"hidden: {name}")
        super().__init__(name, *rest, **named)

ctypes.CDLL = Blind
'''


class Ours:
    """As Stack."""

    def __init__(self, variant: str, setting: Setting) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="peer-")
        folder = Path(self._folder.name)
        sync = "normal" if variant.endswith(":normal") else "full"
        self._cluster = Cluster(
            folder, workers=WORKERS, web_processes=WEBS, couriers=1, cache_url="none", log_level="warning",
            recipes=setting.recipes, ledger_sync=sync,
        )  # fmt: skip
        if variant.endswith(":pillow"):
            (folder / "blind").mkdir()
            (folder / "blind" / "sitecustomize.py").write_text(_BLIND)
            self._cluster.environ["PYTHONPATH"] = f"{folder / 'blind'}:{ROOT}"
        elif variant.endswith(":vips"):
            self._cluster.environ["PYTHONPATH"] = f"{ROOT}:{VIPS}"
        self._cluster.data.mkdir(mode=0o700)
        self.folders = [self._cluster.data / "processed" / (a + b) for a in ids.ALPHABET for b in ids.ALPHABET]
        for one in self.folders:
            one.mkdir(parents=True)
        self.url = ""

    def __enter__(self) -> Self:
        try:
            self.url = self._cluster.start().url
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._cluster.stop(DRAIN_SECONDS)
        self._folder.cleanup()

    def roots(self) -> list[int]:
        """As Stack.roots."""
        assert self._cluster.supervisor
        return [self._cluster.supervisor.pid]

    def pause(self) -> None:
        """As Stack.pause."""
        self._post("/queue/pause")

    def resume(self) -> None:
        """As Stack.resume."""
        self._post("/queue/resume")

    def kill(self, target: str) -> float:
        """As Stack.kill: `worker` is a decoder at work, `keeper` its keeper, `queue` the broker."""
        pid = self._cluster.pids("broker")[0] if target == "queue" else self._at_work(target)
        at = time.time()
        os.kill(pid, signal.SIGKILL)
        return at

    def mend(self) -> None:
        """As Stack.mend: the supervisor does it."""

    def starts(self, jobs: list[str]) -> list[Start]:
        """As Stack.starts, by the timelines: when a decoder began."""
        found = []
        with self._cluster.client() as client:
            for job in jobs:
                timeline = client.get(f"/jobs/{job}").raise_for_status().json()["timeline"]
                times = [datetime.fromisoformat(one["at"]) for one in timeline if one["event"] == "started"]
                found += [Start(job, at.timestamp()) for at in times]
        return found

    def results_of(self, job: str) -> list[Path]:
        """As Stack.results_of."""
        return sorted((self._cluster.data / "processed" / job[-2:]).glob(f"{job}.*"))

    def _at_work(self, target: str) -> int:
        def busy() -> int | None:
            for keeper in self._cluster.pids("worker", "ready"):
                for decoder in self._cluster.decoders(keeper):
                    if Path(f"/proc/{decoder}/stat").read_text().rpartition(")")[2].split()[0] == "R":
                        return keeper if target == "keeper" else decoder
            return None

        found = wait_until(busy, START_SECONDS, "a decoder at work")
        assert found
        return found

    def _post(self, path: str) -> None:
        with self._cluster.client() as client:
            client.post(path).raise_for_status()
