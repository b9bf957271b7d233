"""Command lines: `--help` explains, and an unknown argument starts nothing."""

import argparse
import sys
from collections.abc import Sequence

from host.process.launch import CONFIG


def take_none(role: str, description: str) -> None:
    """Return only if `python -m role` got no argument. `--help` exits with status 0, any other with 2."""
    settings = f"All settings are environment variables: {CONFIG} lists them."
    argparse.ArgumentParser(f"python -m {role}", description=description, epilog=settings).parse_args()


def take_one(role: str, words: Sequence[str], *known: str) -> None:
    """Return only if there are no words, or those of one of `known` (capitals stand for any word). `--help` exits with
    status 0, any other with 2."""
    forms = {(each.split()[0], len(each.split())) for each in known}
    if words and (words[0], len(words)) not in forms:
        explained = not {"-h", "--help"}.isdisjoint(words)
        print(f"usage: python -m {role} [{'|'.join(known)}]", file=sys.stdout if explained else sys.stderr)
        sys.exit(0 if explained else 2)
