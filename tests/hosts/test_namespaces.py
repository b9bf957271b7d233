"""Hosts that are network namespaces, one of them cut off for seconds. The long run is `python -m torture.hosts`."""

import json
import subprocess
import sys

import pytest

from tests.support.clusters import lab
from tests.support.clusters.cluster import ROOT
from tests.support.house.needs import lacking
from tests.support.servers import seaweed

pytestmark = pytest.mark.cluster
CUT = ["--seconds", "5", "--hosts", "broker", "--cuts", "drop"]
SECONDS = 170.0


def missing() -> str:
    return lab.MISSING if not lab.possible() else seaweed.MISSING if seaweed.program() is None else ""


def test_a_broker_that_was_cut_off_is_back_within_seconds_and_nothing_is_lost() -> None:
    """A heartbeat ends the connections after 3 s, so the cut is longer than that."""
    if why := missing():
        lacking(f"{why} (not tested: a partition between hosts)")
    torture = [sys.executable, "-m", "torture.hosts", *CUT]
    run = subprocess.run(torture, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    figures = json.loads(run.stdout.splitlines()[-1])["figures"]
    assert figures["broker drop_accepted"] > figures["broker drop_accepted_before"] > 0
    assert figures["broker drop_lost"] == figures["broker drop_ended_twice"] == 0
    assert figures["broker drop_working_after"] < 5.0
