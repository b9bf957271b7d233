"""`pixmill upload`: files, folders and standard input, each file as one job."""

import asyncio
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import click

from pixmill.commands import uploading
from pixmill.commands.folders import files as picking
from pixmill.commands.folders import watching
from pixmill.commands.options import INTERRUPTED, POINT, Asked, asking, recipe_of
from pixmill.commands.progress import Bars
from pixmill.commands.receipts import ReceiptFile
from pixmill.commands.state import remembered
from pixmill.core.fields import Fields, Priority

_PATH = click.Path(path_type=Path)
"""One of several: what is wrong with it is told as its own fault, so that it does not stop the others."""
_TEXT_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_TO_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("files", nargs=-1, type=_PATH)
@click.option("--preset", help="A preset of the server's; without it and --recipe: default.")
@click.option("--recipe", type=_TEXT_FILE, help="A file with a recipe in JSON.")
@click.option("--focus", type=POINT, metavar="X,Y", help="The point to keep, where a recipe asks for it: 0.5,0.3.")
@click.option("--reference", help="A text of yours that all these jobs get.")
@click.option("--metadata", help="JSON of yours that all these jobs get.")
@click.option("--priority", type=click.Choice(["high", "normal", "low"]), help="Before or after your other jobs.")
@click.option("--expires-in", type=float, metavar="SECONDS", help="Not begun by then, they end as expired.")
@click.option("--webhook-url", metavar="URL", help="This receiver is told of the jobs' ends.")
@click.option("--webhook-events", type=click.Choice(["job.rendition"]), help="The receiver is told of these, too.")
@click.option("--batch", metavar="ID", help="The jobs join this open batch.")
@click.option("--filename", help="The name of what comes on standard input.")
@click.option("--wait", is_flag=True, help="Wait for the jobs.")
@click.option("--out", type=_FOLDER, help="Wait for the jobs and save their renditions in this folder.")
@click.option(
    "--watch", type=_FOLDER, help="Upload what comes into this folder, and move it to done/ or failed/ in it."
)
@click.option("--receipts", type=_TO_FILE, help="Append the receipt of each promised job to this file, at once.")
@asking
def upload(
    asked: Asked,
    files: tuple[Path, ...],
    preset: str | None,
    recipe: Path | None,
    focus: tuple[float, float] | None,
    reference: str | None,
    metadata: str | None,
    priority: Priority | None,
    expires_in: float | None,
    webhook_url: str | None,
    webhook_events: Literal["job.rendition"] | None,
    batch: str | None,
    filename: str | None,
    wait: bool,
    out: Path | None,
    receipts: Path | None,
    watch: Path | None,
) -> int | None:
    """Upload FILES, each as one job, repeated safely until the server has promised it.

    A folder stands for the pictures in it and below it; - is standard input. What was uploaded before is not sent
    again. After Ctrl-C the same command goes on where it was.
    """
    fields = Fields(recipe=recipe_of(preset, recipe), preset=preset, reference=reference, priority=priority)
    fields["metadata"], fields["expires_in"], fields["focus"] = _json(metadata), expires_in, focus
    fields["webhook_url"], fields["webhook_events"], fields["batch"] = webhook_url, webhook_events, batch
    if bool(files) == (watch is not None):
        raise click.UsageError("name files, or a folder by --watch")
    if watch is not None:
        return _watch(asked, watch, fields, out, receipts)
    picked, others = picking.picked(files, filename, out)
    report, waits = asked.report, wait or out is not None
    if others:
        what = "other file in these folders is no picture by its name"
        report.say(
            f"1 {what}" if others == 1 else f"{others} other files in these folders are no pictures by their names"
        )
    client = asked.async_client()
    with ExitStack() as stack:
        kept = stack.enter_context(ReceiptFile(receipts)) if receipts else None
        state = stack.enter_context(remembered(report.say))
        shown = not report.as_json
        bars = stack.enter_context(Bars(report.err, picked, shown=shown, word="jobs done" if waits else "promised"))
        run = uploading.Uploading(client, state, report, bars, fields, waits=waits, out=out, receipts=kept)
        try:
            uploading.run(run, client, picked)
        except KeyboardInterrupt:
            report.say("interrupted: the same command goes on from here")
            return INTERRUPTED
        finally:
            if not len(picked) == run.sent == 1:
                report.say(f"{len(picked)} {'file' if len(picked) == 1 else 'files'}, {run.sent} sent by this run")
    return None


def _watch(asked: Asked, folder: Path, fields: Fields, out: Path | None, receipts: Path | None) -> int | None:
    """Take what comes into the folder, until Ctrl-C."""
    report, client = asked.report, asked.async_client()
    with ExitStack() as stack:
        kept = stack.enter_context(ReceiptFile(receipts)) if receipts else None
        state = stack.enter_context(remembered(report.say))

        async def take(files: list[picking.Picked]) -> watching.Ends:
            ends: watching.Ends = {}
            report.noted.clear()
            with Bars(report.err, files, shown=False, word="jobs done") as bars:
                run = uploading.Uploading(
                    client, state, report, bars, fields, waits=True, out=out, receipts=kept,
                    told=lambda file, job: ends.__setitem__(file.path, job),
                )  # fmt: skip
                await run.run(files)
            faults = {Path(what): fault for what, fault in report.noted.items()}
            return {**{path: fault for path, fault in faults.items() if not isinstance(fault, LookupError)}, **ends}

        async def all_of_it() -> None:
            async with client:
                await watching.watch(folder, take, report.say)

        report.say(f"watching {folder}: pictures that come are uploaded, and moved to done or failed in it")
        try:
            asyncio.run(all_of_it())
        except KeyboardInterrupt:
            report.say("interrupted: the same command goes on from here")
        return INTERRUPTED


def _json(text: str | None) -> Any:
    """The value of --metadata. Raises UsageError."""
    try:
        return None if text is None else json.loads(text)
    except ValueError as fault:
        raise click.UsageError(f"--metadata is no JSON: {fault}") from None
