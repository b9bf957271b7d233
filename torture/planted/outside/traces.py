"""Bugs in how the trace of a request is read, and in which span is whose."""

from torture.planted.mutant import Core, Mutant

TRACE = Core(
    "trace",
    "jobs",
    ("tests/unit/jobs/test_trace.py",),
    (
        Mutant("the version ff is read", "trace.py", "(?P<version>(?!ff)[0-9a-f]{2})", "(?P<version>[0-9a-f]{2})"),
        Mutant("a trace of zeros is read", "trace.py", "(?P<trace>(?!0{32})", "(?P<trace>"),
        Mutant("a span of zeros is read", "trace.py", "(?P<span>(?!0{16})", "(?P<span>"),
        Mutant("version 00 may have more fields", "trace.py", 'found["version"] == "00"', "False"),
        Mutant(
            "the first of two traceparents counts", "trace.py", "if len(parents) == 1 else None", "if parents else None"
        ),
        Mutant("unknown flags are passed on", "trace.py", "flags & (SAMPLED | RANDOM)", "flags & 0xFF"),
        Mutant("a tracestate may have any number of entries", "trace.py", "len(entries) > STATE_ENTRIES_MAX or ", ""),
        Mutant("an entry may come twice", "trace.py", "len(names) < len(entries) or ", ""),
        Mutant("a tracestate may have any text", "trace.py", " or not all(map(_ENTRY.fullmatch, entries))", ""),
        Mutant("long entries are not left out first", "trace.py", "(LONG_ENTRY_CHARACTERS + 1, 0)", "(0,)"),
        Mutant("a tracestate has no limit", "trace.py", "> STATE_CHARACTERS_MAX and", "> 10**6 and"),
        Mutant("the first entries are left out", "trace.py", "in reversed(entries[:]):", "in entries[:]:"),
        Mutant("the tracestate is not passed on", "trace.py", "headers[STATE] = state", "pass"),
    ),
)
SPANS = Core(
    "spans",
    "host/tracing",
    ("tests/unit/host/tracing/test_sdk.py",),
    (
        Mutant(
            "a worker ignores that a job is not recorded", "sdk.py", "any(link.context.trace_flags.sampled", "any(True"
        ),
        Mutant("a try links to nothing", "sdk.py", "[Link(span_context_of(done.trace))]", "[]"),
        Mutant(
            "a try is a child of the job", "sdk.py", "Context(), more, links", "context_of(done.trace), more, links"
        ),
        Mutant(
            "jobs of a batch have one trace",
            "sdk.py",
            "for each in made], span)",
            "for each in made[:1] * len(made)], span)",
        ),
        Mutant(
            "the send of a batch is a producer",
            "sdk.py",
            "names.SEND, SpanKind.CLIENT",
            "names.SEND, SpanKind.PRODUCER",
        ),
        Mutant("a failed span tells no code", "sdk.py", "span.set_attribute(names.ERROR_TYPE, str(code))", "pass"),
        Mutant("a span is left open", "sdk.py", "    finally:\n        span.end()", "    finally:\n        pass"),
        Mutant("a try ends now", "sdk.py", "span.end(int(done.ended_at * NANOSECONDS))", "span.end()"),
    ),
)
