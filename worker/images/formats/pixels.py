"""The memory in which Pillow keeps a picture, lent without a copy, by the Arrow C data interface.

Owns how it is found. One byte for a pixel of one band, else four: of RGB the last says nothing, of LA the first is
there three times.
"""

import ctypes
from typing import Any

from PIL import Image


class _Array(ctypes.Structure):
    """ArrowArray, but for its last fields. A picture of several bands is a list of fours, its bytes in a child."""


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
    """Every picture up to 2 GB from here on, without gaps. By default Pillow keeps none of more than 16 MB so, and an
    environment may ask it for gaps between rows."""
    core: Any = Image.core  # type: ignore[attr-defined]
    core.set_block_size(_BLOCK_BYTES)
    core.set_alignment(1)


def memory(image: Image.Image) -> memoryview:
    """The bytes of `image`, row by row, to read and to write, for as long as it lives. Raises MemoryError where Pillow
    found no room for one block, and took several."""
    try:
        capsule = image.__arrow_c_array__()[1]
    except ValueError:
        raise MemoryError from None
    array: Any = ctypes.cast(_opened(capsule, b"arrow_array"), ctypes.POINTER(_Array)).contents
    pixels = array.children[0].contents if array.n_children else array
    view: memoryview = _view(pixels.buffers[1], pixels.length, _WRITABLE)
    return view
