"""The stand-in's jobs: how they come, end, and are shown as JSON. Knows no HTTP.

A rendition is a small PNG of 32 x 32 pixels, whatever the recipe asks for: names are kept, pictures are not made.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pixmill.pictures import SIDE, numbered
from pixmill.testing import facts, rules
from pixmill.testing.messages import Refusal

ENDED = ("done", "failed", "dead", "cancelled")
STATES = ("queued", "running", "delayed", *ENDED)
BASE = "http://pixmill.test"
"""The address of the stand-in: no request leaves the process."""
FORMATS = ("avif", "webp", "png", "jpeg", "gif")
_VARIANT = re.compile(
    r"(.+?)(?P<width>-[0-9]+w)?(?:-(?P<density>[0-9]+(?:_[0-9]+)?)x)?(?P<format>-(?:" + "|".join(FORMATS) + "))?"
)
"""A rendition's name, as `widths`, `dpr` and `formats` make it."""


@dataclass
class FakeJob:
    """A job. `data` is its original."""

    id: str
    number: int
    filename: str
    data: bytes
    asked: dict[str, Any]
    recipe: dict[str, Any]
    state: str = "queued"
    attempts: int = 0
    error: dict[str, str] | None = None
    change: int = 0
    ended_at: str | None = None
    pictures: dict[str, bytes] = field(default_factory=dict)
    timeline: list[dict[str, Any]] = field(default_factory=list)
    accepted_at: str = ""
    batch: str = ""
    expires_at: str | None = None
    trace: str | None = None
    view_grant: str = ""
    """The grant to look at it, if it was uploaded under one."""
    deliveries: list[dict[str, Any]] = field(default_factory=list)

    def shown(self, *, listed: bool = False, by_grant: str = "") -> dict[str, Any]:
        """Its JSON. Its addresses end with the grant that it was asked for by."""
        here, suffix = f"{BASE}/jobs/{self.id}", by_grant and f"?grant={by_grant}"
        given = {name: self.asked.get(name) for name in ("reference", "metadata", "preset")}
        facts_found = self._facts()
        view = {
            "id": self.id, "state": self.state, "filename": self.filename, **given, "recipe": self.recipe,
            "priority": self.asked.get("priority", "normal"), "attempts": self.attempts, "cached": False,
            "error": self.error, "original": self._original(here, facts_found.pop("info")), "source_url": None,
            "renditions": [rendition(name, data, here, suffix) for name, data in self.pictures.items()],
            "srcset": source_sets(self.pictures, here, suffix),
            **facts_found, "timeline": self.timeline,
            "cost": {"cpu_ms": 1.0, "peak_bytes": 1} if self.state == "done" else None, "queue_position": None,
            "eta_seconds": None, "batch": self.batch, "accepted_at": self.accepted_at, "ended_at": self.ended_at,
            "expires_at": self.expires_at, "change": self.change, "trace": self.trace,
            "status_url": here + suffix,
            "events_url": f"{here}/events{suffix}",
            "deliveries": self.deliveries,
        }  # fmt: skip
        alone = ("recipe", "timeline", "srcset", "deliveries")
        return {name: value for name, value in view.items() if not (listed and name in alone)}

    @property
    def is_overdue(self) -> bool:
        """Whether it was not begun in time."""
        waits = self.state == "queued" and self.attempts == 0 and self.expires_at is not None
        return waits and datetime.fromisoformat(self.expires_at or "") <= datetime.now(UTC)

    def promised(self) -> dict[str, Any]:
        """What its upload answers."""
        here, suffix = f"{BASE}/jobs/{self.id}", self.view_grant and f"?grant={self.view_grant}"
        return {
            "id": self.id, "state": self.state, "filename": self.filename, "status_url": here + suffix,
            "events_url": f"{here}/events{suffix}", "url": f"{here}/original", "receipt": f"fake.{self.id}",
        }  # fmt: skip

    def _facts(self) -> dict[str, Any]:
        if self.state == "done" and facts.asked(self.recipe):
            return facts.of(self.recipe)
        return {"dominant_colour": facts.COLOUR if self.pictures else None, "placeholder": None, "info": None}

    def changed(self) -> dict[str, Any]:
        """The data of its event."""
        names = ("id", "state", "change", "attempts", "error")
        return {name: getattr(self, name) for name in names}

    def _original(self, here: str, info: dict[str, Any] | None) -> dict[str, Any]:
        sides = {"format": rules.format_of(self.data), "width": SIDE, "height": SIDE, "bytes": len(self.data)}
        sides |= {"upright_width": SIDE, "upright_height": SIDE}
        return {**sides, "digest": hashlib.sha256(self.data).hexdigest(), "url": f"{here}/original", "info": info}


def rendition(name: str, data: bytes, here: str, suffix: str = "") -> dict[str, Any]:
    """A rendition's JSON. Its address ends with `suffix`."""
    sides = {"name": name, "width": SIDE, "height": SIDE, "format": "png", "bytes": len(data), "unmet": []}
    sides |= {"quality": None, "box": {"left": 0, "top": 0, "width": SIDE, "height": SIDE}}
    return {**sides, "digest": hashlib.sha256(data).hexdigest(), "url": f"{here}/renditions/{name}{suffix}"}


def source_sets(names: Iterable[str], here: str, suffix: str) -> list[dict[str, str]]:
    """The `srcset` of each picture in several sizes or formats. All renditions have one size and one format here."""
    found: dict[tuple[str, str], str] = {}
    for name in names:
        if (parts := _VARIANT.fullmatch(name)) and any(parts.groups()[1:]):
            density = parts["density"] and not parts["width"]
            size = f"{parts['density'].replace('_', '.')}x" if density else f"{SIDE}w"
            found.setdefault((parts[1], size), f"{here}/renditions/{name}{suffix} {size}")
    return [
        {
            "name": base,
            "type": "image/png",
            "srcset": ", ".join(text for (name, _), text in found.items() if name == base),
        }
        for base in dict.fromkeys(name for name, _ in found)
    ]


class Jobs:
    """All jobs, by id. `ends` says how the next job ends: (state, error)."""

    def __init__(self, ends: Callable[[FakeJob], tuple[str, dict[str, str] | None]]) -> None:
        self.by_id: dict[str, FakeJob] = {}
        self.keys: dict[str, tuple[str, list[str]]] = {}
        """(fingerprint, jobs) of each Idempotency-Key."""
        self.changes: list[tuple[str, dict[str, Any]]] = []
        """Every change: (the event's name, its data)."""
        self.actions: list[dict[str, Any]] = []
        """The commands that were carried out, the oldest first."""
        self.held = self.paused = False
        self.paused_tenants: set[str] = set()
        """They hold no job: the stand-in has no tenants."""
        self._purged: set[str] = set()
        self.opened: dict[str, bool] = {}
        """Batches that were opened, and whether they are open still."""
        self.batch_keys: dict[str, tuple[str, str]] = {}
        """(content, batch) of each Idempotency-Key that opened a batch."""
        self._told: set[str] = set()
        self._ends, self._made, self._events = ends, 0, 0

    def submit(
        self, files: list[tuple[str, bytes]], asked: dict[str, Any], recipe: dict[str, Any], is_batch: bool = False
    ) -> list[FakeJob]:
        """New jobs of one upload, which have ended unless they are held. `is_batch`: one of them is a batch, too."""
        batch = self._new_id() if is_batch or len(files) > 1 else ""
        if (joined := asked.get("batch")) is not None:
            batch = self._joined(joined, len(files))
        made = []
        for filename, data in files:
            name = self._new_id()
            job = FakeJob(name, self._made, filename, data, asked, recipe, accepted_at=_now(), batch=batch or name)
            if (seconds := asked.get("expires_in")) is not None:
                job.expires_at = _now(float(seconds))
            self.by_id[job.id] = job
            self.change(job, "queued", "accepted")
            made.append(job)
        for job in made:
            self.work(job)
        return made

    def _new_id(self) -> str:
        self._made += 1
        return f"0fake{self._made:021d}"

    def open_batch(self) -> str:
        """The id of a new batch, which jobs may join."""
        batch = self._new_id()
        self.opened[batch] = True
        return batch

    def close_batch(self, batch: str) -> None:
        """No more jobs join it. Raises Refusal."""
        if batch not in self.opened:
            raise Refusal("not_found", "it does not exist (any more)")
        self.opened[batch] = False
        self._tell_end(batch)

    def _joined(self, batch: str, files: int) -> str:
        if batch not in self.opened:
            raise Refusal("not_found", f"there is no batch {batch}")
        if not self.opened[batch]:
            raise Refusal("batch_closed", "the batch is closed: open another")
        if (actual := len(self.batch(batch)) + files) > rules.BATCH_JOBS_MAX:
            raise rules.LimitExceeded("too_many_parts", "batch_jobs_max", rules.BATCH_JOBS_MAX, actual)
        return batch

    def batch(self, batch: str) -> list[FakeJob]:
        """The jobs of a batch; one that came alone is a batch by its own id. Raises Refusal."""
        found = [job for job in self.by_id.values() if job.batch == batch]
        if not found and batch not in self.opened:
            raise Refusal("not_found", f"there is no batch {batch}")
        return found

    def work(self, job: FakeJob) -> None:
        """Carry a queued job out, unless all are held."""
        if job.is_overdue:
            job.error = {"code": "expired", "detail": f"it was not begun within {job.asked['expires_in']} s"}
            return self.change(job, "failed", "ended")
        if self.held or self.paused or job.state != "queued":
            return
        job.attempts += 1
        state, job.error = self._ends(job)
        if state == "done":
            if facts.asked(job.recipe):
                found = {"id": job.id, "change": len(self.changes) + 1, **facts.of(job.recipe)}
                self.changes.append(("described", found))
            for each in job.recipe["renditions"]:
                job.pictures[each["name"]] = numbered(job.number)
                shown = rendition(each["name"], job.pictures[each["name"]], f"{BASE}/jobs/{job.id}")
                change = len(self.changes) + 1
                self.changes.append(("rendition", {"id": job.id, "change": change, "rendition": shown}))
                if job.asked.get("webhook_events") is not None:
                    job.deliveries.append(self._delivery(job, "job.rendition", change))
        self.change(job, state, "ended")

    def change(self, job: FakeJob, state: str, event: str) -> None:
        """The job has another state."""
        job.state, job.change = state, len(self.changes) + 1
        job.ended_at = _now() if state in ENDED else None
        job.timeline.append({"at": _now(), "event": event, "lease": job.attempts, "worker": None, "detail": None})
        self.changes.append(("job", job.changed()))
        if state in ENDED and job.asked.get("webhook_url") is not None:
            job.deliveries.append(self._delivery(job, f"job.{job.state}", job.change))
        self._tell_end(job.batch)

    def _tell_end(self, batch: str) -> None:
        """Tell the end of a batch, once, unless it is open. (A job that came alone is its own batch.)"""
        jobs = [job for job in self.by_id.values() if job.batch == batch != job.id]
        closed = not self.opened.get(batch, not jobs)
        if closed and batch not in self._told and all(job.state in ENDED for job in jobs):
            self._told.add(batch)
            self.changes.append(("batch", {"id": batch, "state": "ended", "change": len(self.changes) + 1}))

    def _delivery(self, job: FakeJob, type_: str, change: int) -> dict[str, Any]:
        """An event of the job. No receiver is called, so it waits for ever."""
        self._events += 1
        return {
            "id": f"d{self._events}-0000000", "type": type_, "job": job.id, "batch": None,
            "url": job.asked["webhook_url"].partition("?")[0], "state": "waiting", "attempts": 0, "status": None,
            "error": None, "answer": None, "change": change, "created_at": _now(), "due_at": _now(),
            "ended_at": None,
        }  # fmt: skip

    def acted(self, verb: str, named: dict[str, Any], count: int = 1) -> None:
        """A command was carried out."""
        name = f"{len(self.actions) + 1:026d}"
        action = {"id": name, "at": _now(), "who": None, "verb": verb, "filter": named, "count": count}
        self.actions.append(action)

    def found(self, job: str) -> FakeJob:
        """The job of that id. Raises Refusal."""
        if job not in self.by_id:
            raise Refusal("not_found", f"there is no job {job}")
        self.work(self.by_id[job])
        return self.by_id[job]

    def cancel(self, job: FakeJob) -> None:
        """Raises Refusal."""
        if job.state in ENDED:
            raise Refusal("job_ended", "the job has ended already: DELETE with ?purge=1 removes it and its files")
        self.change(job, "cancelled", "ended")

    def requeue(self, job: FakeJob) -> None:
        """Raises Refusal."""
        if job.state not in ("failed", "dead", "cancelled"):
            raise Refusal("not_requeueable", "only a failed, dead or cancelled job runs once more")
        job.attempts, job.error, job.expires_at = 0, None, None
        self.change(job, "queued", "requeued")
        self.work(job)

    def purge(self, job: FakeJob) -> None:
        """Raises Refusal."""
        if job.state not in ENDED:
            raise Refusal("job_not_ended", "the job has not ended: cancel it first")
        del self.by_id[job.id]
        self._purged.add(job.id)
        self.changes.append(("job", {"id": job.id, "change": len(self.changes) + 1, "removed": True}))

    def pause(self, paused: bool, tenant: str | None = None) -> bool:
        """Stop or start the work, of all or of one tenant. Whether that changed anything."""
        before = self.paused if tenant is None else tenant in self.paused_tenants
        if tenant is not None:
            (self.paused_tenants.add if paused else self.paused_tenants.discard)(tenant)
        else:
            self.paused = paused
            self.work_all()
        return before != paused

    def work_all(self) -> None:
        """Carry out what waits."""
        for job in list(self.by_id.values()):
            self.work(job)

    def verdict(self, receipt: str) -> str:
        """What became of the job of a receipt."""
        job = receipt.removeprefix("fake.")
        if job in self.by_id:
            return "ended" if self.by_id[job].state in ENDED else "unfinished"
        return "purged" if job in self._purged else "forged"

    def fingerprint(self, files: list[tuple[str, bytes]], asked: dict[str, Any]) -> str:
        """Of what an Idempotency-Key stands for."""
        digests = [hashlib.sha256(data).hexdigest() for _, data in files]
        return json.dumps([digests, asked], sort_keys=True)


def _now(later: float = 0.0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=later)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
