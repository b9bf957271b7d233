"""Bugs in what operators are told of commands."""

from torture.planted.mutant import Core, Mutant

_TOLD, _COMMANDS = "audit/actions.py", "commands.py"
ACTIONS = Core(
    "actions",
    "broker/core",
    ("tests/unit/broker/core/audit",),
    (
        Mutant(
            "a refused command is told",
            _COMMANDS,
            "    if refusal is None:\n        actions.record",
            "    if True:\n        actions.record",
        ),
        Mutant("a repeat counts again", _COMMANDS, "int(books.change != before)", "1"),
        Mutant(
            "a step is not told",
            _COMMANDS,
            "    actions.record(books, command, changed, now)\n    code =",
            "    code =",
        ),
        Mutant("a pause that was there counts", _COMMANDS, "int(changed)", "1"),
        Mutant("a tenant's pause that was there counts", _COMMANDS, "int(moved)", "1"),
        Mutant(
            "a tenant's pause names nobody",
            _TOLD,
            '            named["tenant"] = command.tenant\n',
            "            pass\n",
        ),
        Mutant(
            "a batch that is closed is not told",
            "batches.py",
            "    actions.record(books, command, int(closes), now)\n",
            "",
        ),
        Mutant("a batch that was closed counts", "batches.py", "int(closes)", "1"),
        Mutant("a worker that drains is drained again", _COMMANDS, "int(not worker.draining)", "1"),
        Mutant(
            "a replay is not told", "strangers/carrying.py", "    actions.record(books, command, changed, now)\n", ""
        ),
        Mutant(
            "a second part in a turn takes the place of the first", _TOLD, "count=known.count + count", "count=count"
        ),
        Mutant("each step that changed nothing is written", _TOLD, " or not (count or is_first(command))", ""),
        Mutant("what changed nothing is not told", _TOLD, "not (count or is_first(command))", "not count"),
        Mutant("an action has the time of a clock that nobody else has", _TOLD, "now + books.offset\n", "now\n"),
        Mutant("a delivery is told as a job", _TOLD, '"delivery" if isinstance(command, Replay) else "job"', '"job"'),
        Mutant("filters that are not set are told", _TOLD, " if value is not None}", "}"),
        Mutant("a command without a name ends the broker", _TOLD, "if action is None or", "if"),
        Mutant("a command drops no old actions", _TOLD, "    books.trim_at = now\n", ""),
        Mutant("old actions are looked for at each beat", _TOLD, "    books.trim_at = now + TRIM_SECONDS\n", ""),
        Mutant("actions go by a clock that is not trusted", _TOLD, "kept and now >= books.trusted_at", "kept"),
        Mutant("actions go before they are old", _TOLD, "now + books.offset - kept", "now + books.offset"),
    ),
)
