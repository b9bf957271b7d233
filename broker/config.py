"""The broker's part of the settings."""

from broker.core.books.events import Policy
from host.settings.settings import Settings, retention_seconds

BEATS_PER_SILENCE = 5
BEAT_SECONDS_MOST = 1.0
"""GET /stats shows the last beat, so its figures are at most this old."""


def policy_of(settings: Settings) -> Policy:
    """The core's policy. Beats are several times as frequent as SILENCE_SECONDS, after which a worker gives up a silent
    broker."""
    return Policy(
        attempts_max=settings.attempts_max,
        job_seconds=settings.job_seconds,
        decoder_bytes_max=settings.decoder_bytes_max,
        silence_seconds=settings.silence_seconds,
        grace_seconds=settings.grace_seconds,
        queued_max=settings.queued_max,
        rate_per_minute=settings.rate_per_minute,
        orphan_seconds=settings.orphan_seconds,
        retention_seconds=retention_seconds(settings),
        beat_seconds=min(BEAT_SECONDS_MOST, settings.silence_seconds / BEATS_PER_SILENCE),
    )
