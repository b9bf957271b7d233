"""Old and new parts work together while an upgrade replaces one after the other, and while a downgrade does. At full
length, and in place: `python -m torture.upgrade`."""

from pathlib import Path

import pytest

from tests.support.clusters.cluster import ROOT
from torture.upgrade.releases import has, lay_down, previous_ref, schema_of
from torture.upgrade.scenarios import Mixed, broken, by_role

pytestmark = pytest.mark.cluster


@pytest.mark.skipif(not has(previous_ref()), reason="this tree has no history with the release before")
def test_an_upgrade_and_a_downgrade_by_role_fail_no_request(tmp_path: Path) -> None:
    old = lay_down(previous_ref(), tmp_path / "old")
    cluster = Mixed(tmp_path)
    try:
        figures = by_role(cluster, old, ROOT, back=schema_of(old) == schema_of(ROOT))
    finally:
        cluster.stop()
    assert broken("by_role", figures) == []
