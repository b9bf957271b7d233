"""The worker's use of the result cache: equal bytes under an equal recipe are processed once.

Owns the key and the value. A hit counts only once every rendition has a name of the new job:
any missing part makes it a miss, which costs time only.
"""

import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from jobs.errors import StoreFault
from jobs.ids import is_id, job_of, rendition_name
from jobs.job import FACTS_BYTES_MAX, Rendition, Spec
from stores.blobs import Blobs
from stores.cache import Cache

NOBODY = "0" * 64
"""A key that no content has."""
_decode = msgspec.msgpack.Decoder(list[Rendition | bytes]).decode
"""A value has the renditions, then the facts if the recipe asks for any."""
_encode = msgspec.msgpack.Encoder().encode


def key(spec: Spec, engine: str) -> str:
    """Hex SHA-256 of tenant, original, recipe and engine; none of them contains a NUL."""
    parts = (spec.tenant, spec.original.digest, spec.recipe, engine)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@dataclass(slots=True)
class Run:
    """One decoder's work, from its birth to its end: the tenant, and the cache keys of its results."""

    tenant: str | None = None
    kept: list[str] = field(default_factory=list)
    ill: bool = False


class Made(NamedTuple):
    """The results of a job; `facts` are empty if the recipe does not ask for any."""

    renditions: list[Rendition]
    facts: bytes


class Results:
    """Results by content, over `cache` and `blobs`; with no cache everything is a miss."""

    def __init__(self, cache: Cache | None, blobs: Blobs, engine: str) -> None:
        self._cache = cache
        self._blobs = blobs
        self._engine = engine

    def find(self, job: str, spec: Spec) -> Made | None:
        """The facts, and the renditions, durably under names of `job`; None for a miss."""
        value = self._cache.get(key(spec, self._engine)) if self._cache is not None else None
        if value is None:
            return None
        try:
            found = _decode(value)
            renditions = [_checked(each) for each in found if isinstance(each, Rendition)]
            facts = b"".join(each for each in found if isinstance(each, bytes))
            if len(facts) > FACTS_BYTES_MAX:
                return None
            return Made([self._link(job, rendition) for rendition in renditions], facts)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, StoreFault):
            return None

    def keep(self, spec: Spec, renditions: list[Rendition], run: "Run", facts: bytes = b"") -> None:
        """Remember a decoder's result for this content in its `run`, unless the run was spoiled."""
        if self._cache is not None and not run.ill:
            run.kept.append(name := key(spec, self._engine))
            self._cache.put(name, _encode([*renditions, facts] if facts else renditions))

    def spoil(self, run: "Run") -> None:
        """The run failed: its results cannot be trusted, so the cache keeps none of them, earlier or later."""
        run.ill = True
        while self._cache is not None and run.kept:
            self._cache.drop(run.kept.pop())

    def look(self) -> None:
        """Ask a cache that failed whether it answers again: without a job nobody would find out."""
        if self._cache is not None and self._cache.failing():
            self._cache.get(NOBODY)

    def _link(self, job: str, rendition: Rendition) -> Rendition:
        extension = rendition.blob.rpartition(".")[2]
        blob = rendition_name(job, rendition.name, rendition.digest, extension)
        self._blobs.link(rendition.blob, blob)
        return msgspec.structs.replace(rendition, blob=blob)


def _checked(rendition: Rendition) -> Rendition:
    """`rendition` itself, if its blob may be one of these bytes. Raises StoreFault for any other, as an original: a
    cache that other hosts share is no proof."""
    job, extension = job_of(rendition.blob), rendition.blob.rpartition(".")[2]
    if not is_id(job) or rendition.blob != rendition_name(job, rendition.name, rendition.digest, extension):
        raise StoreFault(f"the result cache names {rendition.blob!r}, which is no rendition of these bytes")
    return rendition
