"""`python -m worker`: one worker process.

Forks the nursery from the main thread before zmq, and so any other thread, is there.
"""

import os
import signal
import socket

from host import hugepages, log, signals
from host.arguments import take_none
from host.environment import load_settings, setup_faults_end
from host.folders import data_folder, run_folder
from jobs.settings import Settings
from worker import config, nursery
from worker.children import Children


def main() -> None:
    """Run until drained. The nursery returns from here too."""
    with setup_faults_end("worker"):
        settings, _ = load_settings()
        config.refuse_old_pillow()
        data_folder(settings)
        run_folder(settings)
        keeper = os.getpid()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if (pid := os.fork()) == 0:
            ours.close()
            nursery.run(theirs, keeper, settings)
        else:
            theirs.close()
            _keep(settings, pid, ours)


def _keep(settings: Settings, nursery_pid: int, control: socket.socket) -> None:
    told = signals.as_socket(signal.SIGTERM, signal.SIGINT)
    from worker.keeper import Keeper  # zmq only after the fork

    children = Children(nursery_pid, control, nursery.TRY_SHARE_MAX * settings.decoder_bytes_max)
    engine = children.wait_warm()
    Keeper(settings, children, told, engine, log.start("worker", settings, str(os.getpid()))).run()


if __name__ == "__main__":
    take_none("worker", "Turns originals into renditions.")
    hugepages.begin_anew()
    main()
