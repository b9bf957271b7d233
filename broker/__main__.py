"""`python -m broker`: one broker process on one DATA folder. `python -m broker replay`: broker/flight/replay.py."""

import argparse
import gc
import logging
import re
import signal
import sys

from broker.config import policy_of
from broker.core.dispatcher import Dispatcher
from broker.flight import replay
from broker.flight.recorder import Recorder
from broker.frames.signed import Signer
from broker.loop import Loop
from broker.measures import Measures
from broker.sockets import open_sockets
from broker.standby import await_term
from host.files.filesystems import refuse_network
from host.files.folders import data_folder, keep_private, signing_secrets
from host.files.tenants import read_tenants
from host.log.start import say_refused, setup_faults_end, start_log
from host.process import notify
from host.process.descriptors import raise_descriptors
from host.process.signals import as_socket
from host.settings.arguments import take_none
from host.settings.environment import load_settings
from host.settings.settings import Settings
from host.sockets import curve
from host.sockets.addresses import own_wires
from host.sockets.allowed import Role
from host.sockets.brokers import Brokers
from jobs.errors import LedgerDamaged, LedgerFailed, SetupFault
from stores.opening import claim_blobs, open_candidate

GARBAGE_THRESHOLDS = (20_000, 20, 50)
"""A turn allocates some thousand containers and leaves no cycles. Python's default of a collection after 700
allocations costs a tenth of the CPU."""


def main() -> int:
    """Run until told to stop; the exit status."""
    keep_private()
    try:
        settings, _ = load_settings()
        log = start_log("broker", settings)
        data, brokers = data_folder(settings), _listed(settings, log)
        tenants = read_tenants(settings.tenants)
        refuse_network(data)
        stops = as_socket(signal.SIGTERM, signal.SIGINT)
        flight = data / "flight"
        candidate = open_candidate(settings, brokers.run, lambda: any(flight.glob("*")), notify.Progress())
        ledger = await_term(candidate, brokers.several, stops, log)
        if ledger is None:
            return 0
        if why := claim_blobs(settings, ledger.identity()):
            log.warning("bucket_unclaimed", extra={"why": why})
        recorder = Recorder(flight, log)
        raise_descriptors()
        brokers.leave()
        sockets = open_sockets(own_wires(brokers.wires), log)
        signer = Signer(signing_secrets(settings.webhook_secrets, data, "webhook.secret"))
        dispatcher = Dispatcher(policy_of(settings, tenants, why))
        measures = Measures() if settings.metrics else None
        loop = Loop(dispatcher, ledger, recorder, sockets, log, signer, measures)
    except SetupFault as fault:
        say_refused("broker", fault)
        return 2
    try:
        loop.start()
        gc.freeze()
        gc.set_threshold(*GARBAGE_THRESHOLDS)
        log.info("ready", extra={"run": brokers.run, "data": data, "schema": ledger.schema})
        notify.ready()
        notify.status("active")
        loop.run(stops)
    except LedgerDamaged as fault:
        say_refused("broker", fault)
        return 2
    except LedgerFailed as fault:
        log.error("ledger_failed", extra={"why": fault.detail})
        return 1
    finally:
        recorder.close()
    ledger.close()
    log.info("stopped", extra={"dropped": loop.gate.dropped, "unsaid": loop.unsaid})
    return 0


def _listed(settings: Settings, log: logging.Logger) -> Brokers:
    """The list of brokers, which names this machine. Raises SetupFault."""
    brokers = Brokers(settings, log)
    own = own_wires(brokers.wires)
    if brokers.is_live and not settings.ledger_url and len(own) < len(brokers.wires):
        raise SetupFault(
            "the list of brokers names several machines, and the ledger is SQLite on this one: set PIXMILL_LEDGER_URL "
            "on all of them, or leave one address"
        )
    brokers.watch()
    return brokers


def make_keys(words: list[str]) -> int:
    """`python -m broker keys [NAME [web|worker]]`: make CURVE keys, for this machine or for the one called NAME, and
    print the fingerprints of all."""
    parser = argparse.ArgumentParser(
        "python -m broker keys", description="Makes the keys of sockets on tcp, in DATA/curve."
    )
    parser.add_argument("name", nargs="?", default="", help="another machine: makes a folder of keys to copy to it")
    parser.add_argument("role", nargs="?", choices=list(Role), help="what its processes may be; both if left out")
    given = parser.parse_args(words)
    name = given.name
    keep_private()
    with setup_faults_end("broker"):
        if (name and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name)) or name == "allowed":
            raise SetupFault(f"{name!r} is not a valid machine name: use letters, digits, - and _")
        settings, _ = load_settings()
        folder = data_folder(settings) / "curve"
        made = curve.make_keys(folder, name, given.role and Role(given.role))
        print(f"copy {made} to DATA/curve of {name}" if name else made, *curve.listing(folder), sep="\n")
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["replay"]:
        sys.exit(replay.main(sys.argv[2:]))
    if sys.argv[1:2] == ["keys"]:
        sys.exit(make_keys(sys.argv[2:]))
    take_none("broker", "Owns the queue. Also: `python -m broker replay` (a recording), `keys` (for tcp).")
    sys.exit(main())
