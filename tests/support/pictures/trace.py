"""The spans of a running cluster, and docs/pictures/trace.svg: `python -m tests.support.pictures.trace` draws it anew.

The spans are printed by the SDK's own ConsoleSpanExporter. tests/cluster/traces judges those of the same run.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from pixmill import Client
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.house.docs import ROOT
from tests.support.pictures.waterfall import Span, printed, waterfall
from tests.support.servers.stranger import Stranger, answers

PICTURE = ROOT / "docs" / "pictures" / "trace.svg"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
IN_TRACE: "Headers" = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "vendor=1"}
"""The trace of the caller, and the span in which they upload."""
RECIPE = {
    "renditions": [
        {"name": "large", "width": 1600, "format": "jpeg"},
        {"name": "card", "width": 640, "format": "webp"},
        {"name": "thumb", "width": 160, "format": "webp"},
    ]
}
EXPORTED = {"OTEL_TRACES_EXPORTER": "console", "OTEL_BSP_SCHEDULE_DELAY": "50"}
TITLE = "Spans of one upload: send pixmill by web, process pixmill by a worker with three renditions, POST by a courier"


class Headers(TypedDict):
    """Of a request in a trace."""

    traceparent: str
    tracestate: str


class Traced(NamedTuple):
    """A running cluster that prints its spans, a client of it, and a receiver of webhooks that it may call."""

    cluster: Cluster
    client: Client
    receiver: Stranger

    def spans(self, are_all: Callable[[list[Span]], bool]) -> list[Span]:
        """The spans that were printed so far, once they are all."""
        wait_until(lambda: are_all(printed(self.cluster.log())), 30.0, "the spans to be printed")
        return printed(self.cluster.log())


@contextmanager
def traced(folder: Path, **environ: str) -> Iterator[Traced]:
    """A cluster of one process of each role, with these variables."""
    with closing(Stranger(answers("204 No Content"))) as receiver:
        cluster = Cluster(folder, couriers=1, egress_allow=f"127.0.0.1:{receiver.port}", sources=f"{receiver.url}/")
        cluster.environ |= environ or EXPORTED
        try:
            cluster.start()
            with Client(cluster.url) as client:
                yield Traced(cluster, client, receiver)
        finally:
            cluster.stop()


def upload(made: Traced, image: bytes) -> Any:
    """The promise of an upload in the caller's trace, whose end the receiver is told."""
    return made.client.upload(image, recipe=RECIPE, webhook_url=f"{made.receiver.url}/hook?key=s3cr3t", **IN_TRACE)


def names(spans: list[Span]) -> list[str]:
    """Their names, in the order of their starts."""
    return [str(span["name"]) for span in spans]


def main() -> None:
    """Draw it, of a photo of 12 million pixels, after one that warmed all processes."""
    image = (ROOT / "test-data" / "12mp.jpg").read_bytes()
    with tempfile.TemporaryDirectory() as folder, traced(Path(folder)) as made:
        made.client.wait(upload(made, (ROOT / "test-data" / "rotated.jpg").read_bytes()))
        first = len(made.spans(lambda spans: names(spans).count("POST") == 1))
        made.client.wait(upload(made, image))
        spans = made.spans(lambda spans: names(spans).count("POST") == 2)[first:]
    PICTURE.write_text(waterfall(spans, TITLE))


if __name__ == "__main__":
    main()
