"""`python -m worker`: one worker process."""

import signal

from host.files.folders import data_folder, keep_private, run_folder
from host.log.start import setup_faults_end, start_log
from host.process import hugepages, signals
from host.settings.arguments import take_none
from host.settings.environment import load_settings
from worker.keeper import config
from worker.keeper.children import Children, start_nursery


def main() -> None:
    """Run until drained."""
    keep_private()
    with setup_faults_end("worker"):
        settings, _ = load_settings()
        config.refuse_old_pillow()
        data_folder(settings)
        run_folder(settings)
        stopped = signals.as_socket(signal.SIGTERM, signal.SIGINT)
        children = Children(*start_nursery(), config.parking(settings))
        from worker.keeper.loop import Keeper  # zmq loads while the nursery does its libraries

        engine = children.wait_warm()
        keeper = Keeper(settings, children, stopped, engine, start_log("worker", settings))
    keeper.run()


if __name__ == "__main__":
    take_none("worker", "Turns originals into renditions.")
    hugepages.begin_anew()
    main()
