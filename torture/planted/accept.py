"""Bugs between a stored original and its 202."""

from torture.planted.mutant import Core, Mutant

ACCEPT = Core(
    "accept",
    "web/uploads",
    (
        "tests/unit/web/uploads/test_accept_submit.py",
        "tests/unit/web/uploads/test_accept.py",
        "tests/unit/web/uploads/test_admission_rates.py",
        "tests/unit/web/uploads/test_receive.py",
        "tests/unit/web/handlers/test_grants.py",
        "tests/unit/web/making/test_stored.py",
    ),
    (
        Mutant(
            "an unsent upload leaves its blob",
            "accept.py",
            '        if fault.code == "queue_full":\n            await remove(web, stored)',
            '        if fault.code == "queue_full":\n            pass',
        ),
        Mutant("a silent broker costs the blob", "accept.py", 'if fault.code == "queue_full":', "if True:"),
        Mutant(
            "a 503 does not name the jobs",
            "accept.py",
            '            fault.members["jobs"] = [each.job for each in stored]\n        raise',
            "            pass\n        raise",
        ),
        Mutant(
            "a batch is in the log of one image",
            "accept.py",
            "if (name := submit.jobs[0].batch) else {}",
            "if (name := submit.jobs[0].batch) or True else {}",
        ),
        Mutant(
            "a promised upload is not logged",
            "accept.py",
            'web.log.info("uploaded", extra={"job": each.job, "bytes": each.original.bytes, **more})',
            "pass",
        ),
        Mutant(
            "a repeated refusal costs the other copy its blob",
            "accept.py",
            "if ack.outcome != REFUSED or not repeated:",
            "if True:",
        ),
        Mutant(
            "a refusal leaves its blob",
            "accept.py",
            "if ack.outcome != REFUSED or not repeated:",
            "if ack.outcome != REFUSED:",
        ),
        Mutant(
            "a conflict leaves its blob",
            "accept.py",
            "if ack.outcome != REFUSED or not repeated:",
            "if ack.outcome == KNOWN or ack.outcome == REFUSED and not repeated:",
        ),
        Mutant("a lost answer's row costs the blob", "accept.py", "if each.job not in ack.ids])", "])"),
        Mutant(
            "a repeated refusal does not name the jobs",
            "accept.py",
            '        refusal.members["jobs"] = [each.job for each in stored]\n    raise',
            "        pass\n    raise",
        ),
        Mutant(
            "a single refusal names jobs",
            "accept.py",
            "    if repeated:\n        refusal",
            "    if True:\n        refusal",
        ),
        Mutant(
            "more images than the rate may come again",
            "accept.py",
            'if ack.code in ("rate_limited", "queue_full") and',
            'if ack.code == "queue_full" and',
        ),
        Mutant(
            "more images than the queue may come again",
            "accept.py",
            'if ack.code in ("rate_limited", "queue_full") and',
            'if ack.code == "rate_limited" and',
        ),
        Mutant("a rate's answer counts one image", "accept.py", "ack.retry_seconds, images)", "ack.retry_seconds)"),
        Mutant("an expired grant may come again", "accept.py", 'if ack.code == "grant_expired":', "if False:"),
        Mutant("a used up grant may come again", "accept.py", 'if ack.code == "grant_used_up":', "if False:"),
        Mutant(
            "a used up grant is spent whatever is left",
            "accept.py",
            "used_up(admission.call, admission.terms, ack.left)",
            "used_up(admission.call, admission.terms, 0)",
        ),
        Mutant(
            "every refusal is a full queue",
            "accept.py",
            '"the broker takes no more now", code=ack.code)',
            '"the broker takes no more now", code="queue_full")',
        ),
        Mutant(
            "a full queue tells no time",
            "accept.py",
            "refusal.retry_seconds = queue_full_seconds(admission.call, request.priority)",
            "pass",
        ),
        Mutant("one of many originals is no batch", "accept.py", "if is_batch or len(stored)", "if len(stored)"),
        Mutant("one image is a batch", "accept.py", "if is_batch or len(stored) > 1 else None", "if stored else None"),
        Mutant(
            "several images are no batch", "accept.py", "or len(stored) > 1 else None", "or len(stored) > 2 else None"
        ),
        Mutant("fields are not of the fingerprint", "accept.py", "sha256(request.digest + digests", "sha256(digests"),
        Mutant(
            "images are not of the fingerprint",
            "accept.py",
            "sha256(request.digest + digests",
            "sha256(request.digest",
        ),
        Mutant(
            "the images' order is not of the fingerprint",
            "accept.py",
            "bytes.fromhex(each.original.digest) for each in stored)",
            "sorted(bytes.fromhex(each.original.digest) for each in stored))",
        ),
        Mutant("one key is of a job and of a batch of one", "accept.py", '(b"batch" if is_batch else b"")', 'b""'),
        Mutant(
            "all images of a batch are the first",
            "accept.py",
            "len(stored), index, each.source,",
            "len(stored), 0, each.source,",
        ),
        Mutant(
            "a batch does not know its size", "accept.py", "len(stored), index, each.source,", "1, index, each.source,"
        ),
        Mutant(
            "a job is of no tenant",
            "accept.py",
            "                tenant=call.caller.tenant,\n",
            '                tenant="",\n',
        ),
        Mutant(
            "sides are added, not multiplied",
            "accept.py",
            "pixels=each.original.width * each.original.height",
            "pixels=each.original.width + each.original.height",
        ),
        Mutant(
            "tenants share a quarantine",
            "accept.py",
            "content_of(call.caller.tenant, each.original.digest, text)",
            'content_of("", each.original.digest, text)',
        ),
        Mutant(
            "a recipe is not of the content",
            "accept.py",
            "each.original.digest, text)",
            'each.original.digest, "")',
        ),
        Mutant(
            "all images of a POST have one key",
            "accept.py",
            "admission.terms.owner, key, index) if key",
            "admission.terms.owner, key, 0) if key",
        ),
        Mutant(
            "a key is the tenant's, not the grant's",
            "accept.py",
            "keyed(call.web.key_secret, admission.terms.owner, key, index)",
            "keyed(call.web.key_secret, call.caller.tenant, key, index)",
        ),
        Mutant(
            "content is not compared under a key",
            "accept.py",
            "fingerprint=fingerprint.digest() if key else None",
            "fingerprint=b'' if key else None",
        ),
        Mutant(
            "the cost is of other sides",
            "accept.py",
            "cost_ms(request.recipe, *measures(each.original))",
            "cost_ms(request.recipe, each.original.format, 1, 1, each.original.orientation)",
        ),
        Mutant(
            "a grant's use is not told to the broker",
            "accept.py",
            "        admission.terms.use,\n",
            "        None,\n",
        ),
    ),
)
