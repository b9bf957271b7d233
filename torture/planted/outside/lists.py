"""Bugs in how a list finds the jobs of a time."""

from torture.planted.mutant import Core, Mutant

LISTS = Core(
    "lists",
    "stores/ledger",
    ("tests/unit/stores/ledger/test_statements_times.py",),
    (
        Mutant(
            "a clock that was set back hides the first jobs",
            "statements.py",
            "accepted_after - DISORDER_SECONDS",
            "accepted_after",
        ),
        Mutant(
            "a clock that was set back hides the last jobs",
            "statements.py",
            "accepted_before + DISORDER_SECONDS",
            "accepted_before",
        ),
        Mutant("the first job of a time is left out", "statements.py", "max(low, first - 1)", "max(low, first)"),
        Mutant(
            "a page begins again at the first job of a time",
            "statements.py",
            "low = max(low, first - 1)",
            "low = first - 1",
        ),
        Mutant(
            "a page begins again at the last job of a time", "statements.py", "high = min(high, first)", "high = first"
        ),
        Mutant(
            "a list passes no bound of a time",
            "statements.py",
            '"preset", "accepted_after", "accepted_before")',
            '"preset")',
        ),
        Mutant("all jobs before a time are read", "statements.py", "if where.accepted_after is not None:", "if False:"),
        Mutant("all jobs after a time are read", "statements.py", "if where.accepted_before is not None:", "if False:"),
    ),
)
