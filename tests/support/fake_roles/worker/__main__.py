"""Forks a child that dies with it; SIGTERM drains for FAKE_DRAIN_SECONDS, a second one ends it."""

import os
import selectors
import signal
import time

from host.process import lifeline, notify, signals

keeper = os.getpid()
if os.fork() == 0:
    lifeline.die_with_parent(keeper)
    while True:
        signal.pause()
told = signals.as_socket(signal.SIGTERM)
selector = selectors.DefaultSelector()
selector.register(told, selectors.EVENT_READ)
notify.ready()
watchdog = notify.Watchdog()
while not selector.select(1.0):
    watchdog.turned(time.monotonic())
told.recv(1)
selector.select(float(os.environ.get("FAKE_DRAIN_SECONDS", "0")))
