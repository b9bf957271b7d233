"""The commands that change something: cancel, requeue, pause, resume; deliveries of webhooks, and their replay."""

from collections.abc import Callable, Sequence
from itertools import islice

import click
from rich.text import Text

from pixmill.client.blocking import Client
from pixmill.commands.options import served
from pixmill.commands.report import Report, label
from pixmill.core.answers import Delivery, Job

STATES = ("waiting", "delivered", "failed", "stopped")
TYPES = ("job.done", "job.failed", "job.dead", "job.cancelled", "batch.ended")
STYLES = {"delivered": "green", "failed": "red", "stopped": "yellow"}
_state = click.option("--state", type=click.Choice(STATES), help="Only deliveries in this state.")
_job = click.option("--job", metavar="ID", help="Only those of this job.")
_type = click.option("--type", "type_", type=click.Choice(TYPES), help="Only events of this type.")
_tenant = click.option("--tenant", metavar="NAME", help="Only this tenant's jobs.")
_since = click.option("--since", metavar="TIME", help="Only those created since, as 2030-12-31T12:00:00Z.")


@click.command()
@click.argument("jobs", nargs=-1, required=True, metavar="ID...")
@served
def cancel(client: Client, report: Report, jobs: tuple[str, ...]) -> None:
    """Cancel jobs that have not ended."""
    _each(jobs, client.cancel, report)


@click.command()
@click.argument("jobs", nargs=-1, required=True, metavar="ID...")
@served
def requeue(client: Client, report: Report, jobs: tuple[str, ...]) -> None:
    """Run failed, dead or cancelled jobs once more."""
    _each(jobs, client.requeue, report)


@click.command()
@_tenant
@served
def pause(client: Client, report: Report, tenant: str | None) -> None:
    """Stop dispatch: uploads go on, and jobs wait, also over restarts."""
    _told(client.pause(tenant), report, tenant)


@click.command()
@_tenant
@served
def resume(client: Client, report: Report, tenant: str | None) -> None:
    """Start dispatch again."""
    _told(client.resume(tenant), report, tenant)


@click.command()
@_state
@_job
@_type
@_since
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@served
def deliveries(
    client: Client, report: Report, state: str | None, job: str | None, type_: str | None, since: str | None, limit: int
) -> None:
    """List what receivers were told (webhooks), the newest first."""
    for delivery in islice(client.deliveries(state=state, job=job, type=type_, since=since), limit):
        _tell(delivery, report)


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@_state
@_job
@_type
@_since
@click.option("--all", "everything", is_flag=True, help="All of them; needed without a filter.")
@click.option("--dry-run", is_flag=True, help="Only count those that match.")
@served
def replay(
    client: Client, report: Report, ids: tuple[str, ...], state: str | None, job: str | None, type_: str | None,
    since: str | None, everything: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Try deliveries again: those of these IDs, or all that match."""
    filters = (state, job, type_, since)
    if ids and (everything or dry_run or any(filters)):
        raise click.UsageError("give IDs, or filters, and not both")
    if not ids and not (everything or dry_run or any(filters)):
        raise click.UsageError("give IDs, a filter, or --all")
    for delivery in ids:
        with report.faults_of(delivery):
            _tell(client.replay(delivery), report)
    if not ids:
        done = client.replay_all(
            state=state, job=job, type=type_, since=since, everything=everything, dry_run=dry_run
        )  # fmt: skip
        report.data(done.raw)
        report.line(f"{done.matched} match, {done.changed} are tried again")


def _each(jobs: Sequence[str], change: Callable[[str], Job], report: Report) -> None:
    for job in jobs:
        with report.faults_of(job):
            report.job(change(job))


def _told(paused: bool, report: Report, tenant: str | None) -> None:
    report.data({"paused": paused} if tenant is None else {"paused": paused, "tenant": tenant})
    whose = "" if tenant is None else f"{tenant} is "
    report.line(f"{whose}paused: accepted jobs wait" if paused else f"{whose}not paused")


def _tell(delivery: Delivery, report: Report) -> None:
    line = Text.assemble(delivery.id, " ", (f"{delivery.state:<9}", STYLES.get(delivery.state, "")), " ", delivery.type)
    line.append(f"  {delivery.job or delivery.batch}  {label(delivery.url)}  attempts {delivery.attempts}")
    if delivery.error:
        line.append(f"  {label(delivery.error)}")
    report.line(line)
    report.data(delivery.raw)
