"""The `pixmill` command: its words and what belongs to none of them. All HTTP is the client's.

The words are in pixmill/commands; `serve` and `drill`, which know this machine's processes, are here.
"""

import io
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.table import Table

from pixmill import drill as drills
from pixmill import interrupts, probe, targets, textfile
from pixmill.client.blocking import Client
from pixmill.commands import changing, looking
from pixmill.commands import upload as uploads
from pixmill.commands.completion import completion
from pixmill.commands.logs import logs
from pixmill.commands.options import common, served
from pixmill.commands.report import Report
from pixmill.commands.top import top
from pixmill.server.start import start


class Program(click.Group):
    """All commands. Ctrl-C is a KeyboardInterrupt only in here, so none of click's own `Aborted!` is said."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command that the words name. Ctrl-C that the command does not hear ends it with 130."""
        interrupts.raise_it()
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            raise SystemExit(interrupts.INTERRUPTED) from None
        finally:
            interrupts.end_at_once()


@click.group(cls=Program)
@click.version_option(package_name="pixmill")
@common
@click.pass_context
def program(context: click.Context, url: str | None, key_file: Path | None, as_json: bool) -> None:
    """Upload images to pixmill and fetch what it makes of them.

    Exit status: 0 all done, 1 some failed, 2 wrong usage, 3 refused, 4 the key, 5 the server is away, 130 Ctrl-C.
    """
    context.obj = {"url": url, "key_file": key_file, "as_json": as_json}
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name may have what the terminal has not


for _command in (
    uploads.upload, looking.jobs, looking.show, looking.wait, changing.cancel, changing.requeue, changing.pause,
    changing.resume, changing.deliveries, changing.replay, looking.presets, looking.stats, looking.actions, top,
    looking.explain, looking.audit, logs, completion,
):  # fmt: skip
    program.add_command(_command)


@program.command()
@click.option(
    "--role", type=click.Choice(["web", "broker", "worker", "courier"]), help="Run one process of this role only."
)
def serve(role: str | None) -> None:
    """Serve on this machine: start broker, web and workers, with all data in the folder `uploads` of this one.

    Settings are environment variables, PIXMILL_PORT and others. Needs the extra `roles`. Ctrl-C drains and ends it.
    """
    start(role or "supervisor")


@program.command()
@click.option("--seconds", type=click.FloatRange(min=3), default=60.0, show_default=True, help="How long to upload.")
@click.option("--rate", type=click.FloatRange(0.1, 50), default=5.0, show_default=True, help="Uploads a second.")
@click.option("--kill", is_flag=True, help="SIGKILL processes of the server, which is on this machine.")
@click.option("--once", is_flag=True, help="One picture through everything, for a monitor.")
@click.option(
    "--timeout", type=click.FloatRange(1, probe.TIMEOUT_SECONDS_MAX), default=probe.TIMEOUT_SECONDS, show_default=True,
    help="With --once: give up after so many seconds.",
)  # fmt: skip
@click.option(
    "--textfile", "metrics", type=click.Path(dir_okay=False, path_type=Path), help="With --once: its metrics (.prom)."
)
@served
def drill(
    client: Client,
    report: Report,
    seconds: float,
    rate: float,
    kill: bool,
    once: bool,
    timeout: float,
    metrics: Path | None,
) -> int | None:
    """Upload at a steady pace while processes are killed, and see whether every promise was kept.

    The first third of the time is undisturbed. In the second, kill what you like (or --kill does). In the third, the
    server is itself again. With --once, one picture goes through everything instead, and nothing is killed.
    """
    _check_drill(once, metrics)
    if once:
        return _drill_once(client, report, timeout, metrics)
    out = report.err if report.as_json else report.out
    kill_one = _killer(client.url, out) if kill else _prompter(out)
    result = drills.drill(client, seconds, rate, kill_one, out.print)
    _show_drill(result, out)
    report.data(drills.counts(result))
    return 0 if result.kept else 1


def _check_drill(once: bool, metrics: Path | None) -> None:
    """Raises UsageError where an option of the one kind of drill stands beside the other kind."""
    source_of = click.get_current_context().get_parameter_source
    for name in ("seconds", "rate", "kill") if once else ("timeout", "metrics"):
        if source_of(name) is ParameterSource.COMMANDLINE:
            option = "textfile" if name == "metrics" else name
            raise click.UsageError(f"--{option} and --once exclude each other" if once else f"--{option} needs --once")
    if metrics is not None and metrics.suffix != textfile.SUFFIX:
        raise click.UsageError(f"--textfile must end in {textfile.SUFFIX}: node_exporter reads no other file")


def _drill_once(client: Client, report: Report, timeout: float, metrics: Path | None) -> int | None:
    probed = probe.probe(client, timeout)
    if metrics is not None:
        textfile.written(metrics, probed)
    if probed.fault is not None:
        report.fault("drill", probed.fault)
        return None
    report.line(f"well in {probed.seconds:.3f} s")
    report.data({"seconds": probed.seconds})
    return 0


def _killer(url: str, out: Console) -> Callable[[], None]:
    """Kills a random process of the cluster that serves `url`. Raises LookupError."""
    supervisor = targets.supervisor_of(url)

    def kill() -> None:
        target = targets.random_target(supervisor)
        if target and targets.send_signal(target[1], supervisor, signal.SIGKILL):
            out.print(f"SIGKILL {target[0]} {target[1]}")

    return kill


def _prompter(out: Console) -> Callable[[], None]:
    """Says once that it is the user's turn."""
    said: list[bool] = []

    def say() -> None:
        if not said:
            said.append(True)
            out.print("the second third begins: kill what you like")

    return say


def _show_drill(result: drills.Result, out: Console) -> None:
    """The table: for each third (by when an upload was due) the 99th percentile to its 202 and to its job's end."""
    table = Table("third", "uploads", "202 p99", "done p99", box=None)
    for phase in drills.PHASES:
        uploads = result.phase(phase)
        promised = [upload.promised for upload in uploads if upload.promised is not None]
        ended = [upload.ended for upload in uploads if upload.ended is not None]
        times = [drills.percentile(values, 0.99) for values in (promised, ended)]
        table.add_row(phase, str(len(uploads)), *("-" if time is None else f"{time:.2f} s" for time in times))
    out.print(table)
    for upload in [upload for upload in result.uploads if upload.broken]:
        out.print(f"{upload.broken}: upload {upload.number}: {upload.detail}", markup=False)
    for job in result.strays:
        out.print(f"doubled: {job} was made and promised to nobody")
    out.print(", ".join(f"{name} {count}" for name, count in drills.counts(result).items()))
