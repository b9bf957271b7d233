"""When spans are made, and that nothing of it is loaded else."""

import logging
import subprocess
import sys

import pytest

from host.tracing import opening
from host.tracing.opening import exporters_of, open_tracer
from host.tracing.tracer import Tracer
from tests.support.clusters.cluster import ROOT
from tests.support.patience import stretched

LOG = logging.getLogger("test_opening")


@pytest.mark.parametrize(
    ("environ", "exporters"),
    [
        ({}, ()),
        ({"OTEL_SERVICE_NAME": "pixmill"}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, ("otlp_proto_http",)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318/v1/traces"}, ("otlp_proto_http",)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_TRACES_EXPORTER": "none"}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_SDK_DISABLED": "TRUE"}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ("otlp_proto_grpc",)),
        ({"OTEL_TRACES_EXPORTER": "console"}, ("console",)),
        ({"OTEL_TRACES_EXPORTER": " otlp, console ,otlp"}, ("otlp_proto_http", "console")),
    ],
)
def test_the_variables_of_opentelemetry_say_where_spans_go(environ: dict[str, str], exporters: tuple[str, ...]) -> None:
    assert exporters_of(environ) == exporters


def test_without_them_there_is_no_span(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_TRACES_EXPORTER", raising=False)
    monkeypatch.setattr(opening, "otel_installed", lambda: pytest.fail("it was looked for"))
    assert type(open_tracer("web", LOG)) is Tracer


def test_a_missing_extra_is_said_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    monkeypatch.setattr(opening, "otel_installed", lambda: False)
    assert type(open_tracer("web", LOG)) is Tracer
    assert "install pixmill[roles,otel]" in vars(caplog.records[0])["why"]


def test_no_role_loads_opentelemetry_by_itself() -> None:
    modules = "web.app, web.server, web.access.parts, worker.keeper.loop, courier.loop, host.tracing.opening"
    program = f"import sys, {modules}; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=stretched(60)).returncode == 0
