"""Uploads a hundred thousand random recipes with small pictures. None may be answered by a 5xx, none may pass a limit,
and none may end by a fault that is not its own.

    python -m torture.recipes [--recipes 100000] [--pictures 200] [--seed 1]
"""

import argparse
import hashlib
import io
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image

from bench.parts.report import close, table
from tests.support.clusters.cluster import Cluster
from torture.recipes.asked import MARK, Recipes
from torture.recipes.judge import faults
from torture.recipes.pictures import pictures

RECIPES, PICTURES, SEED = 100_000, 200, 1
AT_ONCE = 12
WAIT_SECONDS = 60
LOOKED_AT = 0.02
"""How many of the jobs have their renditions fetched and decoded."""
KEPT_FAULTS = 20


class Crowd:
    """Clients that upload until `count` recipes are answered. `answers`: how many there were of each kind."""

    def __init__(self, url: str, count: int, files: list[bytes], recipes: Recipes, seed: int) -> None:
        self._url, self._left, self._files, self._recipes = url, count, files, recipes
        self._random, self._lock = random.Random(seed), threading.Lock()
        self.answers: Counter[str] = Counter()
        self.keys: Counter[str] = Counter()
        self.looked_at = 0
        self.faults: list[dict[str, Any]] = []

    def run(self) -> None:
        """Send all of them."""
        clients = [threading.Thread(target=self._one_after_the_other) for _ in range(AT_ONCE)]
        for each in clients:
            each.start()
        for each in clients:
            each.join()

    def _one_after_the_other(self) -> None:
        with httpx2.Client(base_url=self._url, timeout=2 * WAIT_SECONDS, verify=False) as client:
            while (drawn := self._next()) is not None:
                self._send(client, *drawn)

    def _next(self) -> tuple[bytes, dict[str, Any], bool] | None:
        with self._lock:
            if not self._left or len(self.faults) >= KEPT_FAULTS:
                return None
            self._left -= 1
            return self._random.choice(self._files), self._recipes.next(), self._random.random() < LOOKED_AT

    def _send(self, client: httpx2.Client, file: bytes, recipe: dict[str, Any], is_looked_at: bool) -> None:
        fields = {"recipe": json.dumps(recipe)}
        response = client.post(
            "/upload", files={"image": ("a", file)}, data=fields, headers={"Prefer": f"wait={WAIT_SECONDS}"}
        )
        while response.status_code == 202 or (response.status_code == 200 and not response.json()["ended_at"]):
            response = client.get(f"/jobs/{response.json()['id']}", params={"wait": str(WAIT_SECONDS)})
        answer = response.json()
        found = faults(response.status_code, answer)
        if is_looked_at and not found:
            found = [fault for each in answer.get("renditions", ()) for fault in self._decoded(client, each)]
        kind = answer["state"] if response.status_code == 200 else str(response.status_code)
        code = (answer.get("error") or {}).get("code") if response.status_code == 200 else answer.get("code")
        with self._lock:
            self.answers[f"{kind} {code}" if code else kind] += 1
            if kind == "done":
                self.keys.update(key for each in recipe.get("renditions", ()) for key in each)
            if found:
                digest = hashlib.sha256(file).hexdigest()[:16]
                self.faults.append({"faults": found, "recipe": recipe, "file": digest, "answer": str(answer)[:500]})

    def _decoded(self, client: httpx2.Client, made: dict[str, Any]) -> list[str]:
        """What is wrong with the file of a rendition."""
        data = client.get(made["url"]).content
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            told = {"width": image.width, "height": image.height, "format": (image.format or "").lower()}
        with self._lock:
            self.looked_at += 1
        told |= {"bytes": len(data), "digest": hashlib.sha256(data).hexdigest()}
        return [
            f"{made['name']}: {key} is {value}, {made[key]} is told"
            for key, value in told.items()
            if made[key] != value
        ]


def run(folder: Path, count: int, kinds: int, seed: int) -> dict[str, Any]:
    """Send `count` recipes to a cluster of its own."""
    mark = io.BytesIO()
    Image.new("RGBA", (24, 12), "#ff000080").save(mark, "PNG")
    (folder / "mark.png").write_bytes(mark.getvalue())
    config = folder / "recipes.toml"
    config.write_text(
        f'[watermarks]\n{MARK} = "mark.png"\n[[presets.default.renditions]]\nname = "a"\nwidth = 8\n', encoding="utf-8"
    )
    cluster = Cluster(
        folder, workers=2, recipes=config, cache_url="none", log_format="json", disk_free_bytes_min=0, queued_max=10**9
    )
    try:
        cluster.start()
        before = [pid for role in ("web", "broker", "worker") for pid in cluster.pids(role)]
        recipes = Recipes(seed, hashlib.sha256(mark.getvalue()).hexdigest())
        crowd, began = Crowd(cluster.url, count, pictures(kinds, seed), recipes, seed), time.monotonic()
        crowd.run()
        seconds = time.monotonic() - began
        errors = [str(line)[:500] for line in cluster.lines() if line["level"] in ("error", "critical")]
        return {
            "recipes": sum(crowd.answers.values()), "seconds": round(seconds, 1),
            "answers": dict(crowd.answers.most_common()), "files_decoded": crowd.looked_at,
            "keys_of_done": dict(crowd.keys.most_common()),
            "same_processes": before == [p for role in ("web", "broker", "worker") for p in cluster.pids(role)],
            "faults": crowd.faults, "errors": errors,
        }  # fmt: skip
    finally:
        cluster.stop()


def main() -> int:
    """Run, print; 1 if there was a fault."""
    parser = argparse.ArgumentParser(prog="python -m torture.recipes", description=__doc__)
    parser.add_argument("--recipes", type=int, default=RECIPES)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pixmill-torture-") as folder:
        found = run(Path(folder), asked.recipes, asked.pictures, asked.seed)
    table((f"random recipes, seed {asked.seed}", ""), [(name, str(value)[:4000]) for name, value in found.items()])
    broken = bool(found["faults"] or found["errors"]) or not found["same_processes"]
    close("recipes", {**found, "faults": len(found["faults"]), "errors": len(found["errors"])})
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
