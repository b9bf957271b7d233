"""What the tables of bench/beside say in a few figures: ratios beside the peers, each with its bar, and the price of
durability. Pure."""

from typing import NamedTuple

from bench.beside.figures import Figures, Rounds, best, ratio

OURS, WITH_VIPS, STOCK = "pixmill", "pixmill:vips", "pixmill:pillow"
PAIRS = {
    "pixmill": ("pixmill", "pixmill:normal"),
    "celery": ("celery:safe", "celery:engine"),
    "dramatiq": ("dramatiq:safe", "dramatiq:engine"),
    "rq": ("rq:safe", "rq:engine"),
    "arq": ("arq:safe", "arq:engine"),
    "taskiq": ("taskiq:safe", "taskiq:engine"),
}
"""A contender that is as safe as it can be, and the same one as it is by default (pixmill: LEDGER_SYNC=normal)."""


class Judged(NamedTuple):
    """A ratio, and what it should be at least, or at most."""

    words: str
    value: float
    bar: float
    at_least: bool

    @property
    def held(self) -> bool:
        """Whether the bar is met."""
        return self.value >= self.bar if self.at_least else self.value <= self.bar


def beside_node(rounds: Rounds) -> list[Judged]:
    """Images a second and CPU of Node's, by preset and engine, and the accept p99."""
    found = []
    for preset, stock, with_vips in (("one", 1.10, 1.25), ("five", 1.45, 1.8), ("default", 1.1, 1.1)):
        for name, bar in ((STOCK, stock), (OURS, stock), (WITH_VIPS, with_vips)):
            for key, words, most in (
                (f"{preset}_images_s", "images/s", None),
                (f"{preset}_cpu_ms", "CPU an image", 1 / bar),
                (f"{preset}_accept_p99", "accept p99", 0.6),
            ):
                value = ratio(rounds, name, "node", key)
                if value is not None:
                    found.append(Judged(f"{name}, {preset}: {words} of Node's", value, most or bar, most is None))
    return found


def beside_python(rounds: Rounds, peers: tuple[str, ...]) -> list[Judged]:
    """Images a second of the best Python peer's, naive and with our engine, and dispatch of the fastest one's."""
    found = []
    for preset in ("one", "five", "default"):
        for variant, bar in (("", 2.0), (":engine", 1.0)):
            key = f"{preset}_images_s"
            other = best(rounds, [peer + variant for peer in peers], key)
            value = ratio(rounds, OURS, other, key) if other else None
            if value is not None:
                found.append(Judged(f"{OURS}, {preset}: images/s of {other}'s", value, bar, True))
    other = best(rounds, peers, "jobs_s")
    value = ratio(rounds, OURS, other, "jobs_s") if other else None
    if value is not None:
        found.append(Judged(f"{OURS}: no-op jobs/s, durable, of {other}'s at its default", value, 10.0, True))
    return found


def durability(rounds: Rounds) -> Rounds:
    """What is left of each rate with full durability, by contender. For dispatch the default of a peer has typical
    code, because a no-op calls no engine."""
    found: Rounds = {}
    for name, (safe, unsafe) in PAIRS.items():
        figures: Figures = {}
        for key, other in (("jobs_s", unsafe.replace(":engine", "")), ("one_images_s", unsafe)):
            if (value := ratio(rounds, safe, other, key)) is not None:
                figures[key] = value
        if figures:
            found[name] = [figures]
    return found
