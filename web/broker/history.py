"""Whether the ledger has lost commits since this process heard the broker: then change numbers may repeat.

Pure. Durable before visible: a term begins with all changes that anybody heard before it, or some were lost.
"""

from hashlib import blake2s


class History:
    """Judges the terms of the brokers that one web process hears. `last` is the newest number heard so far."""

    def __init__(self) -> None:
        self._epoch = 0
        self._former = -1
        """The newest number that was heard before this term; -1 once it is judged that commits were lost."""
        self._name = ""
        self.life = ""
        """The ledger's life in 8 hex digits; "" if its broker does not name it. Changes that come before the first beat
        of a new life count for the one before: whoever returns with such an id is told everything anew."""

    def is_lost_by_changes(self, epoch: int, first: int, last: int) -> bool:
        """Changes of this epoch came; `first` is the number before them. A term that surpassed the lost ones already
        shows it by its next beat."""
        self._enter(epoch, last)
        return self._judged(first < self._former)

    def is_lost_by_term(self, epoch: int, began: int | None, name: str, last: int) -> bool:
        """A beat or a Hello of this epoch came, whose term began after the change `began`, on the ledger's life `name`
        (None and "": its broker does not say)."""
        self._enter(epoch, last)
        is_another = bool(name and self._name and name != self._name)
        if name and name != self._name:
            self._name, self.life = name, blake2s(name.encode(), digest_size=4).hexdigest()
        return self._judged(is_another or (began is not None and began < self._former))

    def _enter(self, epoch: int, last: int) -> None:
        if epoch > self._epoch:
            self._epoch, self._former = epoch, last

    def _judged(self, lost: bool) -> bool:
        if lost:
            self._former = -1
        return lost
