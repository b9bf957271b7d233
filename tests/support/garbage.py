"""Shows that memory is free by its reference counts alone."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def no_look_for_garbage() -> Iterator[None]:
    """The interpreter looks for no garbage in this block: what forms a circle stays."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
