"""The result cache on Redis: every failure of a real server is a miss, which takes the time-out once at most."""

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from host.settings.cache_url import redis_place
from jobs.errors import SetupFault
from stores.cache.breaker import PAUSE_SECONDS_FIRST
from stores.cache.file import VALUE_BYTES_MAX
from stores.cache.redis import LIFE_SECONDS, TIMEOUT_SECONDS, RedisCache
from tests.support.patience import stretched
from tests.support.servers.redis import RedisServer, server_or_skip

KEY, OTHER = "0a" * 32, "0b" * 32
SLACK_SECONDS = 0.25
"""What an idle machine adds to a time-out at most."""


class Clock:
    """The breaker's time, which passes only when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[RedisServer]:
    found = server_or_skip("faults of a Redis")
    yield found
    found.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def cache_at(url: str, clock: Callable[[], float]) -> RedisCache:
    place = redis_place(url)
    assert place is not None
    return RedisCache(place, clock)


def seconds_of(cache: RedisCache) -> float:
    """What a job spends that asks, and keeps its result."""
    began = time.monotonic()
    cache.get(KEY)
    cache.put(KEY, b"value")
    return time.monotonic() - began


def test_a_stopped_server_costs_one_job_the_time_out_and_the_others_nothing(server: RedisServer, clock: Clock) -> None:
    cache = cache_at(server.url, clock)
    cache.put(KEY, b"value")
    with server.stopped():
        first = seconds_of(cache)
        assert TIMEOUT_SECONDS <= first < TIMEOUT_SECONDS + stretched(SLACK_SECONDS)
        assert cache.failing() == f"no answer within {TIMEOUT_SECONDS:g} s"
        others = sum(seconds_of(cache) for _ in range(1000))
        assert others < stretched(TIMEOUT_SECONDS)
        clock.now += PAUSE_SECONDS_FIRST
        assert TIMEOUT_SECONDS <= seconds_of(cache) < TIMEOUT_SECONDS + stretched(SLACK_SECONDS)
    clock.now += 2 * PAUSE_SECONDS_FIRST
    assert cache.get(KEY) == b"value"
    assert cache.failing() == ""


def test_a_killed_server_is_a_miss_and_is_found_again_when_it_is_back(server: RedisServer, clock: Clock) -> None:
    cache = cache_at(server.url, clock)
    cache.put(KEY, b"value")
    server.kill()
    assert (cache.get(KEY), cache.failing()) == (None, "no connection")
    server.start()
    assert cache.get(KEY) is None
    clock.now += PAUSE_SECONDS_FIRST
    assert (cache.get(KEY), cache.failing()) == (None, "")
    cache.put(KEY, b"again")
    assert cache.get(KEY) == b"again"


def test_a_restart_between_two_jobs_costs_nothing(server: RedisServer, clock: Clock) -> None:
    cache = cache_at(server.url, clock)
    cache.put(KEY, b"value")
    server.kill()
    server.start()
    assert (cache.get(KEY), cache.failing()) == (None, "")


def test_what_must_be_dropped_is_a_miss_at_once_and_goes_as_soon_as_the_server_answers(
    server: RedisServer, clock: Clock
) -> None:
    cache, elsewhere = cache_at(server.url, clock), cache_at(server.url, clock)
    cache.put(KEY, b"not to be trusted")
    cache.put(OTHER, b"other")
    with server.stopped():
        assert cache.get(OTHER) is None
        cache.drop(KEY)
        assert cache.get(KEY) is None
    assert elsewhere.get(KEY) == b"not to be trusted"
    clock.now += PAUSE_SECONDS_FIRST
    assert (cache.get(KEY), cache.get(OTHER)) == (None, b"other")
    assert elsewhere.get(KEY) is None


def test_a_full_memory_keeps_what_there_is_and_costs_no_time(server: RedisServer, clock: Clock) -> None:
    cache = cache_at(server.url, clock)
    cache.put(KEY, b"value")
    server.set("maxmemory-policy", "noeviction")
    server.set("maxmemory", "1")
    cache.put(OTHER, b"other")
    for _ in range(2):
        assert (cache.get(KEY), cache.get(OTHER), cache.failing()) == (b"value", None, "its memory is full")
    server.set("maxmemory", "0")
    cache.put(OTHER, b"other")
    assert (cache.get(OTHER), cache.failing()) == (b"other", "")


def test_a_wrong_password_is_a_miss_that_names_no_password(server: RedisServer, clock: Clock) -> None:
    with server.client() as client:
        client.acl_setuser("pix", enabled=True, passwords=["+rightword"], keys=["pixmill:*"], commands=["+getrange"])
    wrong = cache_at(f"redis://pix:secretword@127.0.0.1:{server.port}", clock)
    assert (wrong.get(KEY), wrong.failing()) == (None, "it refuses the user or the password")
    right = cache_at(f"redis://pix:rightword@127.0.0.1:{server.port}", clock)
    assert (right.get(KEY), right.failing()) == (None, "")
    right.put(KEY, b"value")
    assert (right.get(KEY), right.failing()) == (None, "its user may not do this")


def test_a_user_needs_three_commands_on_the_prefix(server: RedisServer, clock: Clock) -> None:
    commands = ["+getrange", "+set", "+del"]
    with server.client() as client:
        client.acl_setuser("pix", enabled=True, passwords=["+rightword"], keys=["shop:*"], commands=commands)
    cache = cache_at(f"redis://pix:rightword@127.0.0.1:{server.port}?prefix=shop", clock)
    cache.put(KEY, b"value")
    assert (cache.get(KEY), cache.failing()) == (b"value", "")
    cache.drop(KEY)
    assert (cache.get(KEY), cache.failing()) == (None, "")


def test_keys_have_the_prefix_and_a_life_and_are_another_installation_s_miss(server: RedisServer, clock: Clock) -> None:
    cache_at(f"{server.url}?prefix=shop", clock).put(KEY, b"value")
    with server.client() as client:
        assert client.keys() == [f"shop:result:{KEY}".encode()]
        assert LIFE_SECONDS - 60 < int(client.ttl(f"shop:result:{KEY}")) <= LIFE_SECONDS
    assert cache_at(server.url, clock).get(KEY) is None


def test_a_value_that_no_worker_wrote_is_a_miss_and_is_not_read_whole(server: RedisServer, clock: Clock) -> None:
    cache = cache_at(server.url, clock)
    with server.client() as client:
        client.set(f"pixmill:result:{KEY}", bytes(64 << 20))
        client.lpush(f"pixmill:result:{OTHER}", "no string")
    assert (cache.get(KEY), cache.failing()) == (None, "")
    assert (cache.get(OTHER), cache.failing()) == (None, "it refuses a command")
    with server.client() as client:
        assert int(client.info("stats")["total_net_output_bytes"]) < 4 * VALUE_BYTES_MAX


def test_tls_is_spoken_and_a_certificate_of_another_authority_is_refused(tmp_path: Path, clock: Clock) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    found = server_or_skip("TLS to a Redis")
    port = found.port
    found.close()
    server = RedisServer(
        "--tls-port", str(port), "--tls-cert-file", f"{tmp_path}/cert.pem", "--tls-key-file", f"{tmp_path}/key.pem",
        "--tls-ca-cert-file", f"{tmp_path}/cert.pem", "--tls-auth-clients", "no",
    )  # fmt: skip
    try:
        cache = cache_at(f"rediss://localhost:{port}?ssl_ca_certs={tmp_path}/cert.pem", clock)
        cache.put(KEY, b"value")
        assert (cache.get(KEY), cache.failing()) == (b"value", "")
        server.kill()
        server.start()
        assert (cache.get(KEY), cache.failing()) == (None, "")
        stranger = cache_at(f"rediss://localhost:{port}", clock)
        assert (stranger.get(KEY), stranger.failing()) == (None, "TLS fails")
        other_name = cache_at(f"rediss://127.0.0.1:{port}?ssl_ca_certs={tmp_path}/cert.pem", clock)
        assert (other_name.get(KEY), other_name.failing()) == (None, "TLS fails")
        with pytest.raises(SetupFault, match="cannot be read"):
            cache_at(f"rediss://localhost:{port}?ssl_ca_certs={tmp_path}/none.pem", clock)
    finally:
        server.close()


@contextmanager
def answering(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server that answers each connection by `speak`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(65_536)
                        speak(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _by_bytes(connection: socket.socket) -> None:
    """An answer that is never late, and never whole: no time-out of a socket ends it."""
    connection.sendall(b"$60000\r\n")
    for _ in range(60_000):
        connection.sendall(b"x")
        time.sleep(TIMEOUT_SECONDS / 4)


def _endless(connection: socket.socket) -> None:
    connection.sendall(b"$999999999999\r\n")
    while True:
        connection.sendall(bytes(65_536))


@pytest.mark.parametrize(
    "speak", [_by_bytes, _endless, lambda connection: time.sleep(1)], ids=["drips", "floods", "mute"]
)
def test_an_answer_without_end_takes_the_time_out_once(speak: Callable[[socket.socket], None], clock: Clock) -> None:
    with answering(speak) as url:
        cache = cache_at(url, clock)
        assert seconds_of(cache) < TIMEOUT_SECONDS + stretched(SLACK_SECONDS)
        assert cache.failing() == f"no answer within {TIMEOUT_SECONDS:g} s"
        assert sum(seconds_of(cache) for _ in range(100)) < stretched(TIMEOUT_SECONDS)
        clock.now += PAUSE_SECONDS_FIRST
        assert seconds_of(cache) < TIMEOUT_SECONDS + stretched(SLACK_SECONDS), "what hung is over"


GARBAGE = {
    "nothing": b"",
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "no protocol": b"\xff\xfe\r\n",
    "an empty line": b"\r\n",
    "no length": b"$x\r\n",
    "a negative length": b"$-7\r\n",
    "no number": b":\r\n",
    "a number": b":7\r\n",
    "a list": b"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    "lists in lists": b"*1\r\n" * 5000,
    "half a text": b"$3\r\nabc",
    "an empty error": b"-\r\n",
    "an error in no code": b"-\xff\r\n",
    "RESP3": b"%1\r\n+a\r\n+b\r\n",
    "a large number": b"(1\r\n",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_a_miss(garbage: bytes, clock: Clock) -> None:
    with answering(lambda connection: connection.sendall(garbage)) as url:
        cache = cache_at(url, clock)
        for _ in range(3):
            assert cache.get(KEY) is None
            cache.put(KEY, b"value")
            cache.drop(KEY)
            clock.now += 60


def test_a_name_that_is_not_found_is_a_miss(clock: Clock) -> None:
    cache = cache_at("redis://cache.invalid", clock)
    assert seconds_of(cache) < TIMEOUT_SECONDS + stretched(SLACK_SECONDS)
    assert cache.failing() in ("no connection", f"no answer within {TIMEOUT_SECONDS:g} s")
