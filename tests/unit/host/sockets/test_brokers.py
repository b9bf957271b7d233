"""host/sockets/brokers.py: the list is read again; what cannot be read changes nothing and is one line."""

import logging
import socket
from pathlib import Path
from typing import Any

import pytest

from host.settings.settings import Settings
from host.sockets.brokers import Brokers
from jobs.errors import SetupFault

LOG = logging.getLogger("test")


def brokers_of(tmp_path: Path, brokers: str, **settings: Any) -> Brokers:
    return Brokers(Settings(brokers=brokers, data=str(tmp_path), run=str(tmp_path / "run"), **settings), LOG)


def places(brokers: Brokers) -> list[str]:
    return [each.endpoint("jobs") for each in brokers.wires]


def test_local_sockets_and_numeric_addresses_are_read_once(tmp_path: Path) -> None:
    local, fixed = brokers_of(tmp_path, "2"), brokers_of(tmp_path, "tcp://[::1]:7000 tcp://10.0.0.1:7000")
    assert places(local) == [f"ipc://{tmp_path}/run/jobs.sock"]
    assert places(fixed) == ["tcp://[::1]:7000", "tcp://10.0.0.1:7000"]
    assert (local.is_live, fixed.is_live) == (False, False)
    assert (local.several, fixed.several) == (True, True)
    assert (local.curve, fixed.curve) == (None, tmp_path / "curve")
    assert brokers_of(tmp_path, "tcp://10.0.0.1:7000", curve=False).curve is None


def test_a_name_is_looked_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answers: list[Any] = [["10.0.0.2", "10.0.0.1"], socket.gaierror(-3, "later"), ["10.0.0.3"]]
    answers.insert(1, answers[1])

    def look_up(host: str, port: int, **_: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in answer]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    brokers = brokers_of(tmp_path, "tcp://broker:7000")
    assert (brokers.is_live, brokers.several) == (True, True)
    assert places(brokers) == ["tcp://10.0.0.1:7000", "tcp://10.0.0.2:7000"]
    caplog.clear()
    brokers.read()
    brokers.read()
    assert places(brokers) == ["tcp://10.0.0.1:7000", "tcp://10.0.0.2:7000"]
    assert [record.getMessage() for record in caplog.records] == ["brokers_list_failing"], "once"
    brokers.read()
    assert places(brokers) == ["tcp://10.0.0.3:7000"]
    assert [record.getMessage() for record in caplog.records[1:]] == ["brokers_listed"]


def test_a_name_without_an_address_is_waited_for(tmp_path: Path) -> None:
    for name in ("nowhere.invalid", "a..b"):
        assert brokers_of(tmp_path, f"tcp://{name}:7000").wires == ()


def test_a_file_is_read_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "brokers"
    file.write_text("tcp://10.0.0.1:7000\n")
    brokers = brokers_of(tmp_path, f"file:{file}")
    assert brokers.is_live
    for bad in ("", "tcp://10.0.0.1\n", "tcp://\xe4:7000", "\n".join(f"tcp://10.0.0.{n}:1" for n in range(6))):
        file.write_text(bad)
        assert "is no list" in brokers.read()
        assert places(brokers) == ["tcp://10.0.0.1:7000"]
    file.unlink()
    assert brokers.read() == "No such file or directory"
    brokers.read()
    assert [vars(record)["why"] for record in caplog.records][1:] == ["No such file or directory"]
    assert len(caplog.records) == 2
    file.write_text("tcp://10.0.0.2:7000\ntcp://10.0.0.1:7000\n")
    assert brokers.read() == ""
    assert places(brokers) == ["tcp://10.0.0.2:7000", "tcp://10.0.0.1:7000"]


def test_a_file_that_cannot_be_read_refuses_the_start(tmp_path: Path) -> None:
    with pytest.raises(SetupFault, match=r"nothing No such file or directory: correct it, or PIXMILL_BROKERS"):
        brokers_of(tmp_path, f"file:{tmp_path}/nothing")
