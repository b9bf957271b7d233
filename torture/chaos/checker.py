"""Checks that every promise of a chaos run was kept. Pure: it takes the clients' log, the ledger's rows and the names
of files, and returns the broken promises. Reads no file, and knows no process.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from jobs.job import Code, EventKind, Rendition, Row, Spec, State, decode_outcome, decode_spec
from torture.chaos.clients import Entry

RENDITIONS = {"tiny": (16, 16)}
"""What pixmill.pictures.RECIPE asks for: name and sides."""


class Seen(NamedTuple):
    """A file as it was read: size, SHA-256 (hex), and the number that its pixels show, if any."""

    bytes: int
    digest: str
    number: int | None


@dataclass
class Verdict:
    """The result. Every list except `seconds` must be empty. `nameless`: files that no row names."""

    jobs: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    nameless: list[str] = field(default_factory=list)
    attempts: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def broken(self) -> list[str]:
        """Every broken promise, in words."""
        kinds = ("lost", "doubled", "wrong", "quarantined", "dead", "nameless")
        return [f"{kind}: {what}" for kind in kinds for what in getattr(self, kind)]


@dataclass(frozen=True)
class Promise:
    """One job as a client was promised it."""

    key: str
    index: int
    files: int
    number: int
    digest: str


def check(entries: Iterable[Entry], rows: Iterable[Row], files: set[str], see: Callable[[str], Seen]) -> Verdict:
    """Judge a run whose jobs have all ended. `files`: the names below DATA. `see`: reads one of them."""
    verdict = Verdict()
    promised = _promises(entries, verdict)
    ledger = {row.id: row for row in rows}
    verdict.jobs = len(promised)
    named: set[str] = set()
    for job, promise in promised.items():
        if job in ledger:
            _judge(ledger[job], promise, files, see, verdict)
        else:
            verdict.lost.append(f"{job} (key {promise.key}) has no row")
    for row in ledger.values():
        named |= names_of(row)
        if row.id not in promised:
            verdict.doubled.append(f"{row.id} was made and promised to nobody")
    verdict.nameless = sorted(files - named)
    return verdict


def names_of(row: Row) -> set[str]:
    """The files that a row names."""
    blobs = {rendition.blob for rendition in decode_outcome(row.outcome).renditions}
    return blobs | {decode_spec(row.spec).original.name}


def _promises(entries: Iterable[Entry], verdict: Verdict) -> dict[str, Promise]:
    """The promises, by job. A key with two answers, or a job with two keys, counts as doubled."""
    answers: dict[str, list[str]] = {}
    promised: dict[str, Promise] = {}
    for entry in entries:
        first = answers.setdefault(entry.key, entry.ids)
        if first != entry.ids:
            verdict.doubled.append(f"key {entry.key} got {first} and then {entry.ids}")
        if len(entry.ids) != len(entry.digests):
            verdict.wrong.append(f"key {entry.key}: {len(entry.digests)} files became {len(entry.ids)} jobs")
        for index, (job, digest) in enumerate(zip(entry.ids, entry.digests, strict=False)):
            promise = Promise(entry.key, index, len(entry.digests), entry.number + index, digest)
            if promised.setdefault(job, promise) != promise:
                verdict.doubled.append(f"{job} was promised to {promised[job].key} and to {entry.key}")
    return promised


def _judge(row: Row, promise: Promise, files: set[str], see: Callable[[str], Seen], verdict: Verdict) -> None:
    spec, outcome = decode_spec(row.spec), decode_outcome(row.outcome)
    verdict.attempts[row.attempts] += 1
    if row.code == Code.QUARANTINED or row.code == Code.DECODER_CRASHED:
        verdict.quarantined.append(f"{row.id}: {row.code}")
    elif row.state == State.DEAD:
        verdict.dead.append(f"{row.id}: {row.code}")
    elif row.state != State.DONE:
        verdict.lost.append(f"{row.id} is {row.state} ({row.code})")
    ends = [entry.event for entry in outcome.timeline].count(EventKind.ENDED)
    if row.ended_at is not None:
        verdict.seconds.append(row.ended_at - row.accepted_at)
        if ends != 1 or outcome.timeline[-1].event != EventKind.ENDED:
            verdict.doubled.append(f"{row.id} ended {ends} times")
    if row.state == State.DONE and row.attempts < 1:
        verdict.wrong.append(f"{row.id} is done after {row.attempts} attempts")
    verdict.wrong += [f"{row.id}: {fault}" for fault in _original_faults(spec, promise, files)]
    if row.state == State.DONE:
        faults = _rendition_faults(outcome.renditions, promise, files, see)
        verdict.wrong += [f"{row.id}: {fault}" for fault in faults]


def _original_faults(spec: Spec, promise: Promise, files: set[str]) -> Iterable[str]:
    if spec.original.digest != promise.digest:
        yield "its original is another upload's"
    if (spec.index, spec.files) != (promise.index, promise.files):
        yield f"it is file {spec.index} of {spec.files}, not {promise.index} of {promise.files}"
    if spec.original.name not in files:
        yield f"{spec.original.name} is missing"


def _rendition_faults(
    renditions: list[Rendition], promise: Promise, files: set[str], see: Callable[[str], Seen]
) -> Iterable[str]:
    sides = [(each.name, (each.width, each.height)) for each in renditions]
    if sides != list(RENDITIONS.items()):
        yield f"its renditions are {sides}"
    for rendition in renditions:
        if rendition.blob not in files:
            yield f"{rendition.blob} is missing"
            continue
        seen = see(rendition.blob)
        if (seen.bytes, seen.digest) != (rendition.bytes, rendition.digest):
            yield f"{rendition.blob} is not what its row says"
        if seen.number != promise.number:
            yield f"{rendition.blob} shows {seen.number} and was made of {promise.number}"


def by_folder(names: Iterable[str]) -> Mapping[str, int]:
    """How many of the files lie in each top folder."""
    found: dict[str, int] = defaultdict(int)
    for name in names:
        found[name.split("/")[0]] += 1
    return dict(found)
