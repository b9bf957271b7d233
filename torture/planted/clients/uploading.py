"""Bugs in what an upload of many files remembers and tells."""

from torture.planted.mutant import Core, Mutant

UPLOADING = Core(
    "uploading",
    "pixmill/commands",
    ("tests/unit/pixmill/commands/test_upload.py",),
    (
        Mutant(
            "an uploaded file is forgotten",
            "uploading.py",
            "        self._state.keep(key, Known(promise.id))\n",
            "        pass\n",
        ),
        Mutant(
            "a purged job is taken for there",
            "uploading.py",
            "        except NotFound:\n            return None\n",
            "        except NotFound:\n            raise\n",
        ),
        Mutant(
            "a file's content is no part of its key",
            "state.py",
            "parts = [url, dict(sorted(asked.items())), name, digest]",
            "parts = [url, dict(sorted(asked.items())), name]",
        ),
        Mutant(
            "a recipe is no part of a key",
            "state.py",
            "parts = [url, dict(sorted(asked.items())), name, digest]",
            "parts = [url, name, digest]",
        ),
        Mutant(
            "Ctrl-C hides what was promised",
            "uploading.py",
            "            for job, entries in self._pending.items():",
            "            for job, entries in {}.items():",
        ),
        Mutant(
            "renditions are saved again",
            "uploading.py",
            "        if there:\n            return there\n",
            "",
        ),
        Mutant(
            "a later run calls an end that was never told one from before",
            "uploading.py",
            "Entry(file, key, known.told), job)",
            "Entry(file, key, True), job)",
        ),
    ),
)
