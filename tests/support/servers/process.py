"""What a throw-away server of one process lets a test do to it. Owns no command line and no port."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator

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

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """It stands still (SIGSTOP) until the end of the block."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)
