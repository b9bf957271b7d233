"""The outcomes of uploads to a real cluster, in a word or two each; and the manifest of the whole corpus.

`python -m tests.support.pictures.outcomes` uploads the corpus to a cluster of its own, and writes the manifest.
"""

import json
import random
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2

from tests.support.clusters.cluster import Cluster
from tests.support.pictures.images import CORPUS

MANIFEST = Path(__file__).with_name("corpus.json")
RECIPE = '{"renditions": [{"name": "a", "width": 64, "height": 64}]}'
AT_ONCE = 8
SECONDS_MAX = 60


def outcomes(cluster: Cluster, files: Mapping[str, bytes]) -> dict[str, str]:
    """The outcome of each file: `done`, `failed CODE`, `dead CODE`, or `refused STATUS CODE`."""
    return {name: in_short(answer) for name, answer in answers(cluster, files).items()}


def answers(cluster: Cluster, files: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """By file, the ended job, or the problem document of the refusal."""
    with cluster.client() as client, ThreadPoolExecutor(AT_ONCE) as pool:
        each = pool.map(lambda named: _answer(client, *named), files.items())
        return dict(zip(files, each, strict=True))


def in_short(answer: dict[str, Any]) -> str:
    """One line of a manifest."""
    if "state" not in answer:
        return f"refused {answer['status']} {answer['code']}"
    code = (answer["error"] or {}).get("code")
    return f"{answer['state']} {code}" if code else str(answer["state"])


def _answer(client: httpx2.Client, name: str, data: bytes) -> dict[str, Any]:
    parts = {"image": (Path(name).name, data)}
    posted = client.post("/upload", files=parts, data={"recipe": RECIPE})
    found: dict[str, Any] = posted.json()
    if posted.status_code != 202:
        return found
    for _ in range(SECONDS_MAX):
        found = client.get(f"/jobs/{posted.json()['id']}", params={"wait": "1"}).json()
        if found["ended_at"]:
            return found
    raise AssertionError(f"{name} has not ended: {found}")


def corpus() -> dict[str, bytes]:
    """The corpus' files by their names in it."""
    paths = sorted(path for path in CORPUS.rglob("*") if path.is_file())
    return {str(path.relative_to(CORPUS)): path.read_bytes() for path in paths}


def sample(files: Mapping[str, bytes], seed: int, count: int) -> dict[str, bytes]:
    """`count` of them, the same for the same seed."""
    return {name: files[name] for name in sorted(random.Random(seed).sample(sorted(files), count))}


def manifest() -> dict[str, str]:
    """The outcomes in the manifest."""
    known: dict[str, str] = json.loads(MANIFEST.read_text())
    return known


def main() -> None:
    """Write the manifest."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder), workers=2).start()
        try:
            found = outcomes(cluster, corpus())
        finally:
            cluster.stop()
    MANIFEST.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    print(f"{len(found)} files: {MANIFEST}")


if __name__ == "__main__":
    main()
