"""Old and new parts work together while an upgrade replaces one after the other, and while a downgrade does. At full
length, and in place: `python -m torture.upgrade`."""

import subprocess
import sys
from pathlib import Path

import pytest

from jobs.recipes.presets import load_presets
from jobs.recipes.recipe import canonical
from tests.support.clusters.cluster import ROOT
from torture.upgrade.releases import has, lay_down, previous_ref, schema_of
from torture.upgrade.scenarios import Mixed, broken, by_role

pytestmark = pytest.mark.cluster
released = pytest.mark.skipif(not has(previous_ref()), reason="this tree has no history with the release before")
PARSED = "import sys; from jobs.recipes.recipe import parse; [parse(text) for text in sys.stdin.read().splitlines()]"


@released
def test_workers_of_the_release_before_know_all_keys_of_our_presets(tmp_path: Path) -> None:
    old = lay_down(previous_ref(), tmp_path / "old")
    texts = "\n".join(canonical(each) for each in load_presets((ROOT / "recipes.toml").read_text()).values())
    done = subprocess.run([sys.executable, "-c", PARSED], cwd=old, input=texts, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


@released
def test_an_upgrade_and_a_downgrade_by_role_fail_no_request(tmp_path: Path) -> None:
    old = lay_down(previous_ref(), tmp_path / "old")
    cluster = Mixed(tmp_path)
    try:
        figures = by_role(cluster, old, ROOT, back=schema_of(old) == schema_of(ROOT))
    finally:
        cluster.stop()
    assert broken("by_role", figures) == []
