"""The supervisor's loop: forks, signals, sockets and the clock around core/fleet.py. Decides nothing."""

import os
import selectors
import signal
import subprocess
import time
from math import inf
from pathlib import Path
from typing import Any

from host.files.sources import Watch
from host.log.start import start_log, welcome
from host.process import launch, lifeline, notify, orphans, signals
from host.settings import environment
from host.settings.brokers import brokers_here
from host.settings.couriers import couriers_here
from host.settings.environment import of_courier
from host.settings.settings import Settings, workers_range
from host.sockets import control, listener
from supervisor.core.fleet import COURIER, HANG_SECONDS_MIN, WEB, Done, Fleet, Signal, Start

CORES = os.cpu_count() or 1
WELCOME = "\npixmill runs: {}\n  data: {}\n  {}\n"
HANG_SILENCES = 2
"""A long SILENCE_SECONDS means slow disks, so a hang is longer still."""
GIVEN_UP = "the restart was given up, for new processes end before they are ready (or all are to stop)"


class Loop:
    """Runs one fleet until it is told to stop. Once per process, with the lock of `run` held."""

    def __init__(self, settings: Settings, sources: dict[str, str], run: Path, reload: bool) -> None:
        self._settings = environment.shown_settings(settings, sources)
        self._data = Path(settings.data).absolute()
        self._tenants = settings.tenants and os.path.abspath(settings.tenants)
        hang = max(HANG_SECONDS_MIN, HANG_SILENCES * settings.silence_seconds)
        workers = workers_range(settings.workers, CORES)
        brokers, couriers = brokers_here(settings.brokers), couriers_here(settings.couriers)
        self._fleet = Fleet(settings.web_processes, *workers, settings.drain_seconds, hang, brokers, couriers)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._log = start_log("supervisor", settings)
        self._waiting: dict[str, list[control.Reply]] = {"restart": [], "stop": []}
        self._watch = Watch(reload)
        self._announced = self._draining = self._stopped = False
        self._url = listener.keep_listener(settings)
        self._curl = listener.curl(settings, self._url)
        self._watchdog = notify.Watchdog()
        self._environ = notify.environ_of_child(os.environ, run / "notify.sock", hang)
        self._notices = notify.Notices(run / "notify.sock")
        self._signals = signals.as_socket(signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._notices.socket, selectors.EVENT_READ, self._read_notices)
        self._selector.register(self._signals, selectors.EVENT_READ, self._read_signals)
        control.serve(run / "supervisor.sock", self._selector, self._answer)

    def run(self) -> None:
        """Start everything; return when everything has ended."""
        while not self._settle():
            now = time.monotonic()
            self._watchdog.turned(now)
            wait = max(0, min(self._fleet.deadline(now) - now, self._watch.seconds))
            for key, _ in self._selector.select(None if wait == inf else wait):
                key.data(key.fileobj)
            if changed := self._watch.changed():
                self._log.info("sources_changed", extra={"files": " ".join(changed)})
                self._fleet.restart_requested(time.monotonic())

    def _settle(self) -> bool:
        """Do what the fleet says; whether everything has ended."""
        while not self._stopped and (effects := self._fleet.settle(time.monotonic())):
            for effect in effects:
                match effect:
                    case Start(child, role):
                        self._start(child, role)
                    case Signal(child, number) if child in self._processes:
                        self._signal(self._processes[child], number)
                    case Done(what, complete):
                        self._done(what, complete)
        if self._fleet.complete() and not self._announced:
            self._announced = True
            notify.ready()
            welcome(self._log, WELCOME, listener.page(self._url), self._data, self._curl)
        return self._stopped

    def _start(self, child: int, role: str) -> None:
        passed = [notify.LISTEN_DESCRIPTOR] if role == WEB else []
        environ = (of_courier(self._environ) if role == COURIER else self._environ) | {"LISTEN_FDS": "1" * len(passed)}
        try:
            self._processes[child] = process = lifeline.spawn(launch.command(role), environ, passed)
            self._log.info("process_started", extra={"of": role, "pid": process.pid})
        except OSError as error:
            self._log.error("process_start_failed", extra={"of": role, "why": error.strerror})
            self._fleet.exited(child, os.EX_OSERR, time.monotonic())

    def _signal(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        if number == signal.SIGQUIT:
            self._log.error("process_silent", extra={"pid": process.pid})
        process.send_signal(number)

    def _done(self, what: str, complete: bool) -> None:
        self._stopped = what == "stop"
        self._log.info("command_done", extra={"of": what, "complete": complete})
        while self._waiting[what]:
            said = f"restarted {len(self._processes)} processes" if what == "restart" else "all has ended"
            self._waiting[what].pop()({"said": said} if complete else {"fault": GIVEN_UP})

    def _read_signals(self, _: Any) -> None:
        if set(self._signals.recv(4096)) - {signal.SIGCHLD}:
            self._stop(time.monotonic())
        for child, process in [each for each in self._processes.items() if each[1].poll() is not None]:
            del self._processes[child]
            self._log.info("process_ended", extra={"pid": process.pid, "status": process.returncode})
            self._fleet.exited(child, process.returncode, time.monotonic())
        orphans.reap({process.pid for process in self._processes.values()})

    def _stop(self, now: float) -> None:
        self._fleet.stop_requested(now)
        if not self._draining:
            self._draining = True
            self._log.info("draining", extra={"at_most": f"{self._fleet.drain_seconds:g} s; Ctrl-C again ends now"})

    def _read_notices(self, _: Any) -> None:
        numbers = {process.pid: child for child, process in self._processes.items()}
        now = time.monotonic()
        for pid, said in self._notices.received():
            if (child := numbers.get(pid)) is None:
                continue
            if "WATCHDOG" in said:
                self._fleet.lives(child, now)
            if "READY" in said:
                self._fleet.became_ready(child, now)
            if notify.WORKERS_WANTED in said:
                self._fleet.wished(int(said[notify.WORKERS_WANTED]), now)

    def _answer(self, request: Any, reply: control.Reply) -> None:
        asked = {"restart": self._fleet.restart_requested, "stop": self._stop}
        match request:
            case {"do": "restart" | "stop" as what}:
                self._waiting[what].append(reply)
                asked[what](time.monotonic())
            case {"do": "status"}:
                reply(self._status())
            case {"do": "config"}:
                reply({"settings": self._settings})
            case {"do": "scale", "workers": int() | str() as workers}:
                self._fleet.scale_requested(*workers_range(str(workers), CORES))
                self._settle()
                reply({"said": f"{workers} workers from now on"} | self._status())
            case _:
                raise ValueError("usage: python -m supervisor [--reload|status|scale WORKERS|restart|stop|config]")

    def _status(self) -> dict[str, Any]:
        rows = []
        for role, state, child, seconds, last in self._fleet.shown(time.monotonic()):
            pid = None if child is None else self._processes[child].pid
            rows.append({"role": role, "pid": pid, "state": state, "seconds": round(seconds, 1), "last": last})
        return {"url": self._url, "tenants": self._tenants, "processes": rows}
