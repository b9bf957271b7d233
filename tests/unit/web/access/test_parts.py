"""web/access/parts.py: what a web process makes at its first start."""

import logging
from pathlib import Path

import pytest

from host.settings.settings import Settings
from web.access.parts import KEY_SECRET, open_web

SAID = "secrets_made"


@pytest.mark.parametrize(("brokers", "told"), [("tcp://127.0.0.1:7000", True), ("1", False), ("2", False)])
def test_a_host_of_web_that_makes_secrets_of_its_own_says_so_once(
    brokers: str, told: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings, log = Settings(data=str(tmp_path), brokers=brokers), logging.getLogger("test.web")
    open_web(settings, log)
    assert (SAID in caplog.messages) == told
    caplog.clear()
    made = (tmp_path / KEY_SECRET).read_bytes()
    assert open_web(settings, log).key_secret == made
    assert SAID not in caplog.messages
