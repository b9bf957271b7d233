"""Which of several brokers a web process follows: the one of the highest epoch that it has heard.

Pure. A line is the connection to one broker's address. A broker of a lower epoch has lost the term, whether it knows
that or not: what it says changes nothing.
"""


class Following:
    """The choice. `line`: the followed one, None before the first message."""

    def __init__(self) -> None:
        self.line: int | None = None
        self._epoch = 0

    def counts(self, line: int, epoch: int) -> bool:
        """Whether a message of this epoch counts, which came over `line`. The line of the highest epoch is followed."""
        if self.line is None or epoch > self._epoch:
            self.line, self._epoch = line, epoch
        return (line, epoch) == (self.line, self._epoch)
