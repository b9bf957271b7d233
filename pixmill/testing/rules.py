"""The server's own rules, by which the stand-in refuses: what a field, a recipe and a file may be, and in which words.

A wheel carries them in pixmill/_roles, where nobody's `import jobs` finds them (pixmill/server/__main__.py). They are
loaded from that folder here, and afterwards `jobs` is again what it is to the program. They need msgspec.
"""

import contextlib
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from pixmill.server.__main__ import ROLES

if find_spec("msgspec") is None:
    raise ModuleNotFoundError("pixmill.testing needs msgspec: pip install 'pixmill[testing]'", name="msgspec")


@contextlib.contextmanager
def _carried() -> Iterator[None]:
    """Within it, `jobs` and `host` are the server's."""
    own = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in ("jobs", "host")}
    for name in own:
        del sys.modules[name]
    sys.path.insert(0, str(ROLES))
    try:
        yield
    finally:
        sys.path.remove(str(ROLES))
        for name in [name for name in sys.modules if name.partition(".")[0] in ("jobs", "host")]:
            del sys.modules[name]
        sys.modules.update(own)


with _carried():
    from host.egress.receivers import judged_receiver
    from jobs.errors import ClientFault, LimitExceeded, SetupFault
    from jobs.images.formats import HEIC, READ
    from jobs.images.head import HeadReader, format_of
    from jobs.images.judged import judged
    from jobs.limits import BATCH_JOBS_MAX, FILES_PER_POST_MAX, FORM_BYTES_MAX, PIXELS_MAX, UPLOAD_BYTES_MAX
    from jobs.recipes.presets import Recipes, load_presets, watermark_paths
    from jobs.recipes.recipe import as_dict
    from jobs.requests.fields import FIELDS, UploadRequest, from_texts, from_values, granted
    from jobs.requests.originals import MANY, ONE, named_originals
    from jobs.requests.texts import bad_parameter, checked_key, read_json

    STANDARD = load_presets((ROLES / "recipes.toml").read_text())  # msgspec looks up the types now: later they are gone

__all__ = [
    "BATCH_JOBS_MAX", "FIELDS", "MANY", "ONE", "UPLOAD_BYTES_MAX", "ClientFault", "LimitExceeded", "Recipes",
    "UploadRequest", "as_dict", "bad_parameter", "checked_key", "format_of", "from_texts", "from_values", "granted",
    "judge_body", "judge_files", "judged_receiver", "known", "named_originals", "read_json",
]  # fmt: skip


def known(path: Path | None) -> Recipes:
    """What uploads may ask for by this recipes.toml; None: by the one that pixmill brings. Its watermarks are known by
    name, and not opened. Raises ValueError for a file that no server would start with."""
    if path is None:
        return Recipes(STANDARD, {})
    try:
        toml = path.read_text()
        watermarks = dict.fromkeys(watermark_paths(toml), "0" * 64)
        return Recipes(load_presets(toml, watermarks), watermarks)
    except SetupFault as fault:
        raise ValueError(fault.detail) from None


def judge_body(length: int, limit: str = "upload_bytes_max", most: int = UPLOAD_BYTES_MAX) -> None:
    """Judge a form by its bytes, before it is taken apart. Raises LimitExceeded."""
    if length > most + FORM_BYTES_MAX:
        raise LimitExceeded("upload_too_large", limit, most, length)


def judge_files(files: list[tuple[str, bytes]], limit: str = "upload_bytes_max", most: int = UPLOAD_BYTES_MAX) -> None:
    """Judge the images of one upload, as (file name, bytes). Raises ClientFault."""
    size = 0
    for index, (filename, data) in enumerate(files):
        if index >= FILES_PER_POST_MAX:
            raise LimitExceeded("too_many_parts", "files_per_post_max", FILES_PER_POST_MAX, index + 1)
        size += len(data)
        try:
            if size > most:
                raise LimitExceeded("upload_too_large", limit, most, size)
            _judge_head(data)
        except ClientFault as fault:
            fault.members |= {"filename": filename, "index": index}
            raise


def _judge_head(data: bytes) -> None:
    reader = HeadReader()
    reader.feed(data)
    reader.end()
    judged(reader, (*READ, HEIC), PIXELS_MAX)
