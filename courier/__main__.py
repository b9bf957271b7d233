"""`python -m courier`: one courier process."""

import signal

from courier.loop import Courier
from host.files.folders import data_folder, keep_private, run_folder
from host.log.start import setup_faults_end, start_log
from host.process import signals
from host.process.scheduling import give_way
from host.settings.arguments import take_none
from host.settings.environment import load_settings

NICER, NICE_MOST = 5, 19
"""A courier gives way to decoders: with much to tell at once it would take a processor from the images."""


def main() -> None:
    """Run until drained."""
    keep_private()
    with setup_faults_end("courier"):
        settings, _ = load_settings()
        data_folder(settings)
        run_folder(settings)
        stopped = signals.as_socket(signal.SIGTERM, signal.SIGINT)
        courier = Courier(settings, stopped, start_log("courier", settings))
    give_way(min(NICE_MOST, settings.worker_nice + NICER))
    courier.run()


if __name__ == "__main__":
    take_none("courier", "Calls strangers: delivers webhooks, and fetches originals from their addresses.")
    main()
