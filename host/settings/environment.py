"""Settings from the real environment, PIXMILL_*_FILE secrets included."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from host.settings import settings as pure
from host.settings.settings import Settings
from jobs.errors import SetupFault


def load_settings() -> tuple[Settings, dict[str, str]]:
    """Settings and the source of each. Raises SetupFault naming every fault."""
    environ, faults = dict(os.environ), list[str]()
    for variable in [name for name in environ if name.startswith(pure.PREFIX) and name.endswith("_FILE")]:
        try:
            value = Path(environ.pop(variable)).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            faults.append(f"{variable} cannot be read ({why}): correct the path")
            continue
        if value:
            environ[variable.removesuffix("_FILE")] = value
        else:  # to go on without this secret could open a server to everyone
            faults.append(f"{variable} names an empty file: write the value into it, or unset it")
    try:
        parsed = pure.parse(environ)
    except SetupFault as fault:
        faults.append(fault.detail)
    if faults:
        raise SetupFault("; ".join(faults))
    return parsed


def without_secrets() -> dict[str, str]:
    """The environment for a process that needs no secret, because it opens untrusted files."""
    secret = {f"{pure.PREFIX}{name.upper()}{end}" for name in pure.SECRETS for end in ("", "_FILE")} | pure.CLIENT
    return {name: value for name, value in os.environ.items() if name.upper() not in secret}


def shown_settings(settings: Settings, sources: dict[str, str]) -> list[str]:
    """Every setting as its variable, its value (but no secret) and its source, a line each."""
    lines = []
    for name, value in msgspec.structs.asdict(settings).items():
        shown = "(secret)" if name in pure.SECRETS and value else value
        lines.append(f"{pure.PREFIX}{name.upper():<22} {shown!s:<16} {sources[name]}")
    return lines


@contextlib.contextmanager
def setup_faults_end(role: str) -> Iterator[None]:
    """On a SetupFault, ends the process with status 2 and one sentence, without a traceback."""
    try:
        yield
    except SetupFault as fault:
        print(f"{role}: {fault.detail}", file=sys.stderr)
        sys.exit(2)
