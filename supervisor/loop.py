"""The supervisor's loop: forks, signals, sockets and the clock around core/fleet.py. Decides nothing."""

import os
import selectors
import signal
import subprocess
import sys
import time
from math import inf
from pathlib import Path
from typing import Any

from host import control, lifeline, listener, log, notify, signals, sources
from jobs.settings import Settings, workers_range
from supervisor.core.fleet import WEB, Done, Fleet, Signal, Start

RELOAD_SECONDS = 0.5
WELCOME = "\npixmill runs: {0}/\n  curl -F image=@test-data/sample.jpg {0}/upload\n"
GIVEN_UP = "the restart was given up, for new processes end before they are ready (or all are to stop)"


class Loop:
    """Runs one fleet until it is told to stop. Once per process, with the lock of `run` held."""

    def __init__(self, settings: Settings, run: Path, reload: bool) -> None:
        least, most = workers_range(settings, os.cpu_count() or 1)
        limits: tuple[int, float] = (least, most) if ".." in settings.workers else (0, inf)
        self._fleet = Fleet(settings.web_processes, least, *limits, settings.drain_seconds)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._log = log.start("supervisor", settings)
        self._waiting: dict[str, list[control.Reply]] = {"restart": [], "stop": []}
        self._watch = sources.Watch() if reload else None
        self._announced = self._stopped = False
        with listener.bind_listener(settings) as listening:
            self._url = listener.address(settings, listening.getsockname()[1])
            os.dup2(listening.fileno(), notify.LISTEN_DESCRIPTOR, inheritable=False)
        self._environ = {**os.environ, "NOTIFY_SOCKET": str(run / "notify.sock"), "LISTEN_FDS": ""}
        self._notices = notify.Notices(run / "notify.sock")
        self._signals = signals.as_socket(signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._notices.socket, selectors.EVENT_READ, self._read_notices)
        self._selector.register(self._signals, selectors.EVENT_READ, self._read_signals)
        control.serve(run / "supervisor.sock", self._selector, self._answer)

    def run(self) -> None:
        """Start everything; return when everything has ended."""
        self._settle()
        while not self._stopped:
            wait = self._fleet.deadline(time.monotonic()) - time.monotonic()
            wait = min(wait, RELOAD_SECONDS) if self._watch else wait
            for key, _ in self._selector.select(None if wait == inf else max(wait, 0)):
                key.data(key.fileobj)
            if self._watch and self._watch.changed():
                self._fleet.restart_asked(time.monotonic())
            self._settle()

    def _settle(self) -> None:
        while not self._stopped and (effects := self._fleet.settle(time.monotonic())):
            for effect in effects:
                match effect:
                    case Start(child, role):
                        self._start(child, role)
                    case Signal(child, number) if child in self._processes:
                        self._processes[child].send_signal(number)
                    case Done(what, complete):
                        self._done(what, complete)
        if self._fleet.complete() and not self._announced:
            self._announced = True
            notify.ready()
            print(WELCOME.format(self._url), flush=True)

    def _start(self, child: int, role: str) -> None:
        web = {"LISTEN_FDS": "1"} if role == WEB else {}
        try:
            self._processes[child] = process = lifeline.spawn(
                [sys.executable, "-m", role], self._environ | web, [notify.LISTEN_DESCRIPTOR] if web else []
            )
            self._log.info("started", extra={"role": role, "pid": process.pid})
        except OSError as error:
            self._log.error("start_failed", extra={"role": role, "reason": error.strerror})
            self._fleet.exited(child, time.monotonic())

    def _done(self, what: str, complete: bool) -> None:
        self._stopped = what == "stop"
        self._log.info(f"{what}_done", extra={"complete": complete})
        while self._waiting[what]:
            self._waiting[what].pop()({} if complete else {"fault": GIVEN_UP})

    def _read_signals(self, _: Any) -> None:
        if set(self._signals.recv(4096)) - {signal.SIGCHLD}:
            self._fleet.stop_asked(time.monotonic())
        for child, process in list(self._processes.items()):
            if process.poll() is not None:
                del self._processes[child]
                self._log.info("ended", extra={"pid": process.pid, "status": process.returncode})
                self._fleet.exited(child, time.monotonic())

    def _read_notices(self, _: Any) -> None:
        numbers = {process.pid: child for child, process in self._processes.items()}
        for pid in self._notices.ready_pids():
            self._fleet.became_ready(numbers.get(pid, 0))

    def _answer(self, request: Any, reply: control.Reply) -> None:
        asked = {"restart": self._fleet.restart_asked, "stop": self._fleet.stop_asked}
        match request:
            case {"do": "restart" | "stop" as what}:
                self._waiting[what].append(reply)
                asked[what](time.monotonic())
            case {"do": "status"}:
                reply(self._status())
            case {"do": "scale", "workers": int(workers)}:
                self._fleet.scale_asked(workers)
                self._settle()
                reply(self._status())
            case _:
                reply({"fault": "usage: python -m supervisor [--reload|status|scale WORKERS|restart|stop|config]"})

    def _status(self) -> dict[str, Any]:
        rows, now = [], time.monotonic()
        for child in self._fleet.children():
            pid, seconds = self._processes[child.number].pid, round(now - child.since, 1)
            rows.append({"role": child.role, "pid": pid, "state": child.state, "seconds": seconds})
        return {"url": self._url, "processes": rows}
