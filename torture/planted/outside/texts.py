"""Bugs in the texts and keys that clients send."""

from torture.planted.mutant import Core, Mutant

TEXTS = Core(
    "texts",
    "jobs/requests",
    ("tests/unit/jobs/requests/test_texts.py",),
    (
        Mutant("quotes are of the key", "texts.py", "key = key[1:-1]", "pass"),
        Mutant("one quote is an empty key", "texts.py", "if len(key) > 1 and key[0]", "if key[0:1] and key[0]"),
        Mutant("a key may have spaces", "texts.py", "x21-", "x20-"),
        Mutant("a key of 256 is taken", "texts.py", "{1,255}", "{1,256}"),
    ),
)
