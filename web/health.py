"""`python -m web.health`: asks the server of this environment's HOST and PORT whether it accepts uploads.

For a container's check of health: it ends with 0 or 1, and loads neither the server nor a client of HTTP.
"""

import http.client
import socket
import sys

from host.log.start import setup_faults_end
from host.settings import environment
from host.settings.arguments import take_none
from host.settings.settings import Settings, unix_path

SECONDS_MAX = 4.0
"""The time of one read or write: a container's engine waits a little longer."""
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def connect(settings: Settings) -> socket.socket:
    """A connection to the server, over loopback if it listens on every address. Raises OSError."""
    if path := unix_path(settings.host):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(SECONDS_MAX)
        try:
            connection.connect(path)
        except OSError:
            connection.close()
            raise
        return connection
    return socket.create_connection((_ANY.get(settings.host, settings.host), settings.port), SECONDS_MAX)


def fault(settings: Settings) -> str:
    """The reason why the server is not healthy, in a line; empty if it is."""
    asking = http.client.HTTPConnection("localhost")
    try:
        asking.sock = connect(settings)
        asking.request("GET", "/health/ready")
        answer = asking.getresponse()
        return "" if answer.status == 200 else answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        asking.close()


if __name__ == "__main__":
    take_none("web.health", "Asks the server of these settings whether it accepts uploads.")
    with setup_faults_end("web.health"):
        sys.exit(fault(environment.load_settings()[0]) or 0)
