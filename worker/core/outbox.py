"""Gathers messages to the broker until the next turn: one message of each type, in a fixed order.

Owns the time and the order of sending. Draining goes out before leases are given back; a job's start before its
renditions, and these before its end. A Finish includes the start and the renditions of its turn, so these are not sent
beside it: each message more could cost the broker a commit. The facts of an original are in its job's Finish, too.
"""

from math import inf
from typing import Any

from jobs import wire
from jobs.session.leases import Answer

END_SECONDS = 0.1
"""The end of a short job waits at most this long for others: a message for each costs the broker a transaction."""


class Outbox:
    """Gathers messages; `empty` hands them over. While `waits` is true, that may be put off until `due` (monotonic
    seconds)."""

    def __init__(self) -> None:
        self.due = inf
        self.draining = False
        self.started: list[wire.Start] = []
        self.described: list[wire.Description] = []
        self.published: list[wire.Publication] = []
        self.answers: list[Answer] = []
        self.swept: list[str] = []
        self.unswept: list[tuple[str, str]] = []
        self.found: wire.Found | None = None

    def answer(self, answer: Answer) -> None:
        """A lease ended."""
        self.answers.append(answer)
        if type(answer) is wire.Finish:
            self.started = [start for start in self.started if start.job != answer.job]
            self.described = [found for found in self.described if found.job != answer.job]
            self.published = [landed for landed in self.published if landed.job != answer.job]

    def finish(self, finish: wire.Finish, now: float, *, short: bool) -> None:
        """A job is done. A short one may be the first whose end waits for others."""
        if short and not self.answers:
            self.due = now + END_SECONDS
        self.answer(finish)

    def waits(self, here: int, now: float) -> bool:
        """True if only Finish answers are pending, fewer than the jobs still `here`, and `due` has not passed. Batching
        them saves a broker transaction, and the worker has work meanwhile: jobs queue, else it would not hold so many.
        """
        told = self.started or self.described or self.published
        other = self.draining or told or self.swept or self.unswept or self.found
        patient = now < self.due < inf and len(self.answers) < here and not other
        return patient and all(type(answer) is wire.Finish for answer in self.answers)

    def empty(self, beat: wire.WorkerBeat | None, leaving: bool) -> list[Any]:
        """The messages, in order."""
        sends: list[Any] = []
        if self.draining:
            sends.append(wire.Draining())
        if self.started:
            sends.append(wire.Started(self.started))
        if self.described:
            sends.append(wire.Described(self.described))
        if self.published:
            sends.append(wire.Published(self.published))
        if self.answers:
            sends += _by_type(self.answers)
        if self.swept or self.unswept:
            sends.append(wire.Swept(self.swept, self.unswept))
        if self.found is not None:
            sends.append(self.found)
        if beat is not None:
            sends.append(beat)
        if leaving:
            sends.append(wire.Leaving())
        self.due, self.draining = inf, False
        self.started, self.described, self.published = [], [], []
        self.answers, self.swept, self.unswept = [], [], []
        self.found = None
        return sends


def _by_type(answers: list[Answer]) -> list[Any]:
    sends: list[Any] = []
    if finished := [answer for answer in answers if type(answer) is wire.Finish]:
        sends.append(wire.Finished(finished))
    if failed := [answer for answer in answers if type(answer) is wire.Failure]:
        sends.append(wire.Failed(failed))
    if returned := [answer for answer in answers if type(answer) is wire.LeaseRef]:
        sends.append(wire.Returned(returned))
    return sends
