"""A real courier process against a broker's socket: deliveries, fetches, drain, and a receiver that holds it."""

import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from PIL import Image

from jobs import wire
from jobs.ids import original_name
from jobs.wire import Delivery, LeaseRef, Source
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.clusters.fake_broker import FakeBroker, end, job_id
from tests.support.pictures.images import saved
from tests.support.servers.stranger import Heard, Stranger, answers, says, stranger

pytestmark = pytest.mark.cluster


@pytest.fixture
def picture() -> bytes:
    return saved(Image.new("RGB", (40, 30), "red"), "PNG")


@pytest.fixture
def started(new_cluster: Callable[..., Cluster]) -> Iterator[Callable[..., tuple[FakeBroker, int]]]:
    """A fake broker that has greeted a real courier, which may call a server of ours."""
    made: list[tuple[FakeBroker, Cluster]] = []

    def start(server: Stranger, **settings: object) -> tuple[FakeBroker, int]:
        cluster = new_cluster()
        broker = FakeBroker(cluster)
        made.append((broker, cluster))
        sources = f"{server.url}/pics/"
        settings = {"egress_allow": f"127.0.0.1:{server.port}", "sources": sources, "couriers": 1, **settings}
        process = cluster.start_role("courier", **settings)
        ready = broker.greet()
        assert (ready.kind, ready.capacity) == (wire.COURIER, 0)
        return broker, process.pid

    yield start
    for broker, cluster in made:
        for process in cluster.by_hand:
            process.kill()
            process.wait()
        broker.close()


def test_it_delivers_and_fetches(started: Callable[..., tuple[FakeBroker, int]], picture: bytes) -> None:
    def script(opened: object, heard: Heard, over: threading.Event) -> None:
        body = picture if heard.line.startswith("GET") else b"thanks"
        answers("200 OK", body=body)(opened, heard, over)  # type: ignore[arg-type]

    with stranger(script) as server:
        broker, _ = started(server)
        broker.say(wire.Deliver([Delivery("d", 1, f"{server.url}/hook", {"webhook-id": "msg_d"}, b"{}")]))
        (attempted,) = broker.expect(wire.Delivered).deliveries
        assert (attempted.id, attempted.status, attempted.answer) == ("d", 200, "thanks")
        job = job_id(1)
        broker.say(wire.Fetch([Source(job, 1, f"{server.url}/pics/a.png", 30.0, 10**6)]))
        (fetched,) = broker.expect(wire.Fetched).jobs
        assert (fetched.job, fetched.width, fetched.height, fetched.bytes) == (job, 40, 30, len(picture))
        with broker.blobs.open(original_name(job)) as file:
            assert file.read() == picture


def test_a_receiver_that_keeps_silent_holds_nobody_else(started: Callable[..., tuple[FakeBroker, int]]) -> None:
    with stranger(says(b"", then_wait=True)) as silent, stranger(answers("204 No Content")) as other:
        broker, _ = started(silent, egress_allow=f"127.0.0.1:{silent.port} 127.0.0.1:{other.port}")
        held = [Delivery(f"s{number}", 1, f"{silent.url}/", {}, b"{}") for number in range(9)]
        broker.say(wire.Deliver([*held, Delivery("o", 1, f"http://127.0.0.1:{other.port}/", {}, b"{}")]))
        wait_until(lambda: len(silent.heard) == 4, 20.0, "four calls of one host")
        broker.say(wire.Abandon([LeaseRef(each.id, 1) for each in held]))
        assert {ref.job for ref in broker.expect(wire.Returned).leases} == {each.id for each in held}


def test_told_to_end_it_finishes_what_it_does_and_leaves(started: Callable[..., tuple[FakeBroker, int]]) -> None:
    go = threading.Event()

    def script(opened: object, heard: Heard, over: threading.Event) -> None:
        go.wait()
        answers("200 OK")(opened, heard, over)  # type: ignore[arg-type]

    with stranger(script) as server:
        broker, pid = started(server)
        calls = [Delivery(f"d{number}", 1, f"{server.url}/", {}, b"{}") for number in range(5)]
        broker.say(wire.Deliver(calls))
        wait_until(lambda: len(server.heard) == 4, 20.0, "four calls of one host")
        os.kill(pid, signal.SIGTERM)
        broker.expect(wire.Draining)
        assert broker.expect(wire.Returned).leases == [LeaseRef("d4", 1)]
        go.set()
        for _ in range(4):
            if len([one for said in broker.received if type(said) is wire.Delivered for one in said.deliveries]) == 4:
                break
            broker.expect(wire.Delivered)
        broker.settle(*(LeaseRef(each.id, 1) for each in calls))
        broker.expect(wire.Leaving)


def test_killed_it_costs_a_repeat(started: Callable[..., tuple[FakeBroker, int]]) -> None:
    with stranger(answers("204 No Content")) as server:
        broker, pid = started(server)
        end(pid)
        again, _ = started(server)
        again.say(wire.Deliver([Delivery("d", 2, f"{server.url}/", {}, b"{}")]))
        assert again.expect(wire.Delivered).deliveries[0].attempt == 2
        assert broker.received
