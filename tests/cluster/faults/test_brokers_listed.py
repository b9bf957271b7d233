"""The list of brokers changes, while web and workers go on: a broker is replaced by one at another address."""

from collections.abc import Callable

from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from torture.standby import machines

PICTURE = ROOT / "test-data" / "sample.jpg"


def done(cluster: Cluster) -> None:
    assert cluster.ended(cluster.upload(PICTURE.read_bytes())["id"], 20)["state"] == "done"


def read_again(cluster: Cluster, line: str, number: int) -> None:
    wait_until(lambda: cluster.log().count(line) >= number, 10, f"{line} {number} times")


def test_a_broker_is_replaced_by_a_file(new_cluster: Callable[..., Cluster]) -> None:
    one, two = machines.addresses()
    cluster = new_cluster(curve=0)
    file = cluster.folder / "brokers"
    cluster.environ["PIXMILL_BROKERS"] = f"file:{file}"
    file.write_text(f"{one}\n")
    first = cluster.start_role("broker")
    cluster.start_role("worker")
    cluster.start_role("web", port=cluster.take_port())
    done(cluster)
    file.write_text("")
    read_again(cluster, "brokers_list_failing", 2)
    done(cluster)
    file.write_text(f"{two}\n")
    cluster.start_role("broker")
    read_again(cluster, f"addresses={two}", 3)
    done(cluster)  # by the first one, which is listed no more
    first.kill()
    first.wait()
    done(cluster)
    log = cluster.log()
    assert log.count("brokers_list_failing") == 2, "once a process"
    assert log.count("follows") == 1


def test_a_listed_broker_of_another_machine_needs_a_common_ledger(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(curve=0)
    (cluster.folder / "brokers").write_text(f"{machines.addresses()[0]}\ntcp://192.0.2.1:7000\n")
    cluster.environ["PIXMILL_BROKERS"] = f"file:{cluster.folder / 'brokers'}"
    assert cluster.start_unready("broker").wait(20) == 2
    assert "set PIXMILL_LEDGER_URL on all of them" in cluster.log()


def test_a_name_with_several_addresses_is_one_broker_or_more(new_cluster: Callable[..., Cluster]) -> None:
    port = machines.addresses()[0].rpartition(":")[2]
    cluster = new_cluster(brokers=f"tcp://localhost:{port}", curve=0)
    cluster.start_role("broker")
    cluster.start_role("worker")
    cluster.start_role("web", port=cluster.take_port())
    done(cluster)
