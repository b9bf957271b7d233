"""Who is told of the ends of an upload's jobs: the receiver that it names, and that of its tenant.

Owns the door for a receiver's address. Its name is resolved, and judged again, at each attempt (host/egress/gate.py).
An event is signed, so its own addresses never begin with what a client on the network says we are called.
"""

from host.egress.receivers import NAME, judged_receiver
from host.settings.couriers import has_couriers
from jobs.job import Hooks
from jobs.requests.fields import UploadRequest
from jobs.requests.texts import bad_parameter
from jobs.wire import BATCHES_EDITION, COURIERS_EDITION
from web.access.call import Call
from web.access.guard import is_base_ours
from web.access.parts import Web
from web.broker.editions import refuse_older


def checked(web: Web, url: object) -> str:
    """The address of a receiver that a caller names. Raises ClientFault `bad_parameter`."""
    if not has_couriers(web.settings.couriers):
        raise bad_parameter(NAME, "nobody delivers webhooks here: PIXMILL_COURIERS is 0")
    if not is_base_ours(web):
        raise bad_parameter(NAME, "no event can name its job here: PIXMILL_PUBLIC_URL is not set")
    return judged_receiver(url, web.allowed)


def hooks_of(call: Call, request: UploadRequest) -> Hooks | None:
    """Who is told of the jobs of this upload; None: nobody. Raises ClientFault `bad_parameter`;
    NotPromised if the broker would tell nobody."""
    hooks = hooks_for(call, request.webhook_url, request.tells_renditions)
    if hooks is None and request.tells_renditions:
        raise bad_parameter("webhook_events", f"webhook_events needs a {NAME}")
    return hooks


def hooks_for(call: Call, webhook_url: object, tells_renditions: bool = False) -> Hooks | None:
    """Who is told where the caller names this receiver, or none (None). Raises as `hooks_of`."""
    url = None if webhook_url is None else checked(call.web, webhook_url)
    urls = dict.fromkeys(each for each in (url, call.web.receivers.get(call.caller.tenant)) if each)
    if not urls:
        return None
    refuse_older(call.web.feed.latest_beat, COURIERS_EDITION, "webhooks")
    return Hooks(tuple(urls), call.base, tells_renditions)


def judge_batch(call: Call, request: UploadRequest, hooks: Hooks | None, *, is_batch: bool) -> None:
    """Raises NotPromised if the upload joins an open batch, or is a batch of whose end somebody is to be told, and the
    broker is known to know nothing of that."""
    beat = call.web.feed.latest_beat
    if request.batch is not None:
        refuse_older(beat, BATCHES_EDITION, "open batches")
    elif hooks is not None and is_batch:
        refuse_older(beat, BATCHES_EDITION, "webhooks of batches")
