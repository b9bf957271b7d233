"""Every error that pixmill raises on purpose, as one tree. HTTP numbers live in web/http/problems.py alone.

PixmillError            code (stable, in API answers and rows), detail (one sentence)
  ClientFault           the request is at fault: never retried
    LimitExceeded       names the limit, what was allowed, what came
    BadRecipe           names the JSON path
  ImageFault            the image, or the recipe on this image, is at fault: ends the job
  StoreFault            a ledger, blob store or cache did not do what was asked
    LedgerFailed        a commit or sync failed: ends the process, a start is a recovery
      TermLost          another broker may be the ledger's writer: ends the process, which then stands by
      LedgerDamaged     the stored ledger is not whole: a person must restore it
    BlobMissing         no blob under that name
    StoreFull           no room left
    StoreAway           a store answers nobody at present: the same work may be done later
  EgressFault           a stranger could not be called, or did not answer: it may be tried again
    EgressRefused       this address must not be called
  WireFault             a frame is malformed or of an unknown version: counted and dropped
  SetupFault            the process cannot start as configured; the sentence says the fix
"""

from jobs.units import exceeded


class PixmillError(Exception):
    """An error with a stable `code` and a one-sentence `detail` fit for the user."""

    code = "internal"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


class ClientFault(PixmillError):
    """The request is at fault; the same request will fail again."""

    code = "malformed"

    def __init__(self, detail: str, *, code: str | None = None, **members: object) -> None:
        super().__init__(detail, code=code)
        self.members = members
        """Further members of the problem document (`filename`, `index`, `path`, ...)."""


class LimitExceeded(ClientFault):
    """A limit was passed: `limit` names it, `allowed` and `actual` are in its unit. `came` is as for `exceeded`."""

    def __init__(self, code: str, limit: str, allowed: int | float, actual: int | float, came: str = "") -> None:
        detail = exceeded(limit, allowed, actual, came=came)
        super().__init__(detail, code=code, limit=limit, allowed=allowed, actual=actual)


class BadRecipe(ClientFault):
    """A recipe is at fault at JSON path `path`, such as `$.renditions[0].width`."""

    code = "bad_recipe"

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}", path=path)
        self.path = path


class ImageFault(PixmillError):
    """The image, or the recipe on this image, is at fault: the job ends `failed` with `code`."""

    code = "undecodable"


class StoreFault(PixmillError):
    """A store did not do what was asked; the work may be tried again."""

    code = "store_error"


class LedgerBusy(StoreFault):
    """The ledger is locked to readers for a moment: a broker recovers."""


class LedgerFailed(StoreFault):
    """A commit or a sync failed. What was committed is unknown, so the process must end."""


class TermLost(LedgerFailed):
    """The term is over: another broker may be the ledger's writer by now."""


class LedgerDamaged(LedgerFailed):
    """The stored ledger is not whole: no start works before it is restored from a backup."""


class BlobMissing(StoreFault):
    """No blob has that name."""

    code = "original_missing"


class StoreFull(StoreFault):
    """No room left in a store."""

    code = "disk_full"


class StoreAway(StoreFault):
    """A store does not answer, or refuses everything: the blob and the job have no part in it."""


class EgressFault(PixmillError):
    """A stranger could not be called, or did not answer as it must. `detail` is for the log: an answer to a client
    that tells refused, reset and silent apart would make pixmill a scanner of ports."""

    code = "source_unreachable"


class EgressRefused(EgressFault):
    """This address must not be called."""

    code = "source_refused"


class WireFault(PixmillError):
    """A frame that is no message of ours: counted, logged once per peer and dropped."""


class SetupFault(PixmillError):
    """The process cannot start like this; the detail is one sentence that ends with the fix."""
