"""Settings from the real environment, PIXMILL_*_FILE secrets included."""

import os
from pathlib import Path

from jobs import settings as pure
from jobs.errors import SetupFault
from jobs.settings import Settings


def load_settings() -> tuple[Settings, dict[str, str]]:
    """Settings and the source of each. Raises SetupFault naming every fault."""
    environ = dict(os.environ)
    for variable in [name for name in environ if name.startswith(pure.PREFIX) and name.endswith("_FILE")]:
        try:
            environ[variable.removesuffix("_FILE")] = Path(environ.pop(variable)).read_text().strip()
        except OSError as error:
            raise SetupFault(f"{variable} cannot be read ({error.strerror}): correct the path") from None
    return pure.parse(environ)
