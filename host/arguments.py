"""Command lines: `--help` explains, and what is not known starts nothing."""

import argparse
import sys
from collections.abc import Sequence


def take_none(role: str, description: str) -> None:
    """Go on only if `python -m role` was given no argument: `--help` ends with status 0, others with 2."""
    settings = "All settings are environment variables: make config lists them."
    argparse.ArgumentParser(f"python -m {role}", description=description, epilog=settings).parse_args()


def take_one(role: str, words: Sequence[str], *known: str) -> None:
    """Go on only if the first word, if there is one, begins one of `known`: `--help` ends with status 0, others
    with 2."""
    if words and words[0] not in {each.split()[0] for each in known}:
        print(f"usage: python -m {role} [{'|'.join(known)}]")
        sys.exit(0 if words[0] in ("-h", "--help") else 2)
