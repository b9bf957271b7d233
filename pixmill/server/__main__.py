"""The launcher: runs a module of the roles. `python -m pixmill.server web key acme write` is a checkout's
`python -m web key acme write`.

A wheel carries the roles in pixmill/_roles, where nobody's `import web` finds them. The launcher puts this folder on
its own sys.path, and -P keeps the working folder off it: a user's `web` and pixmill's never meet. Processes are started
by the path of this file (host/process/launch.py), so none of them loads the client; therefore it imports pixmill only
where `python -m` has done so before.
"""

import runpy
import sys
from pathlib import Path

_CARRIED = Path(__file__).resolve().parents[1] / "_roles"
ROLES = _CARRIED if _CARRIED.is_dir() else _CARRIED.parents[1]
"""The folder of the roles: the wheel's, or the checkout that this is a part of."""


def main(words: list[str]) -> None:
    """Run the module `words[0]` with the other words as its arguments."""
    if not words or words[0].startswith("-"):
        print("usage: python -m pixmill.server MODULE [WORDS...], for example: web key acme write", file=sys.stderr)
        sys.exit(2)
    if not sys.flags.safe_path:
        from pixmill.server.start import start

        start(*words)
    sys.path.insert(0, str(ROLES))
    sys.argv[1:] = words[1:]
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
