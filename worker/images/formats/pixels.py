"""Gives access to the memory of a Pillow picture without a copy, by the Arrow C data interface.

A picture of one band has one byte for each pixel, any other has four. In RGB the last byte has no meaning; LA is stored
as L, L, L, A.
"""

import ctypes
from typing import Any

from PIL import Image


class _Array(ctypes.Structure):
    """ArrowArray without its last fields. A picture of several bands is a list of four bytes a pixel, in a child."""


_Array._fields_ = [
    ("length", ctypes.c_int64), ("null_count", ctypes.c_int64), ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64), ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)), ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
]  # fmt: skip
_BLOCK_BYTES = 2**31 - 4096
_WRITABLE = 0x200
_opened = ctypes.pythonapi.PyCapsule_GetPointer
_opened.restype, _opened.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
_view = ctypes.pythonapi.PyMemoryView_FromMemory
_view.restype, _view.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)


def keep_in_one_block() -> None:
    """Make Pillow store each picture up to 2 GB in one block, without gaps between rows. By default it splits pictures
    of more than 16 MB, and the environment may ask for gaps."""
    core: Any = Image.core  # type: ignore[attr-defined]
    core.set_block_size(_BLOCK_BYTES)
    core.set_alignment(1)


def memory(image: Image.Image) -> memoryview:
    """The bytes of `image`, row by row, readable and writable while the image lives. Raises MemoryError if Pillow could
    not allocate one block, and took several."""
    try:
        capsule = image.__arrow_c_array__()[1]
    except ValueError:
        raise MemoryError from None
    array: Any = ctypes.cast(_opened(capsule, b"arrow_array"), ctypes.POINTER(_Array)).contents
    pixels = array.children[0].contents if array.n_children else array
    view: memoryview = _view(pixels.buffers[1], pixels.length, _WRITABLE)
    return view
