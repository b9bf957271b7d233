"""Bugs in the worker's core. Those beside its session are in leases.py."""

from torture.planted.leases import LEASES
from torture.planted.mutant import Core, Mutant

WORKER = Core(
    "worker",
    "worker/core",
    ("tests/unit/worker/core",),
    (
        Mutant(
            "an overdue job's decoder goes on",
            "session.py",
            "        self._stop(lease)\n        if lease.began_at is not None:",
            "        if lease.began_at is not None:",
        ),
        Mutant(
            "an overdue job that never began is failed",
            "session.py",
            "        if lease.began_at is not None:\n            where",
            "        if True:\n            where",
        ),
        Mutant("a lease has one tick too many", "session.py", "if now >= lease.until:", "if now > lease.until:"),
        Mutant(
            "the start is looked for once", "session.py", "lease.look_at = now + START_SECONDS", "lease.look_at = inf"
        ),
        Mutant(
            "a drain never gives up",
            "session.py",
            "self._drain_until, self._leave_at = inf, now + SETTLE_SECONDS",
            "self._drain_until = inf",
        ),
        Mutant(
            "a drain's deadline comes again",
            "session.py",
            "self._drain_until, self._leave_at = inf, now + SETTLE_SECONDS",
            "self._leave_at = now + SETTLE_SECONDS",
        ),
        Mutant(
            "a silent broker is left at every tick",
            "session.py",
            "self._reconnect, self._received_at = True, now",
            "self._reconnect = True",
        ),
        Mutant(
            "a silent broker stays welcome",
            "session.py",
            "self._reconnect, self._received_at = True, now\n            self._on_disconnected(None)",
            "self._reconnect, self._received_at = True, now",
        ),
        Mutant(
            "beats stop after the first",
            "session.py",
            "self._beat_at = self._now + self._silence_seconds / BEATS_PER_SILENCE\n\n    # -- what",
            "self._beat_at = inf\n\n    # -- what",
        ),
        Mutant("a long turn counts for the job", "session.py", "lease.since = min(now, lease.since + spent)", "pass"),
        Mutant(
            "a start within a long turn is put into the future",
            "session.py",
            "min(now, lease.since + spent)",
            "lease.since + spent",
        ),
        Mutant("a short turn counts as a long one", "session.py", "if spent >= LONG_TURN_SECONDS:", "if spent >= 0:"),
        Mutant(
            "a keeper that hangs beats for ever", "session.py", " or now >= self._turned_at + AWAY_SECONDS_MAX:", ":"
        ),
        Mutant(
            "beats go to a broker that was not met",
            "session.py",
            "if not self._introduced or now < self._beat_at",
            "if now < self._beat_at",
        ),
        Mutant(
            "a worker leaves before its answers are settled",
            "session.py",
            "leave = self.draining and (not self._leases.held or",
            "leave = self.draining and (not self._leases.running or",
        ),
        Mutant("a kill is said twice", "session.py", "kill, self._kill = self._kill, []", "kill = list(self._kill)"),
        Mutant("a scan is done twice", "session.py", "scan, self._scan = self._scan, None", "scan = self._scan"),
        Mutant(
            "a Ready does not wait for its Welcome",
            "session.py",
            "self._introduced, self._welcomed = False, True, False",
            "self._introduced, self._welcomed = False, True, True",
        ),
        Mutant(
            "a Ready hides the drain",
            "session.py",
            "self._leases.listed(), self.draining))",
            "self._leases.listed(), False))",
        ),
        Mutant(
            "a decoder takes all that waits",
            "session.py",
            "            self._idle -= 1\n            begin",
            "            begin",
        ),
        Mutant(
            "a long job's end waits for others",
            "session.py",
            "short=self._now < lease.since + START_SECONDS",
            "short=True",
        ),
        Mutant(
            "a mail of another connection is a sign of life",
            "session.py",
            "        if self._welcomed:\n            self._received_at = self._now",
            "        self._received_at = self._now",
        ),
        Mutant(
            "the Welcome's silence is ignored", "session.py", "self._silence_seconds = welcome.silence_seconds", "pass"
        ),
        Mutant(
            "answers are not repeated after a Welcome",
            "session.py",
            "self._outbox.answers = [lease.answer for lease in self._leases.answered() if lease.answer is not None]",
            "pass",
        ),
        Mutant(
            "answers are doubled by a Welcome",
            "session.py",
            "self._outbox.answers = [lease.answer",
            "self._outbox.answers += [lease.answer",
        ),
        Mutant("old beats introduce again", "session.py", "beat.epoch > self.epoch:", "beat.epoch != self.epoch:"),
        Mutant(
            "a repeated Assign replaces",
            "session.py",
            "if held.number >= assignment.lease:",
            "if held.number > assignment.lease:",
        ),
        Mutant(
            "a replaced lease's decoder goes on",
            "session.py",
            "                self._stop(held)\n                self._leases.forget(held)",
            "                self._leases.forget(held)",
        ),
        Mutant("leases have no bound", "session.py", "if len(self._leases.held) < self._held_max:", "if True:"),
        Mutant("one lease more than the bound", "session.py", "held) < self._held_max:", "held) <= self._held_max:"),
        Mutant(
            "a draining worker keeps what it is given",
            "session.py",
            "        if self.draining:\n            self._give_back_waiting()",
            "        if False:\n            self._give_back_waiting()",
        ),
        Mutant(
            "a recall takes what runs",
            "session.py",
            "if lease is not None and lease.phase is Phase.WAITING:",
            "if lease is not None and lease.phase is not Phase.ANSWERED:",
        ),
        Mutant(
            "an abandon answers again",
            "session.py",
            "if lease is not None and lease.phase is not Phase.ANSWERED:",
            "if lease is not None:",
        ),
        Mutant(
            "an abandoned job's decoder goes on",
            "session.py",
            "                self._stop(lease)\n                self._fail(lease, Code.CANCELLED",
            "                self._fail(lease, Code.CANCELLED",
        ),
        Mutant(
            "a settled job's decoder goes on",
            "session.py",
            "                self._stop(lease)\n                self._leases.forget(lease)",
            "                self._leases.forget(lease)",
        ),
        Mutant(
            "a sweep has all of the silence",
            "session.py",
            "SWEEP_SHARE * self._silence_seconds",
            "self._silence_seconds",
        ),
        Mutant(
            "a sweep of a broker that is gone is done",
            "session.py",
            "if self._welcomed and self._now < until:",
            "if self._now < until:",
        ),
        Mutant(
            "a sweep that came late is done",
            "session.py",
            "if self._welcomed and self._now < until:",
            "if self._welcomed:",
        ),
        Mutant(
            "a late sweep is not offered again",
            "session.py",
            '        """A Ready makes the broker offer the remaining sweeps again."""\n        self._introduce = True',
            '        """A Ready makes the broker offer the remaining sweeps again."""',
        ),
        Mutant(
            "a second drain begins its time anew",
            "session.py",
            "        if not self.draining:\n            self.draining",
            "        if True:\n            self.draining",
        ),
        Mutant("who is asked to leave waits", "session.py", "        self._leave_at = self._now\n", "        pass\n"),
        Mutant(
            "a decoder that ended idle still counts",
            "session.py",
            "self._idle -= 1\n\n    def _on_decoder_began",
            "pass\n\n    def _on_decoder_began",
        ),
        Mutant(
            "a made job can be overdue", "session.py", "lease.made, lease.look_at = True, inf", "lease.look_at = inf"
        ),
        Mutant(
            "a made job is still looked at", "session.py", "lease.made, lease.look_at = True, inf", "lease.made = True"
        ),
        Mutant(
            "a rendition of a lost lease is published",
            "session.py",
            "if self._leases.find_running(event.job, event.lease) is not None:",
            "if True:",
        ),
        Mutant(
            "a hit of the cache is not told as one", "session.py", "event.renditions, cached=True", "event.renditions"
        ),
        *LEASES,
    ),
)
