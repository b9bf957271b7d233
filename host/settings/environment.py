"""Settings from the real environment, PIXMILL_*_FILE secrets included."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from host.settings import settings as pure
from host.settings.cache_url import NONE
from host.settings.settings import Settings
from jobs.errors import SetupFault


def load_settings() -> tuple[Settings, dict[str, str]]:
    """Settings and the source of each. Raises SetupFault naming every fault."""
    environ, faults, files = dict(os.environ), list[str](), list[str]()
    for variable in [name for name in environ if name.startswith(pure.PREFIX) and name.endswith("_FILE")]:
        try:
            path = environ.pop(variable)
            value = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            faults.append(f"{variable} cannot be read ({why}): correct the path")
            continue
        if value:
            environ[variable.removesuffix("_FILE")] = value
            files.append(f"{variable.removesuffix('_FILE')} is the content of {path}")
        else:  # to go on without this secret could open a server to everyone
            faults.append(f"{variable} names an empty file: write the value into it, or unset it")
    try:
        parsed = pure.parse(environ)
    except SetupFault as fault:
        told = [each for each in files if each.split()[0] in fault.detail]
        faults.append(" ".join([fault.detail, *[f"({each})" for each in told]]))
    if faults:
        raise SetupFault("; ".join(faults))
    return parsed


def without_secrets() -> dict[str, str]:
    """The environment for a process that needs no secret, because it opens untrusted files. Nor does it need anything
    about the store of the blobs (`AWS_...`), the server of the ledger (`PG...`, as PGPASSWORD) or the collector of
    spans (`OTEL_...`, whose headers may be a key)."""
    return _without(os.environ, variables_of(pure.SECRETS), ("AWS_", "PG", "OTEL_"))


def of_courier(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a courier, because it calls strangers: without every secret but that of the proxy, and
    without the server of the ledger. What opens the store of the blobs stays: a courier writes originals into it. The
    collector of spans stays, too (`OTEL_...`)."""
    return _without(environ, variables_of(pure.SECRETS - {"egress_proxy"}), ("PG",))


def variables_of(secrets: frozenset[str]) -> frozenset[str]:
    """The variables that hold these settings, or name a file of one; and those of the client."""
    return frozenset(f"{pure.PREFIX}{name.upper()}{end}" for name in secrets for end in ("", "_FILE")) | pure.CLIENT


def _without(environ: Mapping[str, str], names: frozenset[str], prefixes: tuple[str, ...]) -> dict[str, str]:
    return {
        name: value
        for name, value in environ.items()
        if name.upper() not in names and not name.upper().startswith(prefixes)
    }


def shown_settings(settings: Settings, sources: dict[str, str]) -> list[str]:
    """Every setting as its variable, its value (but no secret) and its source, a line each."""
    lines = []
    for name, value in msgspec.structs.asdict(settings).items():
        shown = "(secret)" if name in pure.SECRETS and value not in ("", NONE) else value
        lines.append(f"{pure.PREFIX}{name.upper():<22} {shown!s:<16} {sources[name]}")
    return lines
