"""Which optional packages this installation has: asked without importing them."""

from importlib.util import find_spec

from jobs.images.formats import HEIC, READ


def vips_installed() -> bool:
    """Whether libvips works beside Pillow: with the extra `vips`."""
    return find_spec("pyvips") is not None


def formats_read() -> tuple[str, ...]:
    """The image formats that an upload may have: HEIC too if pi-heif is installed, as it is by default."""
    return (*READ, HEIC) if find_spec("pi_heif") else READ
