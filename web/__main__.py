"""`python -m web`: one web process, on the socket it is given or on HOST:PORT.
`python -m web key TENANT SCOPE`: web/newkey.py. `python -m web webhook-secret TENANT URL`: web/hooksecret.py."""

import sys

from host.files.folders import keep_private, run_folder
from host.files.recipes import PACKAGED, recipes_path
from host.log.start import setup_faults_end, start_log
from host.process import notify
from host.process.allocator import keep_freed_memory
from host.process.descriptors import raise_descriptors
from host.settings import environment
from host.settings.arguments import take_none
from host.sockets.brokers import Brokers
from host.sockets.listener import bind_listener, refuse_public
from host.tracing.opening import open_tracer
from web import hooksecret, newkey
from web.access.parts import open_web
from web.app import build
from web.broker.links import Links
from web.counting import open_counts
from web.server import Server


def main() -> None:
    """Serve until SIGTERM or SIGINT. Raises SetupFault, with the fix."""
    keep_private()
    settings, _ = environment.load_settings()
    logger = start_log("web", settings)
    brokers = Brokers(settings, logger)
    web = open_web(settings, logger, raise_descriptors())
    if settings.metrics:
        web.counts = open_counts(run_folder(settings), logger)
    web.tracer = open_tracer("web", logger)
    if recipes_path(settings) == PACKAGED:
        logger.info("presets_built_in", extra={"recipes": PACKAGED})
    keep_freed_memory()
    inherited = notify.inherited_listener()
    if inherited is not None:
        refuse_public(settings, inherited)
    listener = inherited or bind_listener(settings)
    brokers.watch()
    links = Links(brokers, web.id, web.requests, web.feed, logger)
    Server(build(web), web, links, inherited=inherited is not None).run([listener])


if __name__ == "__main__":
    if sys.argv[1:2] == ["key"]:
        sys.exit(newkey.main(sys.argv[2:]))
    if sys.argv[1:2] == ["webhook-secret"]:
        sys.exit(hooksecret.main(sys.argv[2:]))
    take_none("web", "Serves HTTP. Also: `key TENANT SCOPE` (an API key), `webhook-secret TENANT URL` (a secret).")
    with setup_faults_end("web"):
        main()
