"""A port that is taken: by whom, and not what they were started with. A unix socket: stale, in use, and private."""

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from host.files.folders import try_lock
from host.settings.settings import Settings
from host.sockets.listener import address, bind_listener, curl, refuse_public
from jobs.errors import SetupFault

pytestmark = pytest.mark.usefixtures("until_its_end")
HOLDER = """
import socket, sys
taken = socket.create_server(("127.0.0.1", 0))
print(taken.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_the_holder_of_a_port_is_named_without_its_command_line() -> None:
    command = [sys.executable, "-c", HOLDER, "--password=hunter2"]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        port = int(holder.stdout.readline())
        with pytest.raises(SetupFault, match=rf"is taken by process {holder.pid} \(python[^ ]*\): stop that") as fault:
            bind_listener(Settings(port=port))
        assert "hunter2" not in fault.value.detail
    finally:
        holder.communicate()


def test_a_port_that_is_free_is_listened_on() -> None:
    with bind_listener(Settings(port=0)) as listening, socket.create_connection(listening.getsockname()):
        assert listening.getsockname()[0] == "127.0.0.1"


def test_on_the_network_a_server_with_receivers_has_a_name_of_its_own() -> None:
    told: dict[str, Any] = {"webhooks": "https://app.example/", "public_without_keys": True}
    with pytest.raises(SetupFault, match="set PIXMILL_PUBLIC_URL"):
        refuse_public(Settings(host="0.0.0.0", **told))
    with socket.create_server(("0.0.0.0", 0)) as bound, pytest.raises(SetupFault, match="set PIXMILL_PUBLIC_URL"):
        refuse_public(Settings(**told), bound)
    refuse_public(Settings(host="0.0.0.0", public_url="https://pix.example", **told))
    refuse_public(Settings(**told))


BINDER = """
import sys
from host.files.folders import try_lock
from host.settings.settings import Settings
from host.sockets.listener import bind_listener
listening = bind_listener(Settings(host="unix:" + sys.argv[1]))
print("listens", flush=True)
sys.stdin.read()
"""


def on(path: Path) -> Settings:
    return Settings(host=f"unix:{path}")


def test_a_unix_socket_is_listened_on_and_has_the_mode_of_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    before = os.umask(0o077)
    try:
        listening = bind_listener(on(path))
    finally:
        os.umask(before)
    with listening, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        assert path.stat().st_mode & 0o777 == 0o700


def test_the_socket_of_a_killed_process_is_replaced_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    command = [sys.executable, "-c", BINDER, str(path)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "listens\n"
        with pytest.raises(SetupFault, match=r"web\.sock is in use: stop what listens there or set PIXMILL_HOST to"):
            bind_listener(on(path))
    finally:
        holder.kill()
        holder.communicate()
    assert path.is_socket()
    bind_listener(on(path)).close()


def test_the_socket_of_another_program_is_left_alone(tmp_path: Path) -> None:
    """That program takes no lock beside it."""
    path = tmp_path / "web.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(SetupFault, match="is in use"):
            bind_listener(on(path))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_a_file_in_the_place_of_the_socket_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    path.write_text("a letter")
    with pytest.raises(SetupFault, match=r"cannot be listened on \(it is no socket\): set PIXMILL_HOST"):
        bind_listener(on(path))
    assert path.read_text() == "a letter"
    assert try_lock(tmp_path / "web.sock.lock") is not None, "a refused start keeps no lock"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SetupFault, match=r"there is no folder for .*: make it or set PIXMILL_HOST"):
        bind_listener(on(tmp_path / "none" / "web.sock"))


def test_a_folder_that_may_not_be_looked_into_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody refuses root, so the test does."""

    def refuse(path: Any, *_: Any, **__: Any) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    for name in ("stat", "open"):
        monkeypatch.setattr(os, name, refuse)
    with pytest.raises(SetupFault, match=r"sock.lock cannot be made \(Permission denied\)"):
        bind_listener(Settings(host=f"unix:{tmp_path}/theirs/web.sock"))


def test_the_address_and_the_command_of_a_unix_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(host="unix:/run/web.sock")
    assert address(settings, 0) == "unix:/run/web.sock"
    command = curl(settings, "unix:/run/web.sock")
    assert command == "curl --unix-socket /run/web.sock -F image=@photo.jpg http://localhost/upload"
    assert curl(Settings(), "http://localhost:3000") == ("curl -F image=@photo.jpg http://localhost:3000/upload")
    public = Settings(host="unix:/run/web.sock", public_url="https://pix.example/")
    assert address(public, 0) == "https://pix.example"
