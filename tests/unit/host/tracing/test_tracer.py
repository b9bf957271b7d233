"""Without an exporter: what came is passed on, and nothing is made."""

import pytest

from host.tracing.tracer import Processed, Tracer, server_of

TRACE = f"00-{'a' * 32}-{'b' * 16}-01 vendor=1"


@pytest.mark.parametrize("trace", [None, TRACE])
def test_each_job_has_the_trace_of_its_request(trace: str | None) -> None:
    tracer = Tracer()
    with tracer.sending(trace, ["j1", "j2"], is_batch=True) as sending:
        sending.repeated(["j0"])
    assert sending.traces == [trace, trace]
    assert tracer.widest(trace) == trace


@pytest.mark.parametrize("trace", [None, TRACE])
def test_a_call_passes_on_the_trace_of_its_job(trace: str | None) -> None:
    tracer = Tracer()
    with tracer.calling("POST", "https://h.example/", trace, delivery="d1") as calling:
        calling.ended(500, "500")
    assert calling.trace == trace
    tracer.processed(Processed("j1", trace, 1.0, 2.0))
    tracer.close()


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://hooks.example/x?key=1", ("hooks.example", 443)),
        ("http://127.0.0.1:8000/x", ("127.0.0.1", 8000)),
        ("https://user:secret@[::1]/", ("::1", 443)),
        ("s3://bucket/key", ("bucket", None)),
        ("https://h.example:port/", ("", None)),
        ("https://[", ("", None)),
        ("", ("", None)),
    ],
)
def test_of_an_address_the_server_is_told(url: str, server: tuple[str, int | None]) -> None:
    assert server_of(url) == server
