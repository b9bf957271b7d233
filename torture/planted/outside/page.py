"""Bugs in what the page decides. Its modules are JavaScript, and their tests need Chromium."""

from torture.planted.mutant import Core, Mutant

PAGE = Core(
    "page",
    "web/pages",
    ("tests/browser/test_modules.py",),
    (
        Mutant("a server that is away refuses", "uploads/verdict.js", "status >= 500 || status < 400", "status >= 500"),
        Mutant("a slow upload is refused", "uploads/verdict.js", "status === 408 || ", ""),
        Mutant("a 400 is tried for ever", "uploads/verdict.js", "status >= 500 || status < 400", "status >= 400"),
        Mutant(
            "an unsure answer counts as not taken",
            "uploads/verdict.js",
            "status === 429 || NOT_TAKEN.includes(code)",
            "status === 429 || status === 503",
        ),
        Mutant("Retry-After is not heard", "uploads/verdict.js", "Math.max(retryAfterSeconds * 1000, ", "Math.max(0, "),
        Mutant("the pauses do not grow", "uploads/verdict.js", "2 ** Math.min(tries - 1, 10)", "2"),
        Mutant("the largest file is too large", "uploads/files.js", "file.size > most()", "file.size >= most()"),
        Mutant("an empty file is sent", "uploads/files.js", 'file.size ? "" : "This file is empty."', '""'),
        Mutant(
            "only the first files of a folder are read",
            "uploads/files.js",
            "if (!some.length) break;\n",
            "if (!some.length || found.length) break;\n",
        ),
        Mutant("a folder is a file, too", "uploads/files.js", " || !names.has(name)", " || true"),
        Mutant("hidden files count", "uploads/files.js", '!name.startsWith(".")', "true"),
        Mutant("a refused file is under way", "uploads/tally.js", '[...FAILED, "refused", ', "[...FAILED, "),
        Mutant("a refused file failed", "uploads/tally.js", '["failed", "dead"]', '["failed", "dead", "refused"]'),
        Mutant("a requeue is counted aloud", "uploads/heard.js", "  if (!running) return;\n", ""),
        Mutant("an earlier visit is told", "uploads/heard.js", "if (restored.has(card)) return show();", ""),
        Mutant("what is left out is not told", "uploads/kept.js", 'localStorage.setItem(OLDER, "1")', "null"),
        Mutant("refused files are kept for ever", "uploads/kept.js", "localStorage.removeItem(REFUSED);", ""),
        Mutant("a cancelled one is done", "uploads/tally.js", "over(stage) ? stage :", 'over(stage) ? "done" :'),
        Mutant(
            "a failure is told each time", "uploads/heard.js", " || stages.get(card) === stage) return;", ") return;"
        ),
        Mutant("a doubt is told at each try", "uploads/heard.js", "&& !doubted.has(card)) tell", "&& true) tell"),
        Mutant("each count is told at once", "uploads/heard.js", "timer ||= setTimeout(count, TELL_MS);", "count();"),
        Mutant("the end is not told at once", "uploads/heard.js", "if (!counts.left) return count();\n", ""),
        Mutant("counts go on over visits", "uploads/heard.js", "stages.clear();", ""),
        Mutant("a search minds the case", "list/arrange.js", "text.toLowerCase().includes", "text.includes"),
        Mutant("references are not searched", "list/arrange.js", "[id, filename, reference]", "[id, filename]"),
        Mutant(
            "the shortest comes first",
            "list/arrange.js",
            "measure(other) - measure(one)",
            "measure(one) - measure(other)",
        ),
        Mutant("a running job is the longest", "list/arrange.js", ": -1)", ": Infinity)"),
        Mutant("a time is shown in UTC", "format.js", "ms - 60_000 * new Date(ms).getTimezoneOffset()", "ms"),
        Mutant(
            "a time is asked for as it is written", "format.js", "new Date(value).toISOString()", "`${value}:00.000Z`"
        ),
        Mutant(
            "an empty filter stays in the address",
            "address.js",
            "value ? query.set(name, value) :",
            "value !== null ? query.set(name, value) :",
        ),
        Mutant(
            "each filter is a step of Back",
            "address.js",
            'if (shown === "jobs" && FILTERS.every',
            "if (false && FILTERS.every",
        ),
        Mutant("without filters there is no list", "address.js", 'query.set("view", "jobs");', ""),
        Mutant(
            "the server is asked to sort", "list/filters.js", "({ find, sort, ...others })", "({ find, ...others })"
        ),
        Mutant(
            "one is chosen, and all are",
            "list/selection.js",
            "  matching = false;\n  if (!selected.delete(id))",
            "  if (!selected.delete(id))",
        ),
        Mutant(
            "one less than all that match is one",
            "list/selection.js",
            "  if (matching) shown.ids.forEach((other) => selected.add(other));\n",
            "",
        ),
        Mutant(
            "a new filter keeps all that match",
            "list/selection.js",
            "  matching = false;\n  selected.clear();",
            "  selected.clear();",
        ),
        Mutant("all that match are offered at the end", "list/selection.js", "!all || !more ||", "!all ||"),
        Mutant("all that match are offered at once", "list/selection.js", "!all || !more ||", "!more ||"),
    ),
)
