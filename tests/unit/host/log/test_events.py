"""The list of events and the code agree: every call of a logger, by the syntax trees of all roles."""

import ast
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from host.log.events import ALL, EVENTS

ROOT = Path(__file__).resolve().parents[4]
FOLDERS = ("host", "stores", *ALL)
LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})
LOGGERS = ("log", "_log", "logger", "_logger")
TAKEN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "at", "role", "level", "event", "error"}


class Call(NamedTuple):
    """`event`: the word, or None if it is not literal; `members`: those that are literal."""

    where: str
    level: str
    event: str | None
    members: frozenset[str]


def calls(path: str, source: str) -> Iterator[Call]:
    """All calls of a logger in a source text."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if ast.unparse(node.func.value).split(".")[-1] not in LOGGERS or node.func.attr not in LEVELS | {"log"}:
            continue
        if node.func.value and ast.unparse(node.func.value) == "math":
            continue
        word = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        members = {
            key.value
            for keyword in node.keywords
            if keyword.arg == "extra"
            for each in ast.walk(keyword.value)
            if isinstance(each, ast.Dict)
            for key in each.keys
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }
        yield Call(f"{path}:{node.lineno}", node.func.attr, word if isinstance(word, str) else None, frozenset(members))


def found() -> list[Call]:
    """The calls of the whole tree."""
    paths = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return [call for path in paths for call in calls(path.relative_to(ROOT).as_posix(), path.read_text())]


def fault(call: Call) -> str | None:
    """What is wrong with a call, if anything."""
    if call.event not in EVENTS:
        return f"{call.where}: {call.event} is no word of host/log/events.py, or is not literal"
    if call.level != EVENTS[call.event].level:
        return f"{call.where}: {call.event} is listed as {EVENTS[call.event].level}, not {call.level}"
    if taken := call.members & TAKEN:
        return f"{call.where}: {sorted(taken)} have a meaning of their own in a line"
    return None


def test_every_call_of_a_logger_names_a_listed_event_at_its_level() -> None:
    faults = [told for call in found() if (told := fault(call))]
    assert faults == [], "list the word in EVENTS of host/log/events.py, then run python -m tests.support.house.docs"


def test_the_search_sees_planted_faults() -> None:
    planted = [
        'log.info("no_such_word")', 'self._log.warning("assigned")', 'log.info(f"{what}_done")', "log.info(word)",
        'web.log.info("assigned", extra={"process": 1})', 'log.info("assigned", extra={"message": 1} | more)',
        'log.log(level, "assigned")',
    ]  # fmt: skip
    assert all(fault(call) for line in planted for call in calls("x.py", line))
    assert len([call for line in planted for call in calls("x.py", line)]) == len(planted)
    assert [fault(call) for call in calls("x.py", 'log.info("assigned", extra={"job": 1})')] == [None]


def test_every_listed_event_is_logged_somewhere() -> None:
    called = {call.event for call in found()}
    own = {
        node.value
        for path in (ROOT / "host/log").glob("*.py")
        if path.name != "events.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
    }
    silent = set(EVENTS) - called - own - {"library_said"}  # this one is named by a constant
    assert silent == set(), "no code logs these: take them out of host/log/events.py, or log each literally"


def test_every_event_is_one_word_for_a_reader() -> None:
    for word, event in EVENTS.items():
        assert word.replace("_", "").isalpha() and word == word.lower()
        assert event.text.endswith(".") and set(event.roles) <= set(ALL) and event.roles
