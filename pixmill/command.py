"""The `pixmill` command: files and job ids in, lines and an exit status out. All HTTP is the client's.

Exit status 0: every job is `done` (or promised, where nothing was waited for); 1: something is not;
2: wrong usage.
"""

import functools
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pixmill import drill as drills
from pixmill import explained, victims
from pixmill import receipts as receipt_files
from pixmill.client import DEFAULT_URL, Client, Job
from pixmill.errors import PixmillError

STYLES = {"done": "green", "failed": "red", "dead": "red", "cancelled": "yellow"}
EXTENSIONS = {"jpeg": "jpg"}
VERDICTS = ("ended", "unfinished", "purged", "expired", "lost", "forged")
BROKEN = ("lost", "forged")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_TO_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


def _served(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options that name a server and a key, and the `client` that they make."""

    @click.option("--url", envvar="PIXMILL_URL", default=DEFAULT_URL, show_default=True, help="The server.")
    @click.option("--key-file", type=_FILE, help="A file with the API key; by default the key is in PIXMILL_API_KEY.")
    @functools.wraps(command)
    def connected(url: str, key_file: Path | None, **arguments: Any) -> None:
        key = key_file.read_text().strip() if key_file else None
        with Client(url, api_key=key) as client:
            command(client=client, **arguments)

    return connected


@click.group()
@click.version_option(package_name="pixmill")
def main() -> None:
    """Upload images to pixmill and fetch what it makes of them."""


@main.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
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
    asked = recipe.read_text() if recipe else None
    report = _Report()
    promised: list[tuple[str, Job]] = []
    with _receipt_file(receipts) as kept:
        for stem, file in zip(_stems(files), files, strict=True):
            with report.faults_of(str(file)):
                promised.append((stem, client.upload(file, preset=preset, recipe=asked)))
                if kept:
                    kept.append(promised[-1][1]["receipt"])
                if not out:
                    report.show(promised[-1][1])
        for stem, job in promised if out else []:
            with report.faults_of(job["id"]):
                ended = client.wait(job["id"])
                report.show(ended, ended=True)
                _save(client, ended, out or Path(), stem)
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
    texts = receipt_files.read(file)
    try:
        verdicts = client.audit(texts)
    except PixmillError as fault:
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
    report = _Report()
    with report.faults_of(str(file)):
        asked = recipe.read_text() if recipe else None
        explained.show(client.explain(file, preset=preset, recipe=asked))
    raise SystemExit(report.status)


@main.command()
@click.argument("jobs", nargs=-1, required=True, metavar="ID...")
@_served
def wait(client: Client, jobs: tuple[str, ...]) -> None:
    """Wait until all jobs have ended."""
    report = _Report()
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
        strike = _killer(client.url, out) if kill else _prompter(out)
        result = drills.drill(client, seconds, rate, strike, out.print)
    except (PixmillError, LookupError) as fault:
        raise click.ClickException(str(fault)) from None
    _show_drill(result, out)
    raise SystemExit(0 if result.kept else 1)


def _killer(url: str, out: Console) -> Callable[[], None]:
    """Kills a random process of the cluster that serves `url`. Raises LookupError."""
    supervisor = victims.supervisor_of(url)

    def kill() -> None:
        victim = victims.random_victim(supervisor)
        if victim and victims.strike(victim[1], supervisor, signal.SIGKILL):
            out.print(f"SIGKILL {victim[0]} {victim[1]}")

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


class _Report:
    """One line for each job on stdout, for each fault on stderr; `status` is 1 after anything unwell."""

    def __init__(self) -> None:
        self.status = 0
        self._out, self._err = Console(soft_wrap=True, highlight=False), Console(stderr=True, soft_wrap=True)

    @contextmanager
    def faults_of(self, what: str) -> Iterator[None]:
        """Say what goes wrong with `what`, and go on."""
        try:
            yield
        except (PixmillError, OSError) as fault:
            self.status = 1
            self._err.print(Text(f"{what}: {fault}", style="red"))

    def show(self, job: Job, *, ended: bool = False) -> None:
        """The job's id, state and file name, and why it did not end well if `ended` and not done."""
        words = [(job["id"], ""), " ", (f"{job['state']:<9}", STYLES.get(job["state"], "")), " ", job["filename"]]
        if ended and job["state"] != "done":
            self.status = 1
            error = job["error"] or {}
            words.append(f"  {error.get('code', '')}: {error.get('detail', '')}")
        self._out.print(Text.assemble(*words))


def _stems(files: Sequence[Path]) -> list[str]:
    """A name for each file's renditions: its own without the suffix, numbered where two would be alike."""
    stems: list[str] = []
    for file in files:
        stem, number = file.stem, 2
        while stem in stems:
            stem, number = f"{file.stem}-{number}", number + 1
        stems.append(stem)
    return stems


def _save(client: Client, job: Job, folder: Path, stem: str) -> None:
    """Download the job's renditions as STEM.NAME.EXTENSION; what the server says never leaves `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for rendition in job["renditions"]:
        extension = EXTENSIONS.get(rendition["format"], rendition["format"])
        name = re.sub(r"[^a-z0-9_.-]", "_", f"{rendition['name']}.{extension}")
        client.download(rendition["url"], folder / f"{stem}.{name}")
