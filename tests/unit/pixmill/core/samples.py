"""Answers of the server, as JSON."""

from typing import Any

URL = "http://server"
RENDITION: dict[str, Any] = {
    "name": "thumb", "width": 4, "height": 3, "format": "jpeg", "bytes": 6, "digest": "ab" * 32, "unmet": [],
    "url": f"{URL}/jobs/j1/renditions/thumb",
}  # fmt: skip
ORIGINAL = {
    "format": "png",
    "width": 4,
    "height": 3,
    "bytes": 90,
    "digest": "cd" * 32,
    "url": f"{URL}/jobs/j1/original",
}
ADDRESSES = {"status_url": f"{URL}/jobs/j1", "events_url": f"{URL}/jobs/j1/events"}
UPLOAD: dict[str, Any] = {
    "id": "j1", "state": "queued", "filename": "a.jpg", **ADDRESSES, "url": f"{URL}/jobs/j1/original",
    "receipt": "r1.j1", "jobs": [], "batch": {}, "ignored": [],
}  # fmt: skip
JOB: dict[str, Any] = {
    "id": "j1", "state": "done", "filename": "a.jpg", "reference": None, "metadata": None, "preset": "default",
    "recipe": {"renditions": []}, "priority": "normal", "attempts": 1, "cached": False, "error": None,
    "original": ORIGINAL, "renditions": [], "dominant_colour": "#102030", "timeline": [],
    "cost": {"cpu_ms": 1.5, "peak_bytes": 9}, "queue_position": None, "eta_seconds": None, "batch": "j1",
    "accepted_at": "2025-01-01T00:00:00.000Z", "ended_at": "2025-01-01T00:00:01.000Z", "change": 4, **ADDRESSES,
}  # fmt: skip
RUNNING = JOB | {"state": "running", "ended_at": None, "change": 2}
