"""Bugs in the policy of what follows a try that did not end well."""

from torture.planted.mutant import Core, Mutant

RETRY = Core(
    "retry",
    "jobs",
    ("tests/unit/jobs/test_retry.py",),
    (
        Mutant("a deadline is tried again", "retry.py", "        Code.DEADLINE_EXCEEDED,\n", ""),
        Mutant("an unreadable image is tried again", "retry.py", "        Code.UNDECODABLE,\n", ""),
        Mutant("back-off begins at twice the step", "retry.py", "2.0 ** (nth - 1))", "2.0**nth)"),
        Mutant("back-off grows by half", "retry.py", "2.0 ** (nth - 1))", "1.5 ** (nth - 1))"),
        Mutant(
            "back-off has no bound",
            "retry.py",
            "min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_FIRST * 2.0 ** (nth - 1))",
            "BACKOFF_SECONDS_FIRST * 2.0 ** (nth - 1)",
        ),
        Mutant("no jitter", "retry.py", "return step * (0.5 + share / 2)", "return step"),
        Mutant("jitter adds to the step", "retry.py", "(0.5 + share / 2)", "(1 + share / 2)"),
        Mutant("all jobs wait alike", "retry.py", 'f"{job}.{nth}"', 'f"{nth}"'),
        Mutant("all tries of a job draw the same jitter", "retry.py", 'f"{job}.{nth}"', 'f"{job}"'),
        Mutant(
            "a missing original is failed",
            "retry.py",
            "return End(State.DEAD, code)\n    if code is Code.MEMORY",
            "return End(State.FAILED, code)\n    if code is Code.MEMORY",
        ),
        Mutant("a third try with no memory", "retry.py", "memory_tries < 2 else", "memory_tries <= 2 else"),
        Mutant("no second try with more memory", "retry.py", "memory_tries < 2 else", "memory_tries < 1 else"),
        Mutant(
            "out of memory beside others again",
            "retry.py",
            "return Again(alone=True) if memory_tries",
            "return Again() if memory_tries",
        ),
        Mutant("a third try of a crash", "retry.py", "crashes < 2 else", "crashes <= 2 else"),
        Mutant(
            "a crash beside others again",
            "retry.py",
            "return Again(alone=True) if crashes",
            "return Again() if crashes",
        ),
        Mutant(
            "crashes without quarantine", "retry.py", "End(State.DEAD, code, quarantine=True)", "End(State.DEAD, code)"
        ),
        Mutant("one attempt too many", "retry.py", "if attempts >= attempts_max:", "if attempts > attempts_max:"),
        Mutant(
            "attempts that are used up tell the last code",
            "retry.py",
            "End(State.DEAD, Code.ATTEMPTS_USED_UP)",
            "End(State.DEAD, code)",
        ),
        Mutant("a lost decoder backs off at once", "retry.py", "late = attempts - IMMEDIATE_LOSSES", "late = attempts"),
        Mutant("a third lost decoder is tried at once", "retry.py", "if late > 0 else 0.0", "if late > 1 else 0.0"),
        Mutant(
            "a late loss waits as the attempts say",
            "retry.py",
            "Again(backoff_seconds(job, late)",
            "Again(backoff_seconds(job, attempts)",
        ),
        Mutant("a store's error never backs off further", "retry.py", "max(1, attempts)))", "1))"),
        Mutant(
            "one loss more before the start", "retry.py", "if losses < LOSSES_MAX else", "if losses <= LOSSES_MAX else"
        ),
        Mutant("losses before the start are a crash", "retry.py", "Code.LOST_TOO_OFTEN)", "Code.ATTEMPTS_USED_UP)"),
    ),
)
