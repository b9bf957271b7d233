"""`python -m web`: one web process, on the socket it is given or on HOST:PORT.
`python -m web key TENANT SCOPE`: web/newkey.py."""

import sys

from host.files.folders import keep_private
from host.files.recipes import PACKAGED, recipes_path
from host.process import notify
from host.process.allocator import keep_freed_memory
from host.process.descriptors import raise_descriptors
from host.settings import environment, log
from host.settings.arguments import take_none
from host.sockets.addresses import wires_of
from host.sockets.listener import bind_listener, refuse_public
from web import newkey
from web.access.parts import open_web
from web.app import build
from web.broker.link import Link
from web.server import Server


def main() -> None:
    """Serve until SIGTERM or SIGINT. Raises SetupFault, with the fix."""
    keep_private()
    settings, _ = environment.load_settings()
    wires = wires_of(settings)
    logger = log.start("web", settings)
    web = open_web(settings, logger, raise_descriptors())
    if recipes_path(settings) == PACKAGED:
        logger.info("uses the presets that pixmill comes with", extra={"recipes": PACKAGED})
    keep_freed_memory()
    inherited = notify.inherited_listener()
    if inherited is not None:
        refuse_public(settings, inherited)
    listener = inherited or bind_listener(settings)
    link = Link(wires, web.id, web.requests, web.feed, logger)
    Server(build(web), web, link, inherited=inherited is not None).run([listener])


if __name__ == "__main__":
    if sys.argv[1:2] == ["key"]:
        sys.exit(newkey.main(sys.argv[2:]))
    take_none("web", "Serves HTTP. `python -m web key TENANT SCOPE` makes an API key instead.")
    with environment.setup_faults_end("web"):
        main()
