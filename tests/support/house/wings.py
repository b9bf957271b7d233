"""The wings of the house: which folder may import which others, and how that is read from the code.

ARROWS is the list that tests/test_tidy.py holds: an arrow that is not in it is a fault, and so is one that no file has.
What belongs in a wing says the docstring of its __init__.py. Pure: sources in, graphs out; imports under
TYPE_CHECKING and within functions count as all others do.
"""

import ast
from collections.abc import Iterable, Mapping

from tests.support.house.tidy import imports

Graph = dict[str, set[str]]
FILES_MAX = 14
"""Limit of files in one folder, without __init__.py and subfolders."""

ARROWS = {
    "jobs": "",
    "jobs/access": "jobs jobs/recipes",
    "jobs/figures": "jobs jobs/images",
    "jobs/images": "jobs",
    "jobs/images/kept": "jobs/images",
    "jobs/recipes": "jobs jobs/images jobs/recipes/values",
    "jobs/recipes/values": "jobs/images",
    "jobs/requests": "jobs jobs/recipes",
    "jobs/session": "jobs/wire",
    "jobs/webhooks": "jobs",
    "jobs/wire": "jobs",
    "host": "",
    "host/egress": "jobs jobs/requests",
    "host/files": "host/process host/settings jobs jobs/images jobs/recipes",
    "host/log": "host/settings jobs",
    "host/process": "",
    "host/settings": "host/egress host/process jobs jobs/access jobs/images",
    "host/tracing": "host/settings jobs",
    "host/sockets": "host/files host/process host/settings jobs jobs/access jobs/session jobs/wire",
    "stores": (
        "host/files host/log host/settings jobs stores/blobs stores/blobs/s3 stores/cache stores/ledger "
        "stores/ledger/postgres"
    ),
    "stores/move": ("host/files host/log host/settings jobs stores stores/blobs stores/ledger stores/ledger/postgres"),
    "stores/blobs": "host/files jobs",
    "stores/blobs/s3": "host/settings jobs stores/blobs",
    "stores/cache": "host/process host/settings jobs",
    "stores/ledger": "host/files jobs stores/ledger/deliveries",
    "stores/ledger/deliveries": "jobs",
    "stores/ledger/postgres": "jobs stores/ledger stores/ledger/deliveries",
    "broker": (
        "broker/core broker/core/books broker/flight broker/frames host/files host/log host/process host/settings "
        "host/sockets jobs jobs/figures jobs/wire stores stores/ledger"
    ),
    "broker/core": "broker/core/audit broker/core/books broker/core/strangers jobs jobs/webhooks jobs/wire",
    "broker/core/audit": "broker/core/books jobs jobs/wire",
    "broker/core/strangers": "broker/core/audit broker/core/books jobs jobs/figures jobs/recipes jobs/wire",
    "broker/core/books": "broker/core/couriers broker/core/figures broker/core/hours jobs jobs/webhooks jobs/wire",
    "broker/core/couriers": "jobs jobs/figures jobs/webhooks jobs/wire",
    "broker/core/figures": "jobs jobs/figures jobs/wire",
    "broker/core/hours": "jobs",
    "broker/flight": "broker/core broker/core/books broker/frames jobs jobs/wire stores stores/ledger",
    "broker/frames": "broker/core/books broker/core/couriers host/sockets jobs jobs/webhooks jobs/wire",
    "web": (
        "host/files host/log host/process host/settings host/sockets host/tracing jobs jobs/access jobs/requests "
        "jobs/webhooks web/access web/api web/broker web/handlers web/http web/making web/metrics web/uploads "
        "web/views"
    ),
    "web/access": (
        "host/egress host/files host/process host/settings host/sockets host/tracing jobs jobs/access jobs/recipes "
        "jobs/requests jobs/wire stores stores/blobs stores/ledger web/broker web/http web/metrics web/streams "
        "web/views"
    ),
    "web/api": "jobs jobs/access jobs/recipes jobs/webhooks web/access web/api/shown web/handlers web/http web/views",
    "web/api/shown": "",
    "web/broker": "host/process host/sockets jobs jobs/wire stores/ledger",
    "web/handlers": (
        "host/egress host/settings jobs jobs/access jobs/images jobs/recipes jobs/requests jobs/wire stores/blobs "
        "stores/ledger web/access web/broker web/http web/metrics web/streams web/uploads web/views"
    ),
    "web/http": "host/process jobs jobs/requests",
    "web/making": (
        "host/egress jobs jobs/access jobs/requests jobs/wire web/access web/broker web/handlers web/http "
        "web/metrics web/uploads web/views"
    ),
    "web/metrics": "host/files jobs jobs/figures jobs/wire web/http",
    "web/streams": "jobs jobs/wire web/broker web/http web/views",
    "web/uploads": (
        "host/egress host/settings host/tracing jobs jobs/access jobs/images jobs/recipes jobs/requests jobs/wire "
        "stores/blobs stores/ledger web/access web/broker web/http web/metrics web/views"
    ),
    "web/views": "host/egress jobs jobs/access jobs/images jobs/recipes jobs/wire web/broker",
    "worker": "host/files host/log host/process host/settings worker/keeper",
    "worker/boundary": "jobs jobs/images jobs/recipes",
    "worker/core": "jobs jobs/session jobs/wire",
    "worker/decoder": "host/process host/settings jobs jobs/images jobs/recipes worker/boundary worker/images",
    "worker/images": (
        "jobs jobs/images jobs/images/kept jobs/recipes jobs/recipes/values worker/images/colours "
        "worker/images/facts worker/images/formats worker/images/kept worker/images/looks"
    ),
    "worker/images/facts": "jobs jobs/images worker/images/colours worker/images/formats",
    "worker/images/colours": "jobs jobs/images worker/images/formats",
    "worker/images/formats": "host/settings jobs jobs/images jobs/recipes jobs/recipes/values",
    "worker/images/kept": "jobs/images jobs/images/kept jobs/recipes worker/images/formats",
    "worker/images/looks": "jobs/images jobs/recipes worker/images/colours worker/images/formats",
    "worker/keeper": (
        "host/files host/process host/settings host/sockets host/tracing jobs jobs/images jobs/recipes jobs/wire "
        "stores stores/blobs stores/cache worker/boundary worker/core"
    ),
    "courier": (
        "courier/core host/egress host/files host/log host/process host/settings host/sockets host/tracing jobs "
        "jobs/images jobs/webhooks jobs/wire stores stores/blobs"
    ),
    "courier/core": "jobs jobs/session jobs/wire",
    "supervisor": "host/files host/log host/process host/settings host/sockets jobs supervisor/core",
    "supervisor/core": "",
    "pixmill": "pixmill/client pixmill/commands pixmill/core pixmill/server",
    "pixmill/client": "pixmill/core",
    "pixmill/commands": "pixmill/client pixmill/commands/folders pixmill/commands/logfiles pixmill/core",
    "pixmill/commands/logfiles": "",
    "pixmill/commands/folders": "pixmill/core",
    "pixmill/core": "",
    "pixmill/server": "",
    "pixmill/testing": "host/egress jobs jobs/images jobs/recipes jobs/requests pixmill pixmill/client pixmill/server",
    "bench": (
        "bench/parts bench/peers bench/peers/whole host/files host/process host/settings jobs jobs/images jobs/recipes "
        "jobs/requests jobs/wire stores/blobs tests/support/clusters tests/support/pictures web/access web/handlers "
        "web/http web/uploads worker/boundary worker/keeper"
    ),
    "bench/beside": "bench/parts bench/peers bench/peers/whole tests/support/clusters tests/support/pictures",
    "bench/causes": "bench bench/parts jobs tests/support/clusters",
    "bench/courier": "bench/parts jobs pixmill stores/ledger tests/support/clusters",
    "bench/floors": (
        "broker broker/core host/files host/process host/settings jobs jobs/recipes jobs/wire stores stores/ledger "
        "worker/core worker/images"
    ),
    "bench/metrics": "bench bench/parts tests/support/clusters tests/support/pictures",
    "bench/parts": (
        "host/files host/process host/settings jobs jobs/recipes jobs/wire stores/blobs tests/support/clusters "
        "tests/support/pictures tests/support/servers worker/boundary worker/keeper"
    ),
    "bench/peers": "host/process jobs/images jobs/recipes worker/images worker/images/formats",
    "bench/peers/load": "",
    "bench/peers/programs": "bench/peers",
    "bench/peers/whole": "host/process jobs tests/support/clusters tests/support/servers",
    "bench/recipes": "bench/parts host/process jobs jobs/recipes tests/support/pictures worker/images",
    "bench/stores": "bench/parts tests/support/clusters tests/support/servers",
    "torture": (
        "bench/parts host/files jobs jobs/wire pixmill tests/support/clusters tests/support/harnesses "
        "tests/support/pictures torture/planted torture/planted/clients torture/planted/outside "
        "torture/planted/pictures torture/planted/strangers web"
    ),
    "torture/chaos": "bench/parts jobs pixmill stores/ledger tests/support/clusters",
    "torture/courier": "bench/parts pixmill tests/support/clusters tests/support/servers",
    "torture/servers": (
        "bench/parts jobs pixmill stores/cache tests/support tests/support/clusters tests/support/servers "
        "torture/standby"
    ),
    "torture/hosts": "bench/parts host/sockets jobs/wire pixmill tests/support/clusters tests/support/servers",
    "torture/planted": "",
    "torture/planted/clients": "torture/planted",
    "torture/planted/outside": "torture/planted",
    "torture/planted/pictures": "torture/planted",
    "torture/planted/strangers": "torture/planted",
    "torture/recipes": "bench/parts jobs jobs/recipes tests/support/clusters",
    "torture/standby": "bench/parts pixmill tests/support/clusters tests/support/servers",
    "torture/upgrade": "bench/parts tests/support/clusters",
    "torture/uploads": "bench/parts host/process pixmill tests/support/clusters",
}


def folder_of(path: str) -> str:
    """The wing of a file."""
    return path.rpartition("/")[0]


def module_of(path: str) -> str:
    """The full name of the module at `path`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def arrows_of_files(sources: Mapping[str, str]) -> Graph:
    """Which files each file imports, by path."""
    paths = {module_of(path): path for path in sources}
    graph: Graph = {path: set() for path in sources}
    for path, source in sources.items():
        for _, name in imports(path, ast.parse(source)):
            to = paths.get(name) or paths.get(name.rpartition(".")[0])
            if to and to != path:
                graph[path].add(to)
    return graph


def arrows_of_folders(files: Mapping[str, Iterable[str]]) -> Graph:
    """The same for folders: which other folders their own files import."""
    graph: Graph = {}
    for path, others in files.items():
        graph.setdefault(folder_of(path), set()).update(folder_of(other) for other in others)
    return {folder: others - {folder} for folder, others in graph.items()}


def circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Every set of files or folders that reach each other (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in graph:
        if node not in index:
            visit(node)
    return found


def reduced(graph: Mapping[str, Iterable[str]]) -> Graph:
    """The graph without arrows that are implied by others, for a drawing. `graph` must have no circle."""
    reach: Graph = {}

    def reached(node: str) -> set[str]:
        if node not in reach:
            reach[node] = {far for other in graph.get(node, ()) for far in (other, *reached(other))}
        return reach[node]

    return {
        node: {to for to in others if not any(to in reached(other) for other in others if other != to)}
        for node, others in graph.items()
    }
