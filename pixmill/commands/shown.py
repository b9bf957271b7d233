"""Answers as a person reads them: a job, a preset, the cluster in numbers, an explanation. Speaks to no server."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pixmill.commands.report import STYLES, label
from pixmill.core.answers import Action, Info, Job, Stats

DECODED = "the original"
UNKNOWN = "by its pixels"


def of_job(job: Job) -> Iterator[Text]:
    """A job in lines: what it is, its renditions, what happened to it."""
    yield Text.assemble(job.id, " ", (job.state, STYLES.get(job.state, "")), " ", label(job.filename))
    if job.error:
        yield Text(f"  {label(job.error.code)}: {label(job.error.detail)}")
    named: dict[str, object] = {
        "preset": job.preset,
        "reference": job.reference,
        "attempts": job.attempts,
        "accepted": job.accepted_at,
    }
    named |= {"ended": job.ended_at, "place in the queue": job.queue_position, "expected in s": job.eta_seconds}
    yield from (Text(f"  {name}: {label(value)}") for name, value in named.items() if value is not None)
    original = job.original
    yield Text(f"  original: {original.format} {original.width} x {original.height}, {original.bytes:,} bytes")
    if original.info is not None:
        yield Text(f"  facts: {_facts(original.info)}")
    for each in job.renditions:
        yield Text(f"  {each.name}: {each.format} {each.width} x {each.height}, {each.bytes:,} bytes  {each.url}")
    for entry in job.timeline:
        more = " ".join(label(part) for part in (entry.worker, entry.detail) if part)
        yield Text(f"  {entry.at}  {entry.event:<10} {more}".rstrip())


def _facts(info: Info) -> str:
    """The facts that are known, in a line."""
    found = {name: value for name, value in info.raw.items() if value not in (None, False, [], 0)}
    return "  ".join(f"{label(name)}={label(value)}" for name, value in found.items())


def of_preset(name: str, recipe: Mapping[str, Any]) -> str:
    """A preset and its renditions, in a line."""
    made = [
        f"{each['name']} ({each.get('width') or '-'} x {each.get('height') or '-'})" for each in recipe["renditions"]
    ]
    return f"{label(name)}: {', '.join(made)}"


def of_action(action: Action) -> str:
    """A command that was carried out, in a line: when, by whom, what, how many, and what it named."""
    named = "  ".join(f"{label(name)}={label(value)}" for name, value in action.filter.items())
    return f"{action.at}  {label(action.who or '-'):<8}  {label(action.verb):<7}  {action.count:>6}  {named}".rstrip()


def of_stats(stats: Stats) -> RenderableType:
    """The cluster in numbers."""
    queue, rates = stats.queue, stats.rates
    waits = "" if queue.wait_seconds is None else f", a new one waits for {queue.wait_seconds:.1f} s"
    lines = [
        f"queue: {queue.depth} jobs{waits}{', paused' if queue.paused else ''}",
        *([f"paused tenants: {', '.join(map(label, queue.paused_tenants))}"] if queue.paused_tenants else []),
        f"in the last minute: {rates.accepted_per_minute:.0f} accepted, {rates.ended_per_minute:.0f} ended",
        "  ".join(f"{state} {count}" for state, count in stats.jobs.items()),
    ]
    table = Table("worker", "state", "jobs", "the first one's seconds", box=None, pad_edge=False)
    for worker in stats.workers:
        seconds = next((held.seconds for held in worker.jobs if held.seconds is not None), None)
        since = "" if seconds is None else f"{seconds:.1f}"
        name = label(worker.name) if worker.kind == "images" else f"{worker.kind} {label(worker.name)}"
        table.add_row(Text(name), worker.state, f"{len(worker.jobs)} of {worker.capacity}", since)
    return Group(*map(Text, lines), table)


def show_explanation(answer: Mapping[str, Any], console: Console | None = None) -> None:
    """Print the answer of POST /recipes/explain: one table, the sum, the warnings."""
    console = console or Console(highlight=False)
    original, plan = answer["original"], answer["plan"]
    decode, expected = plan["decode"], plan["expected"]
    console.print(
        f"{original['format']} {original['width']} x {original['height']}, {original['bytes']:,} bytes: "
        f"decoded at 1/{decode['scale']}, {decode['width']} x {decode['height']}"
    )
    console.print(_table(plan["renditions"]))
    console.print(f"expected: {expected['cpu_ms']:.0f} ms of a core, {expected['peak_bytes'] / 1e6:.0f} MB")
    for warning in plan["warnings"]:
        console.print(f"{warning['rendition']}: {warning['detail']}", style="yellow", soft_wrap=True)


def _table(renditions: list[dict[str, Any]]) -> Table:
    table = Table("rendition", "format", "sides", "of", "box", "ms", box=None, pad_edge=False)
    for one in renditions:
        sides, part = UNKNOWN, UNKNOWN
        if one["width"] is not None:
            sides = f"{one['width']} x {one['height']}"
        if (box := one["box"]) is not None:
            part = f"{box['width']:g} x {box['height']:g} at {box['left']:g}, {box['top']:g}"
        source = one["derived_from"] or DECODED
        table.add_row(one["name"], one["format"], sides, source, part, f"{one['cpu_ms']:g}")
    return table
