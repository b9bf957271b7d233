"""The parts of the docs that are generated from code: `python -m tests.support.house.docs` writes them.

tests/test_docs.py fails if they differ.
"""

import ast
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from host.log.events import ALL as ROLES
from host.log.events import EVENTS, OF_JOBS, OF_PARTS, OF_PROCESSES, OF_REQUESTS
from host.settings.bounds import BOUNDS, CHOICES
from host.settings.described import ALL, DESCRIBED, MAIN
from host.settings.settings import Settings
from jobs.figures.cluster import LAYOUT
from jobs.figures.layout import MARK, Family
from jobs.job import ENDED, TRANSITIONS
from jobs.webhooks.schedule import JITTER, SCHEDULE
from tests.support.api import http
from tests.support.house.wings import ARROWS, arrows_of_files, arrows_of_folders, reduced
from web.metrics.cluster import FAMILIES as CLUSTER
from web.metrics.exposition import SUFFIX
from web.metrics.families import OWN, layout
from web.routes import TITLES

ROOT = Path(__file__).resolve().parents[3]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
SETTINGS = ROOT / "docs" / "settings.md"
HTTP = ROOT / "docs" / "http.md"
METRICS = ROOT / "docs" / "metrics.md"
WEBHOOKS = ROOT / "docs" / "webhooks.md"
LOGS = ROOT / "docs" / "logs.md"
_TOLD = "web/views"


def state_diagram() -> str:
    """The states and their arrows as Mermaid text."""
    arrows = [(state, after) for state in TRANSITIONS for after in sorted(TRANSITIONS[state])]
    lines = ["stateDiagram-v2", "    [*] --> queued", "    [*] --> failed: quarantined"]
    lines += [f"    {state} --> {after}" for state, after in arrows]
    lines += [f"    {state} --> [*]" for state in TRANSITIONS if state in ENDED]
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


def sources() -> dict[str, str]:
    """Every file of the wings, by path."""
    files = sorted(path for folder in ARROWS for path in (ROOT / folder).glob("*.py"))
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in files}


def schedule_table() -> str:
    """The attempts of a delivery: when each begins, after the end of the one before and after the first one."""
    lines, whole = ["| attempt | after the one before | after the first |", "|---|---|---|"], 0.0
    for number, seconds in enumerate(SCHEDULE, 1):
        whole += seconds
        lines.append(f"| {number} | {_length(seconds) if number > 1 else 'at once'} | {_length(whole)} |")
    share = (
        f"\nEach wait is up to {JITTER:.0%} longer, so that the events of an outage do not come back at one moment.\n"
    )
    return "\n".join(lines) + "\n" + share


def _length(seconds: float) -> str:
    """Seconds in words."""
    parts = [(int(seconds // 3600), "h"), (int(seconds % 3600 // 60), "min"), (int(seconds % 60), "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def events_tables() -> str:
    """Every word that begins a line of the log, in four tables."""
    kinds = {"jobs": OF_JOBS, "requests": OF_REQUESTS, "processes": OF_PROCESSES, "parts": OF_PARTS}
    assert sum(map(len, kinds.values())) == len(EVENTS)
    head, lines = "| event | level | written by | meaning | what to do |", list[str]()
    for kind, events in kinds.items():
        lines += ["", f"### Of {kind}", "", head, "|---|---|---|---|---|"]
        for word, event in events.items():
            roles = "all" if event.roles == ROLES else ", ".join(event.roles)
            lines.append(_row(f"`{word}`", event.level, roles, event.text, event.action))
    return "\n".join(lines[1:]) + "\n"


def wings_table() -> str:
    """A line for each wing: the first sentence of its __init__.py."""
    lines = ["| folder | what belongs there |", "|---|---|"]
    for folder in ARROWS:
        words = (ast.get_docstring(ast.parse((ROOT / folder / "__init__.py").read_text())) or "").split("\n\n")[0]
        lines.append(f"| `{folder}/` | {' '.join(words.split())} |")
    return "\n".join(lines) + "\n"


def wings_diagram() -> str:
    """The arrows within each package and between the packages, as Mermaid text. An arrow that is implied by others is
    not drawn."""
    folders = arrows_of_folders(arrows_of_files(sources()))
    packages: dict[str, set[str]] = {}
    lines = ["flowchart TD"]
    for top in dict.fromkeys(_top(folder) for folder in ARROWS):
        own = {
            folder: {to for to in folders[folder] if _top(to) == top}
            for folder in sorted(folders)
            if _top(folder) == top
        }
        packages[top] = {_top(to) for folder in own for to in folders[folder]} - {top}
        lines += [f'    subgraph {top}_all["{top}"]', *(f'        {_node(folder)}["{folder}/"]' for folder in own)]
        lines += [
            f"        {_node(folder)} --> {_node(to)}" for folder, tos in reduced(own).items() for to in sorted(tos)
        ]
        lines += ["    end"]
    lines += [f"    {top}_all --> {to}_all" for top, tos in reduced(packages).items() for to in sorted(tos)]
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


def settings_table() -> str:
    """Every setting: default, unit, allowed values, readers, meaning."""
    lines = ["| name | default | unit | allowed | read by | meaning |", "|---|---|---|---|---|---|"]
    for name, (unit, roles, text) in DESCRIBED.items():
        readers = "all" if roles == ALL else ", ".join(roles) or "none"
        cells = f"`{name.upper()}`", _default(name), unit, _allowed(name), readers
        lines.append(_row(*cells, text.replace("](docs/", "](")))
    return "\n".join(lines) + "\n"


def main_settings_table() -> str:
    """The settings that most people set."""
    texts = {name: DESCRIBED[name].text.replace("](docs/", "](") for name in MAIN}
    rows = [_row(f"`{name.upper()}`", _default(name), text) for name, text in texts.items()]
    return "\n".join(["| name | default | meaning |", "|---|---|---|", *rows]) + "\n"


def web_metrics_table() -> str:
    """The metrics of web, by the names that a query has."""
    return _metrics_table([family for family in layout(TITLES).families if family.kind != MARK] + [*OWN.values()])


def cluster_metrics_table() -> str:
    """The metrics of the cluster."""
    return _metrics_table([*CLUSTER.values(), *LAYOUT.families])


def _metrics_table(families: Iterable[Family]) -> str:
    lines = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for family in families:
        suffix = SUFFIX.get(family.kind, "")
        labels = ", ".join(f"`{label}`" for label in family.labels)
        lines.append(_row(f"`{family.name}{suffix}`", family.kind, labels, family.help))
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


def _default(name: str) -> str:
    """As one would write it into the environment."""
    value = next(field.default for field in msgspec.structs.fields(Settings) if field.name == name)
    if isinstance(value, bool):
        value = int(value)
    text = f"{value:.15g}" if isinstance(value, float) else str(value)
    return text and f"`{text}`"


def _allowed(name: str) -> str:
    if name in CHOICES:
        return ", ".join(f"`{choice}`" if choice else "empty" for choice in CHOICES[name])
    if name in BOUNDS:
        least, most = BOUNDS[name]
        return f"{least:.15g} to {most:.15g}"
    fields = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    return "`0`, `1`" if fields[name] is bool else ""


def _top(folder: str) -> str:
    return folder.split("/")[0]


def _node(folder: str) -> str:
    return folder.replace("/", "_")


PARTS: dict[Path, dict[str, tuple[str, Callable[[], str]]]] = {
    ARCHITECTURE: {
        "states": ("jobs.job.TRANSITIONS", state_diagram),
        "arrows": ("the imports", wings_diagram),
        "wings": ("the docstring of each folder's __init__.py", wings_table),
    },
    SETTINGS: {
        "main settings": ("host/settings", main_settings_table),
        "settings": ("host/settings", settings_table),
    },
    METRICS: {
        "metrics of web": ("web/metrics/families.py", web_metrics_table),
        "metrics of the cluster": ("jobs/figures/cluster.py", cluster_metrics_table),
    },
    LOGS: {"events": ("host/log/events.py", events_tables)},
    WEBHOOKS: {"schedule": ("jobs/webhooks/schedule.py", schedule_table)},
    HTTP: {
        "table of routes": ("web/routes.py", http.routes_table),
        "fields": ("web/api/parameters.py", http.fields_table),
        "headers": ("web/api/headers.py", http.headers_table),
        "promise": (_TOLD, http.promise_table),
        "job": (_TOLD, http.job_tables),
        "states": ("jobs.job.State", http.states_table),
        "ends": ("jobs.job.Code", http.ends_table),
        "batch": (_TOLD, http.batch_table),
        "delivery": (_TOLD, http.delivery_table),
        "action": (_TOLD, http.action_table),
        "events": ("web/api/codes.py", http.events_table),
        "stats": (_TOLD, http.stats_table),
        "history": (_TOLD, http.history_tables),
        "codes": ("web/http/problems.py", http.codes_table),
        "routes": ("web/routes.py", http.routes_details),
    },
}
"""By page, its generated parts: the name of each, its source in words, and the function that makes it."""


def with_parts(page: Path) -> str:
    """The text of a page, with its generated parts as they are now."""
    text = page.read_text()
    for name, (source, made) in PARTS[page].items():
        begin = f"<!-- {name}: made of {source} by `python -m tests.support.house.docs` -->\n"
        end = f"<!-- end of {name} -->\n"
        before, _, rest = text.partition(begin)
        text = before + begin + made() + end + rest.partition(end)[2]
    return text


if __name__ == "__main__":
    for page in PARTS:
        page.write_text(with_parts(page))
