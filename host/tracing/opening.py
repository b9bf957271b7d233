"""Opens the tracer that the environment means: OpenTelemetry's own variables (OTEL_*) alone configure it.

Owns when tracing is on, and with which exporters. Imports the SDK only then: without it a role costs nothing more.
"""

import logging
import os
from collections.abc import Mapping

from host.settings.extras import otel_installed
from host.tracing.tracer import Tracer

_NONE, _OTLP = "none", "otlp"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
MISSING = "OTEL_* asks for traces, and the extra otel is missing: install pixmill[roles,otel], or unset OTEL_*"


def open_tracer(role: str, log: logging.Logger) -> Tracer:
    """The tracer of this process. Raises SetupFault if an exporter cannot be made."""
    exporters = exporters_of(os.environ)
    if not exporters:
        return Tracer()
    if not otel_installed():
        log.warning("tracing_off", extra={"why": MISSING})
        return Tracer()
    from host.tracing.exporting import ExportingTracer  # takes 0.1 s and 10 MB

    return ExportingTracer(role, exporters, log)


def exporters_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The entry points of the exporters that these variables ask for; none if tracing is off."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    named = [name for each in environ.get("OTEL_TRACES_EXPORTER", "").split(",") if (name := each.strip())]
    if not named and any(environ.get(name) for name in _ENDPOINTS):
        named = [_OTLP]
    protocol = next((value for name in _PROTOCOLS if (value := environ.get(name))), "")
    otlp = "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
    return tuple(dict.fromkeys(otlp if name == _OTLP else name for name in named if name != _NONE))
