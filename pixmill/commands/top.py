"""`pixmill top`: the cluster in numbers, as it tells them each second, until Ctrl-C."""

import click
from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from pixmill.client.blocking import Client
from pixmill.commands import shown
from pixmill.commands.options import served
from pixmill.commands.report import Report
from pixmill.core.events import Beat


@click.command()
@served
def top(client: Client, report: Report) -> int:
    """Show the queue and the workers, live, until Ctrl-C. With --json each second is an object."""
    with Live(Text(""), console=report.out, auto_refresh=False, transient=True) as live:
        try:
            for event in client.follow():
                if isinstance(event, Beat):
                    report.data(event.raw)
                    _show(live, shown.of_stats(event.stats), report)
        except KeyboardInterrupt:
            return 0
    return 0


def _show(live: Live, what: RenderableType, report: Report) -> None:
    if report.as_json:
        return
    if report.out.is_terminal:
        live.update(what, refresh=True)
    else:
        report.out.print(what)
