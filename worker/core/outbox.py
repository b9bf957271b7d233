"""What is to be said to the broker, gathered until the next turn: one message of a type, in one fixed order.

Owns that order: a worker that drains says so before it gives back, and a job's start goes out before
its renditions, these before its end. What a Finish says is not said beside it: that the job began in the same
turn, and what landed in it. A message more could cost the broker a commit more.
"""

from typing import Any

from jobs import wire
from worker.core.leases import Answer


class Outbox:
    """Gathers; `empty` hands over."""

    def __init__(self) -> None:
        self.draining = False
        self.started: list[wire.Start] = []
        self.published: list[wire.Publication] = []
        self.answers: list[Answer] = []
        self.swept: list[str] = []
        self.found: wire.Found | None = None

    def answer(self, answer: Answer) -> None:
        """A lease ended."""
        self.answers.append(answer)
        if type(answer) is wire.Finish:
            self.started = [start for start in self.started if start.job != answer.job]
            self.published = [landed for landed in self.published if landed.job != answer.job]

    @property
    def only_finished(self) -> bool:
        """Whether there is nothing to say but that jobs are done."""
        other = self.draining or self.started or self.published or self.swept or self.found
        return not other and all(type(answer) is wire.Finish for answer in self.answers)

    def empty(self, beat: list[wire.Held] | None, leaving: bool) -> list[Any]:
        """The messages, in order; `beat` is what a WorkerBeat is to list (None: no beat)."""
        sends: list[Any] = []
        if self.draining:
            sends.append(wire.Draining())
        if self.started:
            sends.append(wire.Started(self.started))
        if self.published:
            sends.append(wire.Published(self.published))
        if self.answers:
            sends += _by_type(self.answers)
        if self.swept:
            sends.append(wire.Swept(self.swept))
        if self.found is not None:
            sends.append(self.found)
        if beat is not None:
            sends.append(wire.WorkerBeat(beat))
        if leaving:
            sends.append(wire.Leaving())
        self.draining = False
        self.started, self.published, self.answers, self.swept = [], [], [], []
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
