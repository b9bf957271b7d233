"""Keys, addresses and names of sockets on tcp, without a socket."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest
import zmq

from host.settings.settings import Settings, broker_address, parse
from host.sockets import curve
from host.sockets.addresses import Wires
from host.sockets.bound import bound, is_bound
from jobs.errors import SetupFault


def test_keys_are_made_once_and_for_their_user_alone(tmp_path: Path) -> None:
    folder = curve.make_keys(tmp_path / "curve")
    client = curve.Client(folder)
    assert (folder / "allowed" / "local.key").read_bytes() == client.key
    assert curve.Client(curve.make_keys(folder)).key == client.key
    assert all(path.stat().st_mode & 0o077 == 0 for path in [folder, *folder.rglob("*")])


def test_another_machine_gets_keys_of_its_own_and_no_secret_of_the_broker(tmp_path: Path) -> None:
    folder = curve.make_keys(tmp_path / "curve")
    theirs = curve.make_keys(folder, "north")
    assert sorted(path.name for path in theirs.iterdir()) == ["broker.key", "client.key", "client.secret"]
    assert curve.Client(theirs).key == (folder / "allowed" / "north.key").read_bytes()
    assert curve.Client(theirs).key != curve.Client(folder).key


def test_keys_that_others_may_read_are_refused(tmp_path: Path) -> None:
    folder = curve.make_keys(tmp_path / "curve")
    folder.chmod(0o750)
    with pytest.raises(SetupFault, match="chmod 700"):
        curve.Client(folder)


def test_missing_and_broken_keys_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SetupFault, match="run python -m broker keys"):
        curve.Client(tmp_path / "curve")
    folder = curve.make_keys(tmp_path / "curve")
    (folder / "client.secret").write_bytes(b"short")
    with pytest.raises(SetupFault, match=r"client\.secret holds no key"):
        curve.Client(folder)


def test_an_incarnation_belongs_to_one_key() -> None:
    ours = bound("0123", b"key")
    assert is_bound(ours, b"key")
    assert not is_bound(ours, b"other")
    assert not is_bound("0123", b"key")
    assert not is_bound(ours + ".", b"key")


@pytest.mark.parametrize(
    ("brokers", "address"),
    [
        ("1", None),
        ("tcp://10.0.0.1:7000", ("10.0.0.1", 7000)),
        ("tcp://broker.local:65532", ("broker.local", 65532)),
        ("tcp://[::1]:7000", ("::1", 7000)),
    ],
)
def test_addresses(brokers: str, address: tuple[str, int] | None) -> None:
    assert broker_address(Settings(brokers=brokers)) == address


@pytest.mark.parametrize(
    "brokers", ["0", "2", "", "tcp://*:7000", "tcp://a:0", "tcp://a:65533", "tcp://a", "ipc://a", "tcp://a:1,tcp://b:1"]
)
def test_what_is_no_address_is_a_fault_by_name(brokers: str) -> None:
    with pytest.raises(SetupFault, match=r"PIXMILL_BROKERS=.+ must be 1, or the broker's address"):
        parse({"PIXMILL_BROKERS": brokers})


def test_each_socket_has_a_port() -> None:
    wires = Wires(Path("run"), ("::1", 7000))
    assert [wires.endpoint(name) for name in ("jobs", "changes")] == ["tcp://[::1]:7000", "tcp://[::1]:7003"]
    assert wires.bind_endpoint("workers") == "tcp://[::1]:7001"
    assert Wires(Path("/run")).endpoint("jobs") == "ipc:///run/jobs.sock"


def test_a_host_that_is_none_is_one_sentence() -> None:
    with pytest.raises(SetupFault, match="correct PIXMILL_BROKERS"):
        Wires(Path("run"), ("nowhere.invalid", 7000)).bind_endpoint("jobs")


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    """A folder with one key and whatever may lie there beside it."""
    folder = tmp_path / "allowed"
    folder.mkdir()
    (folder / "good.key").write_bytes(b"g" * 40 + b"\n")
    (folder / "folder.key").mkdir()
    (folder / "gone.key").symlink_to(tmp_path / "nowhere")
    (folder / "loop.key").symlink_to(folder / "loop.key")
    (folder / "short.key").write_bytes(b"short")
    (folder / "long.key").write_bytes(b"x" * 10_000_000)
    os.mkfifo(folder / "pipe.key")
    (folder / "notes.txt").write_bytes(b"n" * 40)
    return folder


def test_what_is_no_key_is_passed_over_and_said_once(allowed: Path, caplog: pytest.LogCaptureFixture) -> None:
    known = curve.Allowed(allowed, logging.getLogger("test"))
    assert known.has(b"g" * 40, 0.0)
    for second in range(10):
        assert not known.has(b"n" * 40, float(second))
    said = sorted(str(record.__dict__["file"]) for record in caplog.records)
    assert said == ["folder.key", "gone.key", "long.key", "loop.key", "pipe.key", "short.key"]


@pytest.mark.parametrize("odd", ["a file for the folder", "a folder for a file"])
def test_an_odd_folder_of_keys_ends_no_start(tmp_path: Path, caplog: pytest.LogCaptureFixture, odd: str) -> None:
    folder = curve.make_keys(tmp_path / "curve")
    (folder / "allowed" / "local.key").unlink()
    if odd == "a folder for a file":
        (folder / "allowed" / "local.key").mkdir()
    else:
        (folder / "allowed").rmdir()
        (folder / "allowed").write_bytes(b"a file")
    context: Any = zmq.Context()
    try:
        server = curve.Server(context, folder, logging.getLogger("test"))
        server.answer(0.0)
        server.questions.close()
    finally:
        context.destroy(0)
    assert [record.getMessage() for record in caplog.records] == ["no key to let in"]


def test_a_stranger_costs_no_reading_of_the_folder(allowed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readings: list[Path] = []
    real = os.listdir

    def listed(path: Path) -> list[str]:
        readings.append(path)
        return real(path)

    monkeypatch.setattr(os, "listdir", listed)
    known = curve.Allowed(allowed, logging.getLogger("test"))
    for knock in range(1000):
        assert not known.has(b"%040d" % knock, 10.0 + knock / 1000)
    assert len(readings) <= 3
    (allowed / "new.key").write_bytes(b"k" * 40)
    assert known.has(b"k" * 40, 11.0), "at once"
    (allowed / "new.key").write_bytes(b"m" * 40)
    assert known.has(b"m" * 40, 13.0), "in the place of another"


def test_no_more_keys_are_let_in_than_a_folder_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(curve, "ALLOWED_MAX", 3)
    for number in range(5):
        (tmp_path / f"{number}.key").write_bytes(b"%040d" % number)
    known = curve.Allowed(tmp_path, logging.getLogger("test"))
    assert [known.has(b"%040d" % number, 0.0) for number in range(5)] == [True, True, True, False, False]
    assert "5 keys, allowed_max allows 3" in caplog.records[0].__dict__["why"]
