"""Takes its lock, or ends; ready; SIGTERM ends it."""

import os
import signal
import time
from pathlib import Path

from host.files import folders
from host.process import notify

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
folders.hold_lock(Path(os.environ["PIXMILL_RUN"]) / "broker.lock", "two brokers")
notify.ready()
watchdog = notify.Watchdog()
while True:
    watchdog.turned(time.monotonic())
    signal.sigtimedwait([], 1.0)
