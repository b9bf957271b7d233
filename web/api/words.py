"""What is told of a route, and of an answer. Owns the shapes of these words, and what several routes have."""

from typing import Any, NamedTuple

from web.views.replies import Changed

JSON, LINES, STREAM = "application/json", "application/x-ndjson", "text/event-stream"


class Answer(NamedTuple):
    """An answer in words (Markdown, its links relative to docs/); the types that its body may have, if it has one; the
    media types of the body, and the headers beyond those of the body."""

    words: str
    shapes: tuple[Any, ...] = ()
    media: tuple[str, ...] = (JSON,)
    headers: tuple[str, ...] = ()


class Told(NamedTuple):
    """A route: its name in generated clients, what it does, its answers by status, the codes of its errors beyond
    EVERYWHERE and, if it needs a scope, KEYED; and its body in words."""

    name: str
    does: str
    answers: dict[int, Answer]
    codes: str = ""
    body: str = ""


BROKER = "broker_silent queue_full"
"""The codes of what goes to the broker."""
FRESH = ("Cache-Control",)
MANY = Answer('`{"matched": N, "changed": N}`', (Changed,), headers=("Retry-After",))
"""What a command over many answers."""
