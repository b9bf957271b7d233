"""Receivers as text: those that the operator names for all jobs of a tenant (WEBHOOKS), and that of an upload. Pure."""

from collections.abc import Collection, Sequence

from host.egress.addresses import Allowed, judge_text, split
from jobs.errors import EgressRefused
from jobs.limits import WEBHOOK_CHARACTERS_MAX
from jobs.requests.texts import bad_parameter

NAME = "webhook_url"
"""The field by which an upload names its receiver."""
RECEIVERS_MAX = 10_000


def judged_receiver(url: object, allowed: Sequence[Allowed] | None) -> str:
    """The address of a receiver that a caller names. `allowed`: None if every address may be called. Raises ClientFault
    `bad_parameter`."""
    if not isinstance(url, str):
        raise bad_parameter(NAME, f"{NAME} is a text")
    if len(url) > WEBHOOK_CHARACTERS_MAX:
        raise bad_parameter(NAME, f"{NAME} has at most {WEBHOOK_CHARACTERS_MAX} characters, this has {len(url)}")
    try:
        target = split(url)
        if allowed is not None:
            judge_text(target, allowed)
    except EgressRefused as fault:
        raise bad_parameter(NAME, f"{NAME} {url[:100]!r}: {fault.detail}") from None
    return url


def parse_receivers(text: str, allowed: Sequence[Allowed], tenants: Collection[str] = ()) -> dict[str, str]:
    """The receiver of each tenant: entries `TENANT=URL`, or `URL` alone where there are no keys, separated by commas or
    white space. Addresses are judged as those of uploads are. `tenants`: those that keys are of, if there are keys.
    Raises ValueError with the number of the faulty one: an address may hold a secret."""
    found: dict[str, str] = {}
    for number, entry in enumerate(text.replace(",", " ").split(), 1):
        tenant, equals, url = entry.partition("=")
        if not equals or "/" in tenant:
            tenant, url = "", entry
        if len(url) > WEBHOOK_CHARACTERS_MAX:
            raise ValueError(f"entry {number} has {len(url)} characters, {WEBHOOK_CHARACTERS_MAX} are allowed")
        try:
            judge_text(split(url), allowed)
        except EgressRefused as fault:
            raise ValueError(f"entry {number}: {fault.detail}") from None
        if tenants and tenant not in tenants:
            none = f"no API key is of the tenant {tenant!r}" if tenant else "it names no tenant, and keys are on"
            raise ValueError(f"entry {number}: {none}")
        if tenant in found:
            raise ValueError(f"entry {number} is the second one of its tenant, one is allowed")
        found[tenant] = url
    if len(found) > RECEIVERS_MAX:
        raise ValueError(f"it has {len(found)} entries, {RECEIVERS_MAX} are allowed")
    return found
