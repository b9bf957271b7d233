"""From a command of the client to the server: this process becomes the launcher. Refuses without the extra `roles`."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

LAUNCHER = Path(__file__).resolve().parent / "__main__.py"
NEEDED = (
    "h11",
    "httptools",
    "msgspec",
    "PIL",
    "prometheus_client",
    "python_multipart",
    "starlette",
    "uvicorn",
    "uvloop",
    "zmq",
)
"""The modules of the extra `roles` without which no server starts: all but pi_heif."""
INSTALLERS = (
    ("uv-receipt.toml", "uv tool install --force 'pixmill[roles]'"),
    ("pipx_metadata.json", "pipx install --force 'pixmill[roles]'"),
)
"""A file that a tool leaves in the environments that it makes, and its line that adds the extra."""


def start(module: str, *words: str) -> NoReturn:
    """Replace this process by `module` of the roles. If they cannot run, print the line to type, and end with 2."""
    if any(find_spec(name) is None for name in NEEDED):
        print(f"pixmill: the server's packages are not installed: {line_to_type(Path(sys.prefix))}", file=sys.stderr)
        sys.exit(2)
    os.execv(sys.executable, [sys.executable, "-P", str(LAUNCHER), module, *words])


def line_to_type(prefix: Path) -> str:
    """The line that installs the extra into the environment in folder `prefix`, by the tool that made it."""
    for mark, line in INSTALLERS:
        if (prefix / mark).exists():
            return line
    if any((folder / "CACHEDIR.TAG").exists() for folder in prefix.parents):  # uvx's environments are in uv's cache
        return "uvx --from 'pixmill[roles]' pixmill serve"
    described = prefix / "pyvenv.cfg"
    if described.exists() and "\nuv = " in described.read_text(errors="replace"):  # uv's environments have no pip
        return f"uv pip install --python {sys.executable} 'pixmill[roles]'"
    return f"{sys.executable} -m pip install 'pixmill[roles]'"
