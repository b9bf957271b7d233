"""The broker's part of the settings."""

from collections.abc import Mapping

from broker.core.books.events import Policy
from host.settings.settings import Settings, retention_seconds
from jobs.tenants import TenantLimits

BEATS_PER_SILENCE = 5
WHY_CHARACTERS_MAX = 300
"""Of a reason in the beat."""
BEAT_SECONDS_MOST = 1.0
"""GET /stats shows the last beat, so its figures are at most this old."""


def policy_of(settings: Settings, tenants: Mapping[str, TenantLimits] | None = None, unclaimed: str = "") -> Policy:
    """The core's policy. `tenants`: what the file of tenants says. `unclaimed`: why whose the bucket is cannot be told,
    or "". Then its files may be those of another ledger, and nothing looks for orphans. Beats are several times as
    frequent as SILENCE_SECONDS, after which a worker gives up a silent broker."""
    no_scan = f"the next start asks whose the bucket is: {unclaimed[:WHY_CHARACTERS_MAX]}" if unclaimed else ""
    return Policy(
        attempts_max=settings.attempts_max,
        job_seconds=settings.job_seconds,
        decoder_bytes_max=settings.decoder_bytes_max,
        silence_seconds=settings.silence_seconds,
        grace_seconds=settings.grace_seconds,
        queued_max=settings.queued_max,
        rate_per_minute=settings.rate_per_minute,
        orphan_seconds=settings.orphan_seconds,
        no_scan=no_scan,
        retention_seconds=retention_seconds(settings),
        fetch_seconds=settings.fetch_seconds,
        upload_bytes_max=settings.upload_bytes_max,
        partial_seconds=settings.partial_seconds,
        tenants=dict(tenants or {}),
        metrics=settings.metrics,
        beat_seconds=min(BEAT_SECONDS_MOST, settings.silence_seconds / BEATS_PER_SILENCE),
    )
