"""More than fifty forbidden addresses in a dozen spellings each: none of them is ever called.

In a network namespace where every address is this machine: a listener on all addresses counts the connections.
"""

import json
import shutil
import subprocess
import sys

import pytest

from tests.support.patience import stretched
from tests.support.servers.spellings import FORBIDDEN, spellings


def can_unshare() -> bool:
    """Whether this user may have a network namespace."""
    tools = shutil.which("unshare") and shutil.which("ip")
    return bool(tools) and subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode == 0


def test_each_address_has_a_dozen_spellings() -> None:
    assert len(FORBIDDEN) >= 50
    assert min(len(set(spellings(each))) for each in FORBIDDEN) >= 12


@pytest.mark.skipif(not can_unshare(), reason="this machine gives no network namespace, or has no iproute2")
def test_no_spelling_of_a_forbidden_address_is_called() -> None:
    """Some spellings begin with a good address: these are called once each, and nothing else is. Without the gate's
    judgement, most of the forbidden addresses answer: so the listener would have counted them."""
    run = subprocess.run(
        ["unshare", "-rn", sys.executable, "-m", "tests.hostile.every_address"],
        capture_output=True, text=True, timeout=stretched(100.0), check=True,
    )  # fmt: skip
    found = json.loads(run.stdout)
    asked = [spelling for forbidden in FORBIDDEN for spelling in spellings(forbidden)]
    turned = sum("turned." in spelling.url for spelling in asked)
    assert found["reached"] == {}
    assert found["outcomes"] == {"refused": len(asked) - turned, "answered": turned}
    assert found["good"] == turned + sum(spelling.redirected for spelling in asked)
    assert found["without"] > 30
