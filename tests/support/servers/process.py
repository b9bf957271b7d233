"""What a throw-away server of one process lets a test do to it. Owns no command line and no port."""

import subprocess
from contextlib import AbstractContextManager

from tests.support.clusters.stalls import stopped
from tests.support.patience import stretched

END_SECONDS = 10.0


class OneProcess:
    """A server that `start` of its class starts as `process`."""

    process: subprocess.Popen[bytes] | None = None

    def kill(self) -> None:
        """SIGKILL it. `start` brings it back, with what it has on a disk."""
        assert self.process
        self.process.kill()
        self.process.wait(stretched(END_SECONDS))

    def stopped(self) -> AbstractContextManager[None]:
        """It stands still (SIGSTOP) until the end of the block."""
        assert self.process
        return stopped(self.process.pid)
