"""The commands that only look: jobs, show, wait, presets, stats, actions, explain, audit."""

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Unpack

import click
from rich.table import Table

from pixmill.client.blocking import Client
from pixmill.commands import receipts as receipt_files
from pixmill.commands import shown
from pixmill.commands.options import FILE, POINT, recipe_of, served
from pixmill.commands.report import Report
from pixmill.core.calls import PAGE_JOBS
from pixmill.core.fields import Filters

VERDICTS = ("ended", "unfinished", "purged", "expired", "lost", "forged")
BROKEN = ("lost", "forged")
STATES = ("queued", "running", "delayed", "done", "failed", "dead", "cancelled")


@click.command()
@click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--code", help="Only jobs that ended with this code.")
@click.option("--reference", help="Only jobs with this reference.")
@click.option("--preset", help="Only jobs of this preset.")
@click.option("--accepted-after", metavar="TIME", help="Only jobs of this time (2026-11-30T09:00:00Z) or later.")
@click.option("--accepted-before", metavar="TIME", help="Only jobs of an earlier time than this.")
@click.option("--tenant", metavar="NAME", help="Only this tenant's jobs (scope operate).")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@click.option("--all", "everything", is_flag=True, help="All of them, without a limit.")
@served
def jobs(client: Client, report: Report, limit: int, everything: bool, **filters: Unpack[Filters]) -> None:
    """List jobs, the newest first."""
    if everything or limit > PAGE_JOBS:
        found = client.export(limit=None if everything else limit, **filters)
    else:
        found = islice(client.jobs(**filters), limit)
    for job in found:
        report.job(job)


@click.command()
@click.argument("job", metavar="ID")
@served
def show(client: Client, report: Report, job: str) -> None:
    """Show all that is known of a job."""
    found = client.job(job)
    report.data(found.raw)
    for line in shown.of_job(found):
        report.line(line)


@click.command()
@click.argument("jobs", nargs=-1, required=True, metavar="ID...")
@served
def wait(client: Client, report: Report, jobs: tuple[str, ...]) -> None:
    """Wait until all jobs have ended."""
    for job in jobs:
        with report.faults_of(job):
            report.job(client.wait(job), ended=True)


@click.command()
@served
def presets(client: Client, report: Report) -> None:
    """List the presets and the renditions of each."""
    for name, recipe in client.presets().items():
        report.data({"name": name, "recipe": recipe})
        report.line(shown.of_preset(name, recipe))


@click.command()
@served
def stats(client: Client, report: Report) -> None:
    """Show the queue, the jobs by state and the workers."""
    found = client.stats()
    report.data(found.raw)
    if not report.as_json:
        report.out.print(shown.of_stats(found))


@click.command()
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@served
def actions(client: Client, report: Report, limit: int) -> None:
    """List who changed what, the newest first: cancelled, requeued and purged jobs, replays, pauses, drains."""
    for action in islice(client.actions(), limit):
        report.data(action.raw)
        report.line(shown.of_action(action))


@click.command()
@click.argument("file", type=FILE)
@click.option("--preset", help="A preset of the server's; without it and --recipe: default.")
@click.option("--recipe", type=FILE, help="A file with a recipe in JSON.")
@click.option("--focus", type=POINT, metavar="X,Y", help="The point to keep, where a recipe asks for it.")
@served
def explain(
    client: Client,
    report: Report,
    file: Path,
    preset: str | None,
    recipe: Path | None,
    focus: tuple[float, float] | None,
) -> None:
    """Tell what a preset or recipe would do to FILE, without doing it."""
    asked = recipe_of(preset, recipe)
    with report.faults_of(file):
        answer = client.explain(file, preset=preset, recipe=asked, focus=focus)
        report.data(answer)
        if not report.as_json:
            shown.show_explanation(answer)


@click.command()
@click.argument("file", type=FILE)
@served
def audit(client: Client, report: Report, file: Path) -> int:
    """Say of each receipt in FILE whether the promise was kept.

    ended, unfinished: the job is there. purged, expired: it was removed, on request or by age. lost: it was promised
    and is nowhere. forged: this server signed no such receipt. Exit status 1 if any is lost or forged.
    """
    texts = receipt_files.read(file)
    verdicts = client.audit(texts)
    told = list(zip(texts, verdicts, strict=True))
    for text, verdict in told:
        report.data({"receipt": text, "verdict": verdict})
    if not report.as_json:
        report.out.print(_audit_table(verdicts))
    for text, verdict in told:
        if verdict in BROKEN:
            report.line(f"{verdict}: {text}")
    return int(any(verdict in BROKEN for verdict in verdicts))


def _audit_table(verdicts: list[str]) -> Table:
    counts = Counter(verdicts)
    table = Table("verdict", "receipts", box=None)
    for verdict in VERDICTS:
        table.add_row(verdict, str(counts[verdict]))
    return table
