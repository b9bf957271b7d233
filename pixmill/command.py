"""The `pixmill` command: files and job ids in, lines and an exit status out. All HTTP is the client's.

Exit status 0: every job is `done` (or promised, where nothing was waited for); 1: something is not;
2: wrong usage.
"""

import functools
import io
import signal
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from pixmill import drill as drills
from pixmill import explained, saving, targets
from pixmill import receipts as receipt_files
from pixmill.client import Client
from pixmill.errors import PixmillError
from pixmill.origin import DEFAULT_URL
from pixmill.report import Report, label
from pixmill.server.start import start

VERDICTS = ("ended", "unfinished", "purged", "expired", "lost", "forged")
BROKEN = ("lost", "forged")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_ANY_FILE = click.Path(path_type=Path)
"""One of several: what is wrong with it is told as its own fault, so that it does not stop the others."""
_TO_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


def _served(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options that name a server and a key, and the `client` that they make."""

    @click.option("--url", envvar="PIXMILL_URL", default=DEFAULT_URL, show_default=True, help="The server.")
    @click.option("--key-file", type=_FILE, help="A file with the API key; by default the key is in PIXMILL_API_KEY.")
    @functools.wraps(command)
    def connected(url: str, key_file: Path | None, **arguments: Any) -> None:
        key = _text(key_file).strip() if key_file else None
        try:
            client = Client(url, api_key=key)
        except ValueError as fault:
            raise click.UsageError(str(fault)) from None
        with client:
            command(client=client, **arguments)

    return connected


@click.group()
@click.version_option(package_name="pixmill")
def main() -> None:
    """Upload images to pixmill and fetch what it makes of them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name may have what the terminal has not


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise click.ClickException(f"{label(path)} cannot be read: {fault}") from None


@main.command()
@click.argument("files", nargs=-1, required=True, type=_ANY_FILE)
@click.option("--preset", help="A preset of the server's; without it and --recipe: default.")
@click.option("--recipe", type=_FILE, help="A file with a recipe in JSON.")
@click.option("--out", type=_FOLDER, help="Wait for the jobs and save their renditions in this folder.")
@click.option("--receipts", type=_TO_FILE, help="Append the receipt of each promised job to this file, at once.")
@_served
def upload(
    client: Client,
    files: tuple[Path, ...],
    preset: str | None,
    recipe: Path | None,
    out: Path | None,
    receipts: Path | None,
) -> None:
    """Upload FILES, each as one job, repeated safely until the server has promised it."""
    if preset and recipe:
        raise click.UsageError("--preset and --recipe exclude each other")
    asked = _text(recipe) if recipe else None
    report = Report()
    promised: dict[str, Path] = {}
    with _receipt_file(receipts) as kept, report.telling_the_rest():
        for file in files:
            with report.faults_of(file):
                job = client.upload(file, preset=preset, recipe=asked)
                promised[job["id"]] = file
                report.promised(job)
                if kept:
                    kept.append(job["receipt"])
                if not out:
                    report.show(job)
        for job_id, file in promised.items() if out else []:
            with report.faults_of(job_id):
                ended = client.wait(job_id)
                report.show(ended, ended=True)
                for url, path in saving.targets(ended, out or Path(), file.stem):
                    with report.faults_of(path):
                        client.download(url, path, exclusive=True)
    raise SystemExit(report.status)


def _receipt_file(path: Path | None) -> AbstractContextManager[receipt_files.ReceiptFile | None]:
    if path is None:
        return nullcontext()
    try:
        return receipt_files.ReceiptFile(path)
    except OSError as fault:
        raise click.ClickException(f"receipts cannot be kept: {fault}") from None


@main.command()
@click.argument("file", type=_FILE)
@_served
def audit(client: Client, file: Path) -> None:
    """Say of each receipt in FILE whether the promise was kept.

    ended, unfinished: the job is there. purged, expired: it was removed, on request or by age. lost: it was promised
    and is nowhere. forged: this server signed no such receipt. Exit status 1 if any is lost or forged.
    """
    try:
        texts = receipt_files.read(file)
        verdicts = client.audit(texts)
    except (PixmillError, OSError) as fault:
        raise click.ClickException(str(fault)) from None
    out = Console(soft_wrap=True, highlight=False)
    out.print(_audit_table(verdicts))
    broken = [(verdict, text) for text, verdict in zip(texts, verdicts, strict=True) if verdict in BROKEN]
    for verdict, text in broken:
        out.print(f"{verdict}: {text}", markup=False)
    raise SystemExit(1 if broken else 0)


def _audit_table(verdicts: list[str]) -> Table:
    counts = Counter(verdicts)
    table = Table("verdict", "receipts", box=None)
    for verdict in VERDICTS:
        table.add_row(verdict, str(counts[verdict]))
    return table


@main.command()
@click.argument("file", type=_FILE)
@click.option("--preset", help="A preset of the server's; without it and --recipe: default.")
@click.option("--recipe", type=_FILE, help="A file with a recipe in JSON.")
@_served
def explain(client: Client, file: Path, preset: str | None, recipe: Path | None) -> None:
    """Tell what a preset or recipe would do to FILE, without doing it."""
    if preset and recipe:
        raise click.UsageError("--preset and --recipe exclude each other")
    report = Report()
    asked = _text(recipe) if recipe else None
    with report.faults_of(file):
        explained.show(client.explain(file, preset=preset, recipe=asked))
    raise SystemExit(report.status)


@main.command()
@click.option("--role", type=click.Choice(["web", "broker", "worker"]), help="Run one process of this role only.")
def serve(role: str | None) -> None:
    """Serve on this machine: start broker, web and workers, with all data in the folder `uploads` of this one.

    Settings are environment variables, PIXMILL_PORT and others. Needs the extra `roles`. Ctrl-C drains and ends it.
    """
    start(role or "supervisor")


@main.command()
@click.argument("jobs", nargs=-1, required=True, metavar="ID...")
@_served
def wait(client: Client, jobs: tuple[str, ...]) -> None:
    """Wait until all jobs have ended."""
    report = Report()
    for job in jobs:
        with report.faults_of(job):
            report.show(client.wait(job), ended=True)
    raise SystemExit(report.status)


@main.command()
@click.option("--seconds", type=click.FloatRange(min=3), default=60.0, show_default=True, help="How long to upload.")
@click.option("--rate", type=click.FloatRange(0.1, 50), default=5.0, show_default=True, help="Uploads a second.")
@click.option("--kill", is_flag=True, help="SIGKILL processes of the server, which is on this machine.")
@_served
def drill(client: Client, seconds: float, rate: float, kill: bool) -> None:
    """Upload at a steady pace while processes are killed, and see whether every promise was kept.

    The first third of the time is undisturbed. In the second, kill what you like (or --kill does). In the third, the
    server is itself again.
    """
    out = Console(soft_wrap=True, highlight=False)
    try:
        kill_one = _killer(client.url, out) if kill else _prompter(out)
        result = drills.drill(client, seconds, rate, kill_one, out.print)
    except (PixmillError, LookupError, OSError) as fault:
        raise click.ClickException(str(fault)) from None
    _show_drill(result, out)
    raise SystemExit(0 if result.kept else 1)


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
    counts = ", ".join(f"{kind} {result.count(kind)}" for kind in ("lost", "doubled", "wrong", "unanswered"))
    out.print(f"accepted {sum(upload.promised is not None for upload in result.uploads)}, {counts}")
