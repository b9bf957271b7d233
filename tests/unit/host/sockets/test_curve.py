"""Keys, addresses and names of sockets on tcp, without a socket."""

import logging
from pathlib import Path
from typing import Any

import pytest
import zmq

from host.sockets import curve
from host.sockets.addresses import Wires, own_wires
from host.sockets.allowed import Role
from host.sockets.bound import bound, fingerprint, is_bound
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


def test_each_socket_has_a_port() -> None:
    wires = Wires(Path("run"), ("::1", 7000))
    assert [wires.endpoint(name) for name in ("jobs", "changes")] == ["tcp://[::1]:7000", "tcp://[::1]:7003"]
    assert wires.bind_endpoint("workers") == "tcp://[::1]:7001"
    assert Wires(Path("/run")).endpoint("jobs") == "ipc:///run/jobs.sock"


def test_a_broker_binds_the_addresses_that_its_machine_has() -> None:
    here, elsewhere, also = (Wires(Path("run"), (host, 7000)) for host in ("127.0.0.2", "192.0.2.1", "localhost"))
    assert own_wires([here, elsewhere, also]) == [here, also]
    assert own_wires([elsewhere]) == [elsewhere], "the bind of a single one says what is wrong"
    assert own_wires([Wires(Path("run"))]) == [Wires(Path("run"))]
    with pytest.raises(SetupFault, match=r"none of 192.0.2.1, nowhere.invalid is an address of this machine"):
        own_wires([elsewhere, Wires(Path("run"), ("nowhere.invalid", 7000))])


def test_a_host_that_is_none_is_one_sentence() -> None:
    with pytest.raises(SetupFault, match="correct PIXMILL_BROKERS"):
        Wires(Path("run"), ("nowhere.invalid", 7000)).bind_endpoint("jobs")


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
    assert [record.getMessage() for record in caplog.records] == ["key_unreadable"]


def test_a_machine_has_the_roles_that_it_was_made_for_last(tmp_path: Path) -> None:
    folder = curve.make_keys(tmp_path / "curve")
    key = curve.Client(curve.make_keys(folder, "north")).key
    assert curve.Client(curve.make_keys(folder, "north", Role.WORKER)).key == key
    assert sorted(path.name for path in (folder / "allowed").iterdir()) == ["local.key", "north.worker.key"]
    (folder / "allowed" / "local.key").rename(folder / "allowed" / "local.web.key")
    curve.make_keys(folder)
    assert not (folder / "allowed" / "local.key").exists(), "a person gave it one role"


def test_the_listing_names_each_key_by_its_fingerprint_and_what_opens_nothing(tmp_path: Path) -> None:
    folder = curve.make_keys(tmp_path / "curve")
    (folder / "allowed" / "odd.key").write_bytes(b"short")
    ours, broker = (fingerprint((folder / name).read_bytes()) for name in ("client.key", "broker.key"))
    assert curve.listing(folder) == [
        f"{broker}  broker.key",
        f"{ours}  client.key",
        f"{ours}  allowed/local.key  web and worker",
        f"{'no key':32}  allowed/odd.key  it holds no key",
    ]


def test_a_refusal_is_said_once_until_the_broker_lets_us_in(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    client = curve.Client(curve.make_keys(tmp_path / "curve"))
    refusals = curve.Refusals(logging.getLogger("test"), client)
    assert refusals.notify(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    assert client.fingerprint in refusals.why
    assert not refusals.notify(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    assert len(caplog.records) == 1
    assert refusals.notify(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    assert refusals.why == ""
    refusals.notify(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    assert len(caplog.records) == 2


def test_without_keys_a_handshake_that_fails_is_said_too() -> None:
    """As with a broker that stands still: it accepts connections, and answers none."""
    refusals = curve.Refusals(logging.getLogger("worker"), None)
    assert refusals.notify(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)
    assert "stands still" in refusals.why
    assert refusals.notify(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    assert refusals.why == ""
