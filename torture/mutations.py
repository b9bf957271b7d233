"""Plants bugs in copies of the cores, one at a time, and shows that the tests of each core catch them.

`make mutate`, or `python -m torture.mutations [WORD]` for the cores and mutants whose name has WORD. A mutant that
lives ends the run with status 1: the tests have lost a tooth. The bugs are in torture/planted. The work tree itself is
never touched.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from bench.parts.report import close, table
from torture.planted.accept import ACCEPT
from torture.planted.admission import ADMISSION
from torture.planted.clients.decisions import CLIENT
from torture.planted.clients.uploading import UPLOADING
from torture.planted.diskspace import DISKSPACE
from torture.planted.dispatch import DISPATCH
from torture.planted.holder import HOLDER
from torture.planted.mutant import Core, Mutant
from torture.planted.outside.actions import ACTIONS
from torture.planted.outside.breaker import BREAKER, BUDGET
from torture.planted.outside.connections import CONNECTIONS
from torture.planted.outside.deliveries import DELIVERIES, EVENTS, SCHEDULE
from torture.planted.outside.figures import CELLS, FIGURES
from torture.planted.outside.hours import COUNTED, HOURS, INTERVALS
from torture.planted.outside.listing import LISTING
from torture.planted.outside.lists import LISTS
from torture.planted.outside.page import PAGE
from torture.planted.outside.texts import TEXTS
from torture.planted.outside.traces import SPANS, TRACE
from torture.planted.pictures.attention import ATTENTION
from torture.planted.pictures.looks import LOOKS, VARIANTS
from torture.planted.plan import PLAN
from torture.planted.requests import REQUESTS
from torture.planted.retry import RETRY
from torture.planted.shapes import SHAPES
from torture.planted.strangers.calls import COURIER, FETCHES, GATE
from torture.planted.supervisor import SUPERVISOR
from torture.planted.tenants import TENANTS
from torture.planted.threads import THREADS
from torture.planted.worker import WORKER

ROOT = Path(__file__).resolve().parents[1]
CORES = (
    DISPATCH, WORKER, HOLDER, SUPERVISOR, RETRY, SHAPES, ATTENTION, LOOKS, VARIANTS, PLAN, ADMISSION, TEXTS, ACCEPT,
    REQUESTS, THREADS, DISKSPACE, BREAKER, LISTING, LISTS, ACTIONS, DELIVERIES, EVENTS, SCHEDULE, CLIENT, UPLOADING,
    BUDGET, CONNECTIONS, PAGE, GATE, COURIER, FETCHES, TENANTS, TRACE, SPANS, HOURS, COUNTED, INTERVALS, FIGURES, CELLS,
)  # fmt: skip
NEEDED = (
    "broker", "courier", "host", "jobs", "pixmill", "stores", "supervisor", "web", "worker", "tests", "pyproject.toml",
)  # fmt: skip
UNNEEDED = ("tests/conftest.py",)
"""It imports the clusters, which no core needs: that takes longer than most of these tests."""
SECONDS_MAX, PROPERTIES_SECONDS_MAX = 40, 120
Suite = tuple[str, ...]


def copy_tree(folder: Path) -> Path:
    """A copy of what the tests need. Byte code comes along, because the files keep their times."""
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
        else:
            shutil.copy2(ROOT / name, folder / name)
    for name in UNNEEDED:
        (folder / name).unlink()
    return folder


@contextlib.contextmanager
def planted(core: Core, mutant: Mutant | None, folder: Path) -> Iterator[None]:
    """The copy with the bug in it, and whole again afterwards. Raises ValueError if the code has changed."""
    if mutant is None:
        yield
        return
    path = folder / core.folder / mutant.file
    text, times = path.read_text(), path.stat()
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: {mutant.file} has {text.count(mutant.old)} of {mutant.old!r}")
    try:
        path.write_text(text.replace(mutant.old, mutant.new))
        yield
    finally:
        path.write_text(text)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        shutil.rmtree(folder / ".hypothesis", ignore_errors=True)  # no mutant's examples catch the next one


def failed(folder: Path, core: Core, tests: Suite) -> bool:
    """Whether these tests fail there. A run that takes too long counts: the mutant turns in circles."""
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider"]
    command += ["--hypothesis-seed=1", *tests]
    command += ["--hypothesis-profile=mutants"] if tests == core.properties else []
    seconds_max = PROPERTIES_SECONDS_MAX if tests == core.properties else SECONDS_MAX
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=seconds_max)
    except subprocess.TimeoutExpired:
        return True
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{core.name}: pytest ended with {done.returncode}: {done.stdout.decode()[-2000:]}")
    return done.returncode == 1


def judged(copies: "SimpleQueue[Path]", core: Core, mutant: Mutant | None) -> list[Suite]:
    """Which suites of the core catch the mutant, in one of the copies. None is the code as it is."""
    folder = copies.get()
    try:
        with planted(core, mutant, folder):
            by = [tests for tests in (core.tests, core.properties) if tests and failed(folder, core, tests)]
    finally:
        copies.put(folder)
    if mutant:
        print(f"{core.name}: {mutant.name}: {'caught' if by else 'LIVES'}", file=sys.stderr, flush=True)
    elif by:
        raise RuntimeError(f"{core.name}: the tests fail without any mutant: {' '.join(by[0])}")
    return by


def verdicts_on(chosen: list[tuple[Core, Mutant]]) -> list[list[Suite]]:
    """Which suites catch each. Raises RuntimeError if the tests of a core fail without a mutant."""
    copies: SimpleQueue[Path] = SimpleQueue()
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(os.cpu_count()) as pool:
        for number in range(os.cpu_count() or 1):
            copies.put(copy_tree(Path(tempfile.mkdtemp(dir=place, prefix=f"{number}-"))))
        list(pool.map(lambda core: judged(copies, core, None), dict.fromkeys(core for core, _ in chosen)))
        return list(pool.map(lambda one: judged(copies, *one), chosen))


def main(word: str = "") -> int:
    """Try every mutant; the exit status."""
    cores = [core for core in CORES if core is not PAGE or shutil.which("chromium") or shutil.which("google-chrome")]
    chosen = [(core, mutant) for core in cores for mutant in core.mutants if word in f"{core.name}: {mutant.name}"]
    if PAGE not in cores:
        print("the page is left out: there is no Chromium (apt-get install chromium)", file=sys.stderr)
    verdicts = verdicts_on(chosen)
    rows, figures = [], {}
    for core in dict.fromkeys(core for core, _ in chosen):
        by = [suites for (of, _), suites in zip(chosen, verdicts, strict=True) if of is core]
        lived = by.count([])
        figures[core.name] = {"planted": len(by), "caught": len(by) - lived, "lived": lived}
        by_tests, by_properties = (sum(suite in suites for suites in by) for suite in (core.tests, core.properties))
        rows.append((core.name, core.folder, *figures[core.name].values(), by_tests, by_properties or "-"))
    table(("core", "in", "planted", "caught", "lived", "by examples", "by properties"), rows)
    for (core, mutant), suites in zip(chosen, verdicts, strict=True):
        if not suites:
            print(f"LIVES: {core.name}: {mutant.name} ({core.folder}/{mutant.file})")
    lived = verdicts.count([])
    close("mutations", {"planted": len(verdicts), "lived": lived, "cores": figures})
    return 1 if lived else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
