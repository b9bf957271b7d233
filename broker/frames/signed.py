"""Makes the messages to couriers: signs each attempt of a delivery with the secrets of its endpoint.

Owns the secrets in the broker. They are neither in the core nor in a recording.
"""

from collections.abc import Iterable, Sequence

from broker.core.couriers.deliveries import Sending
from jobs import wire
from jobs.trace import headers_of
from jobs.webhooks.signatures import headers


class Signer:
    """Signs with all of the `secrets`, in their order."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._secrets = secrets

    def signed(self, sendings: Iterable[Sending]) -> list[tuple[bytes, bytes]]:
        """The frames to send, by courier."""
        of_peer: dict[bytes, list[wire.Delivery]] = {}
        for sending in sendings:
            of_peer.setdefault(sending.peer, []).append(self._delivery(sending))
        return [
            (peer, frame) for peer, items in of_peer.items() for frame in wire.frames(wire.Deliver(items))[0]
        ]  # fmt: skip

    def _delivery(self, sending: Sending) -> wire.Delivery:
        made = headers(self._secrets, sending.tenant, sending.url, sending.id, sending.body, sending.at)
        made |= headers_of(sending.trace)
        return wire.Delivery(sending.id, sending.attempt, sending.url, made, sending.body)
