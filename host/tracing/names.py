"""All names of our spans, of their attributes and of their events.

They are those of OpenTelemetry's semantic conventions for messaging and HTTP (1.44), which call messaging unfinished:
so a change of theirs changes this file alone. Ours begin with `pixmill.`.
"""

SYSTEM = "pixmill"
SCOPE = "pixmill"
"""The instrumentation scope: who made the spans."""

# Spans: of a queue `{operation} {destination}`, of HTTP the method.
CREATE, SEND, PROCESS = "create", "send", "process"
"""Operations, by their names and by their types."""


def span(operation: str) -> str:
    """The name of the span of an operation on our queue."""
    return f"{operation} {SYSTEM}"


# Attributes.
MESSAGING_SYSTEM = "messaging.system"
OPERATION_NAME = "messaging.operation.name"
OPERATION_TYPE = "messaging.operation.type"
DESTINATION = "messaging.destination.name"
MESSAGE_ID = "messaging.message.id"
"""The job's id."""
MESSAGE_COUNT = "messaging.batch.message_count"
ERROR_TYPE = "error.type"
"""The `code` of an error; of an HTTP answer its status."""
HTTP_METHOD = "http.request.method"
HTTP_STATUS = "http.response.status_code"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"

CACHED = "pixmill.cached"
"""The result cache answered: no decoder began."""
REPEATED = "pixmill.repeated"
"""The Idempotency-Key has its job already, which has another trace."""
DELIVERY = "pixmill.delivery"
"""The delivery's id."""

# Events of a span.
RENDITION = "rendition"
"""A rendition is published."""
RENDITION_NAME = "pixmill.rendition.name"

SERVICE = "pixmill-{}"
"""The default service.name of a role."""
