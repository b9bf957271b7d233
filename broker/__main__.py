"""`python -m broker`: one broker process on one DATA folder. `python -m broker replay`: broker/flight/replay.py."""

import argparse
import gc
import re
import sys

from broker.config import policy_of
from broker.core.dispatcher import Dispatcher
from broker.flight import replay
from broker.flight.recorder import Recorder
from broker.loop import Loop
from host.files.filesystems import refuse_network
from host.files.folders import data_folder, hold_lock, keep_private
from host.process import notify
from host.process.descriptors import raise_descriptors
from host.settings import log as logs
from host.settings.arguments import take_none
from host.settings.environment import load_settings, setup_faults_end
from host.sockets import curve
from host.sockets.addresses import wires_of
from jobs.errors import LedgerDamaged, LedgerFailed, SetupFault
from stores.opening import open_ledger

LOCK_WAIT_SECONDS = 2.0
"""The broker before this one may still be stopping."""


GARBAGE_THRESHOLDS = (20_000, 20, 50)
"""A turn allocates some thousand containers and leaves no cycles. Python's default of a collection after 700
allocations costs a tenth of the CPU."""


def main() -> int:
    """Run until told to stop; the exit status."""
    keep_private()
    try:
        settings, _ = load_settings()
        log = logs.start("broker", settings)
        data, wires = data_folder(settings), wires_of(settings)
        refuse_network(data)
        refusal = f"another broker runs on {data}: stop it, or set PIXMILL_DATA to another folder"
        for place in (data, wires.run):
            hold_lock(place / "broker.lock", LOCK_WAIT_SECONDS, refusal)
        flight = data / "flight"
        ledger = open_ledger(settings, recorded=any(flight.glob("*")))
        recorder = Recorder(flight, log)
        raise_descriptors()
        loop = Loop(Dispatcher(policy_of(settings)), ledger, recorder, wires, log)
    except SetupFault as fault:
        print(f"broker: {fault.detail}", file=sys.stderr)
        return 2
    try:
        loop.start()
        gc.freeze()
        gc.set_threshold(*GARBAGE_THRESHOLDS)
        log.info("ready", extra={"run": wires.run, "data": data})
        notify.ready()
        loop.run()
    except LedgerDamaged as fault:
        print(f"broker: {fault.detail}", file=sys.stderr)
        return 2
    except LedgerFailed as fault:
        log.error("ledger failed, ending: a start is a recovery", extra={"why": fault.detail})
        return 1
    finally:
        recorder.close()
    ledger.close()
    log.info("stopped", extra={"dropped": loop.gate.dropped, "unsaid": loop.unsaid})
    return 0


def make_keys(words: list[str]) -> int:
    """`python -m broker keys [NAME]`: make CURVE keys, for this machine or for the one called NAME."""
    parser = argparse.ArgumentParser(
        "python -m broker keys", description="Makes the keys of sockets on tcp, in DATA/curve."
    )
    parser.add_argument("name", nargs="?", default="", help="another machine: makes a folder of keys to copy to it")
    name = parser.parse_args(words).name
    keep_private()
    with setup_faults_end("broker"):
        if (name and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name)) or name == "allowed":
            raise SetupFault(f"{name!r} is not a valid machine name: use letters, digits, - and _")
        settings, _ = load_settings()
        made = curve.make_keys(data_folder(settings) / "curve", name)
        print(f"copy {made} to DATA/curve of {name}" if name else made)
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["replay"]:
        sys.exit(replay.main(sys.argv[2:]))
    if sys.argv[1:2] == ["keys"]:
        sys.exit(make_keys(sys.argv[2:]))
    take_none("broker", "Owns the queue. Also: `python -m broker replay` (a recording), `keys` (for tcp).")
    sys.exit(main())
