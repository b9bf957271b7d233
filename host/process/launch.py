"""The command lines by which a process of pixmill starts another one, in a checkout and in a wheel.

In a checkout `python -m` finds the roles in the working folder. A wheel carries them in pixmill/_roles, and only its
launcher, pixmill/server/__main__.py, has that folder on sys.path. Starts no process itself.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The folder of jobs/, host/, stores/, the roles and recipes.toml."""
IS_WHEEL = ROOT.name == "_roles"
_LAUNCHER = (ROOT.parent if IS_WHEEL else ROOT / "pixmill") / "server" / "__main__.py"


def command(module: str, *words: str) -> list[str]:
    """The command line that runs `module` as a program, found in the way in which this process found its own modules:
    -P says that the working folder is not on sys.path, so the launcher runs it."""
    return [sys.executable, *(["-P", str(_LAUNCHER)] if sys.flags.safe_path else ["-m"]), module, *words]


def typed(module: str) -> str:
    """What a person types to run a module, for a message; words behind it are its arguments."""
    return f"python -m {'pixmill.server ' if IS_WHEEL else ''}{module}"


START, STOP, CONFIG = "make run-all", "make stop", "make config"
if IS_WHEEL:
    START, STOP, CONFIG = "pixmill serve", typed("supervisor stop"), typed("supervisor config")
"""What a person types to start and stop everything, and to see all settings."""
NONE = f"no pixmill runs on {{}}: {START}, or set PIXMILL_DATA and PIXMILL_RUN as at its start"
"""What is said of DATA if no supervisor answers. Often one runs, and this shell has another DATA than its start had."""
