"""`python -m web key TENANT SCOPE`: a new API key, told this once, and its line for PIXMILL_API_KEYS."""

import argparse
import secrets
import sys

from jobs.access.keys import VARIABLE, Scope, entry_of

KEY_BYTES = 32
"""Random ones: so many that a plain SHA-256 of the key is as safe as the key."""
NOTE = """\
The key (told only here), and what the server is to know of it. Several entries are separated by commas;
with PIXMILL_API_KEYS_FILE they may be lines of a file, as they are, which is read again by `make restart`."""


def main(words: list[str]) -> int:
    """Print them to stdout, and to stderr what they are; the exit status."""
    parser = argparse.ArgumentParser("python -m web key", description=__doc__)
    parser.add_argument("tenant", metavar="TENANT", help="whose jobs are kept apart by it: a name")
    parser.add_argument("scope", metavar="SCOPE", choices=[scope.value for scope in Scope], help=", ".join(Scope))
    asked = parser.parse_args(words)
    key = f"pm_{secrets.token_urlsafe(KEY_BYTES)}"
    try:
        entry = entry_of(asked.tenant, Scope(asked.scope), key)
    except ValueError as fault:
        parser.error(str(fault))
    print(NOTE, file=sys.stderr)
    print(f"{key}\n{VARIABLE}{entry}")
    return 0
