"""Answers every connection with its pid until SIGTERM. Where the file FAKE_WEB_BROKEN exists it cannot start."""

import os
import selectors
import signal
import time

from host.process import notify, signals

if os.environ.get("FAKE_WEB_BROKEN") and os.path.exists(os.environ["FAKE_WEB_BROKEN"]):
    raise SystemExit(3)
listener = notify.inherited_listener()
assert listener is not None
listener.setblocking(False)
told = signals.as_socket(signal.SIGTERM)
selector = selectors.DefaultSelector()
selector.register(listener, selectors.EVENT_READ)
selector.register(told, selectors.EVENT_READ)
notify.ready()
watchdog = notify.Watchdog()
while not any(key.fileobj is told for key, _ in selector.select(1.0)):
    watchdog.turned(time.monotonic())
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        continue
    with connection:
        connection.settimeout(5)
        connection.recv(65536)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n%d" % os.getpid())
