"""stores/blobs/s3/pause.py: one thread waits for a store that is stopped, and not all."""

from stores.blobs.s3.pause import PAUSE_SECONDS, Pause


def test_calls_fail_at_once_after_one_that_was_not_answered_and_are_tried_again_later() -> None:
    pause = Pause()
    assert not pause.holds(100.0)
    pause.failed("it did not answer", 100.0)
    assert pause.holds(100.0)
    assert pause.holds(100.0 + PAUSE_SECONDS * 0.99)
    assert pause.why == "it did not answer"
    assert not pause.holds(100.0 + PAUSE_SECONDS)


def test_an_answer_ends_the_pause() -> None:
    pause = Pause()
    pause.failed("it did not answer", 100.0)
    pause.answered()
    assert not pause.holds(100.0)
    assert pause.why == ""
