"""Which optional packages this installation has, and which optional library its system has."""

import ctypes
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from jobs.images.formats import HEIC, READ


def vips_installed() -> bool:
    """Whether libvips works beside Pillow: with the extra `vips`."""
    return find_spec("pyvips") is not None


TURBOJPEG = ("libturbojpeg.so.0", "libturbojpeg.0.dylib")
"""The names of libturbojpeg: Debian's package is libturbojpeg0, Alpine's and Homebrew's come with libjpeg-turbo."""


def turbojpeg_file() -> str:
    """The file name of the system's libturbojpeg, with its version; "" if there is none."""
    for name in TURBOJPEG:
        with suppress(OSError):
            ctypes.CDLL(name)
            return _mapped(name)
    return ""


def _mapped(name: str) -> str:
    """The real name of a library that was loaded as `name`: `libturbojpeg.so.0.2.0` of `libturbojpeg.so.0`."""
    with suppress(OSError):
        maps = Path("/proc/self/maps").read_text().splitlines()
        return next((file.name for line in maps if (file := Path(line[73:])).name.startswith(name)), name)
    return name


def formats_read() -> tuple[str, ...]:
    """The image formats that an upload may have: HEIC too if pi-heif is installed, as it is by default."""
    return (*READ, HEIC) if find_spec("pi_heif") else READ


def otel_installed() -> bool:
    """Whether spans can be made: with the extra `otel`."""
    return find_spec("opentelemetry") is not None and find_spec("opentelemetry.sdk") is not None
