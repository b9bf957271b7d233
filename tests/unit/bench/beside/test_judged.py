"""bench/beside/judged.py: the ratios, their bars, and the price of durability."""

from bench.beside.figures import Rounds
from bench.beside.judged import Judged, beside_node, beside_python, durability


def by_words(found: list[Judged]) -> dict[str, tuple[float, bool]]:
    return {one.words: (one.value, one.held) for one in found}


def test_beside_node_rates_are_at_least_and_costs_at_most() -> None:
    rounds: Rounds = {
        "pixmill": [{"one_images_s": 30.0, "one_cpu_ms": 40.0, "one_accept_p99": 70.0}],
        "node": [{"one_images_s": 25.0, "one_cpu_ms": 50.0, "one_accept_p99": 100.0}],
    }
    assert by_words(beside_node(rounds)) == {
        "pixmill, one: images/s of Node's": (1.2, True),
        "pixmill, one: CPU an image of Node's": (0.8, True),
        "pixmill, one: accept p99 of Node's": (0.7, False),
    }


def test_beside_python_the_best_of_each_kind_counts() -> None:
    rounds: Rounds = {
        "pixmill": [{"one_images_s": 30.0, "jobs_s": 5000.0}],
        "rq": [{"one_images_s": 10.0, "jobs_s": 100.0}],
        "arq": [{"one_images_s": 12.0, "jobs_s": 1000.0}],
        "arq:engine": [{"one_images_s": 40.0}],
        "arq:safe": [{"one_images_s": 99.0, "jobs_s": 9999.0}],
    }
    assert by_words(beside_python(rounds, ("rq", "arq"))) == {
        "pixmill, one: images/s of arq's": (2.5, True),
        "pixmill, one: images/s of arq:engine's": (0.75, False),
        "pixmill: no-op jobs/s, durable, of arq's at its default": (5.0, False),
    }


def test_durability_is_what_is_left_of_each_rate() -> None:
    rounds: Rounds = {
        "pixmill": [{"jobs_s": 80.0, "one_images_s": 9.0}],
        "pixmill:normal": [{"jobs_s": 100.0, "one_images_s": 10.0}],
        "rq": [{"jobs_s": 100.0, "one_images_s": 1.0}],
        "rq:engine": [{"one_images_s": 20.0}],
        "rq:safe": [{"jobs_s": 25.0, "one_images_s": 10.0}],
    }
    assert durability(rounds) == {
        "pixmill": [{"jobs_s": 0.8, "one_images_s": 0.9}],
        "rq": [{"jobs_s": 0.25, "one_images_s": 0.5}],
    }
