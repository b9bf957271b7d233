"""`python -m supervisor [--reload]` runs one machine's processes; the other commands ask the running supervisor.
`config` prints every setting with its source: those of the running one, else those that this shell would start with."""

import os
import sys
from pathlib import Path

from host.files import folders
from host.files.tenants import read_tenants
from host.log.start import setup_faults_end
from host.process import notify
from host.process.launch import NONE, START, STOP
from host.settings import arguments, environment
from host.sockets import control
from jobs.errors import SetupFault
from supervisor.loop import Loop


def main(words: list[str]) -> str | None:
    """Carry out one command and return what went wrong, if anything. Raises SetupFault, with the fix."""
    arguments.take_one("supervisor", words, "--reload", "status", "scale WORKERS", "restart", "stop", "config")
    folders.keep_private()
    settings, sources = environment.load_settings()
    run = folders.run_folder(settings)
    if words in ([], ["--reload"]):
        os.dup2(2, notify.LISTEN_DESCRIPTOR)  # kept free for the listening socket
        taken = f"pixmill runs already on {settings.data}: {STOP}, or set PIXMILL_DATA and PIXMILL_PORT to others"
        folders.hold_lock(run / "supervisor.lock", taken)
        folders.data_folder(settings)
        Loop(settings, sources, run, reload=bool(words)).run()
    elif words == ["config"]:
        _print_config(run, Path(settings.data).absolute(), environment.shown_settings(settings, sources))
    else:
        asked, none = run / "supervisor.sock", NONE.format(Path(settings.data).absolute())
        if words == ["restart"]:
            status = control.ask(asked, {"do": "status"}, none)
            read_tenants(status.get("tenants", settings.tenants))  # before the broker ends
            _print(f"restarting {len(status['processes'])} processes, one by one")
        answer = control.ask(asked, dict(zip(("do", "workers"), words, strict=False)), none)
        _print(*filter(None, [answer.get("said")]), *(_line(**process) for process in answer.get("processes", [])))
        return answer.get("fault")
    return None


def _print_config(run: Path, data: Path, here: list[str]) -> None:
    """The settings with which the supervisor of this shell's DATA was started. This shell's variables may differ."""
    try:
        running = control.ask(run / "supervisor.sock", {"do": "config"}, "")["settings"]
    except SetupFault:
        _print(f"# nothing runs on {data}: this is what this shell would start", *here)
        return
    others = sum(line not in running for line in here)
    note = f"# {others} of these are others in this shell; {STOP} and {START} would take them"
    _print("# this is what runs", *running, *[note] * bool(others))


def _print(*lines: str) -> None:
    """To standard output, which may have a reader that leaves early, as `head`."""
    try:
        print(*lines, sep="\n", end="\n" * bool(lines), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python writes the rest at its exit


def _line(role: str, state: str, pid: int | None, seconds: float, last: str) -> str:
    """A process, or a place that waits for its next one."""
    if pid is None:
        return f"{role:<7} {state:<9} {seconds:g} s for its next start: the last one {last}"
    return f"{role:<7} {state:<9} pid {pid:<8} up {seconds:g} s" + (last and f" (the one before {last})")


if __name__ == "__main__":
    with setup_faults_end("supervisor"):
        sys.exit(main(sys.argv[1:]))
