"""All contenders of bench/beside by name: what each needs on this machine, and what may be killed of it."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from bench.peers.whole import ours, rivals
from bench.peers.whole.stacks import Setting, Stack


class Contender(NamedTuple):
    """`open` makes it; it starts when it is entered. `killed`: what a kill may hit. `durable`: whether an accepted job
    is on the disk."""

    name: str
    needs: frozenset[str]
    killed: tuple[str, ...]
    durable: bool
    open: Callable[[Setting], Stack]


def contenders() -> dict[str, Contender]:
    """All of them, ours first."""
    found = [
        Contender(name, frozenset({"vips"} if name.endswith(":vips") else ()), ours.KILLED,
                  not name.endswith(":normal"), partial(ours.Ours, name))
        for name in ours.VARIANTS
    ]  # fmt: skip
    found.append(Contender("node", frozenset({"node"}), ("worker", "queue"), False, rivals.node))
    for peer, one in rivals.QUEUES.items():
        for variant in ("", "engine", "safe"):
            name = f"{peer}:{variant}" if variant else peer
            durable = variant == "safe" or one.server == "postgresql"
            needs = frozenset({one.environment, one.server})
            found.append(Contender(name, needs, ("worker", "queue"), durable, partial(rivals.queue, peer, variant)))
    return {one.name: one for one in found}
