"""The rules that hold for the whole tree, as functions from source text to faults.

Architecture is a test (tests/test_tidy.py): the arrows between folders, one file for each driver, no broad
except, no sleeping unit test, a docstring on every module.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

ROLES = ("broker", "web", "worker", "courier", "supervisor")
PACKAGES = {"jobs", "host", "stores", "pixmill", "bench", "torture", "tests", *ROLES}
MAY_IMPORT = {"jobs": {"jobs"}, "host": {"jobs", "host"}, "stores": {"jobs", "host", "stores"}, "pixmill": {"pixmill"}}
MAY_IMPORT |= {role: {"jobs", "host", "stores", role} for role in ROLES}
"""Which packages of ours each package of ours may import; bench, torture and tests may import all."""
BORROWING = {"pixmill/testing/rules.py": {"jobs", "host"}}
"""The files that load pure modules of the roles from the folder where a wheel carries them."""

IMPURE = {"asyncio", "logging", "os", "random", "secrets", "select", "selectors", "socket", "subprocess", "threading"}
IMPURE |= {"time", "uuid"}
"""Modules of the standard library that a pure module must not import: clock, randomness, log, machine."""

DRIVERS = {
    "zmq": {
        "broker/sockets.py",
        "web/broker/link.py",
        "host/sockets/line.py",
        "host/sockets/curve.py",
        "host/sockets/readiness.py",
    },
    "redis": {"stores/cache/redis.py"},
    "sqlite3": {"stores/ledger/sqlite.py", "stores/ledger/sqlite_reader.py", "pixmill/commands/state.py"},
    "psycopg": {"stores/ledger/postgres/connection.py"},
    "python_multipart": {"web/http/multipart.py"},
    "uvicorn": {"web/server.py", "web/http/connection.py", "web/http/proxies.py"},
    "h11": {"host/egress/conversation.py"},
    "httptools": {"web/http/connection.py"},
    "uvloop": {"web/server.py", "web/__main__.py"},
    "httpx2": {"pixmill/client/", "pixmill/testing/"},
    "click": {"pixmill/words.py", "pixmill/commands/"},
    "rich": {"pixmill/words.py", "pixmill/commands/"},
    "pi_heif": {"worker/images/formats/heic.py"},
    "pyvips": {"worker/images/formats/vips.py"},
    "obstore": {"stores/blobs/s3/driver.py", "stores/blobs/s3/credentials.py"},
    "opentelemetry": {"host/tracing/"},
    "PIL": {"worker/images/"},
    "prometheus_client": {"web/metrics/exposition.py"},
}
"""The files, or folders of them, that may import a third-party module or a driver (bench, tests and test-data
apart)."""


STORE = re.compile(r"stores\.(ledger|blobs|cache)\.[a-z]")
"""A module of one store: the roles get its contract, opened by stores/opening.py."""

PURE = {
    "broker/frames/budget.py", "host/egress/addresses.py", "host/egress/proxies.py",
    "host/log/events.py", "host/log/lines.py", "host/log/plain.py", "host/log/repeats.py",
    "host/egress/receivers.py", "host/egress/sources.py", "host/settings/bounds.py",
    "host/settings/brokers.py", "host/settings/buckets.py", "host/settings/couriers.py",
    "host/settings/cache_url.py",
    "host/settings/settings.py", "host/sockets/listing.py", "stores/cache/breaker.py", "web/broker/forecast.py",
}  # fmt: skip
"""Pure modules outside the domain and the cores."""
PURE_MODULES = tuple(path.removesuffix("py").replace("/", ".") for path in sorted(PURE))


def core_of(path: str) -> str:
    """The core of a pure module, which it may import beside jobs."""
    folders = PurePosixPath(path).parts[:-1]
    return ".".join(folders[: folders.index("core") + 1]) if "core" in folders else "jobs"


def is_pure(path: str) -> bool:
    """Whether `path` must be pure: it is in jobs/, in a core, or in PURE."""
    folders = PurePosixPath(path).parts[:-1]
    return path in PURE or folders[:1] == ("jobs",) or (folders[:1] != ("tests",) and "core" in folders)


def imports(path: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, full module name) of every import in a module, lazy ones included."""
    package = PurePosixPath(path).parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            module = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def import_faults(path: str, tree: ast.Module) -> Iterator[str]:
    """Imports that the arrows between folders do not allow."""
    package = path.split("/")[0]
    for line, name in imports(path, tree):
        top = name.split(".")[0]
        where = f"{path}:{line}: imports {name}"
        if is_pure(path):
            own_core = core_of(path)
            allowed = top in {"msgspec", "jobs"} or (name + ".").startswith((own_core + ".", *PURE_MODULES))
            if not allowed and (top not in sys.stdlib_module_names or top in IMPURE):
                yield f"{where} in a pure module"
        elif top in PACKAGES and top not in MAY_IMPORT.get(package, PACKAGES) | BORROWING.get(path, set()):
            yield f"{where} against the arrows"
        if package in MAY_IMPORT and top in DRIVERS and not path.startswith(tuple(DRIVERS[top])):
            yield f"{where}, which is for {', '.join(sorted(DRIVERS[top]))}"
        if package in ROLES and STORE.match(name):
            yield f"{where}, which is for stores/opening.py"
        if package in MAY_IMPORT and top == "starlette" and package != "web":
            yield f"{where} outside web"


def except_faults(path: str, tree: ast.Module) -> Iterator[str]:
    """Handlers that catch everything and do not raise it again; contextlib.suppress counts, too."""
    for node in ast.walk(tree):
        caught: list[ast.expr | None] = []
        if isinstance(node, ast.ExceptHandler) and not _passed_on(node):
            caught = list(node.type.elts) if isinstance(node.type, ast.Tuple) else [node.type]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            caught = list(node.args)
        for one in caught:
            if one is None or ast.unparse(one).split(".")[-1] in ("Exception", "BaseException"):
                yield f"{path}:{one.lineno if one else getattr(node, 'lineno', 0)}: catches everything"


def _passed_on(handler: ast.ExceptHandler) -> bool:
    """Whether a handler ends by raising what it caught again, or hands it to a future."""
    last = ast.unparse(handler.body[-1])
    return last == "raise" or last.endswith((f".set_exception({handler.name})", f".set_exception, {handler.name})"))


def sleep_faults(path: str, tree: ast.Module) -> Iterator[str]:
    """Sleeps in tests without real processes, where none is allowed."""
    if path.startswith(("tests/unit/", "tests/properties/", "tests/simulation/")):
        for node in ast.walk(tree):
            sleeps = isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "sleep"
            if sleeps and not ast.unparse(node).endswith("sleep(0)"):  # which only lets other tasks run
                yield f"{path}:{getattr(node, 'lineno', 0)}: sleeps"


def bound_faults(path: str, tree: ast.Module) -> Iterator[str]:
    """Programs that a test runs with a bound that does not stretch on a loaded machine."""
    if path.startswith("tests/"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "subprocess.run":
                bounds = [each.value for each in node.keywords if each.arg == "timeout"]
                if any(isinstance(bound, ast.Constant) for bound in bounds):
                    yield f"{path}:{node.lineno}: bounds a program without `stretched`"


def faults(path: str, source: str) -> list[str]:
    """Everything that is wrong with the module at `path` (relative to the root, with slashes)."""
    tree = ast.parse(source)
    found = [] if ast.get_docstring(tree) else [f"{path}: has no docstring"]
    rules = (import_faults, except_faults, sleep_faults, bound_faults)
    return found + [fault for rule in rules for fault in rule(path, tree)]


def imported(modules: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    """By path, all that a module imports: by its full name, with the packages above it."""
    found = {}
    for path, tree in modules.items():
        parts = [name.split(".") for _, name in imports(path, tree)]
        found[path] = {".".join(each[:end]) for each in parts for end in range(1, len(each) + 1)}
    return found


def reached(start: str, found: Mapping[str, set[str]]) -> set[str]:
    """Every module that the module at path `start` reaches through imports of ours, by its full name. `found`: what
    each module imports."""
    names = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in found}
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        new = found[waiting.pop()] - seen
        seen |= new
        waiting += [names[name] for name in new if name in names]
    return seen
