"""What both clients change: one job, all jobs that match, and the queue; and who changed what. They decide nothing, as
the clients do.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Unpack

from pixmill.client.connections import AsyncConnections, Connections
from pixmill.core.answers import Action, Changed, History, Job, JobLog
from pixmill.core.calls import Calls
from pixmill.core.fields import Filters
from pixmill.core.named import OneJob, named


class Changes:
    """The changes of Client."""

    _connections: Connections
    _calls: Calls

    def cancel(self, job: OneJob) -> Job:
        """End a job that has not ended. Raises Conflict `job_ended`."""
        return self._connections.run(self._calls.cancel(named(job).id))

    def requeue(self, job: OneJob) -> Job:
        """Run a failed, dead or cancelled job once more. Raises Conflict `not_requeueable`."""
        return self._connections.run(self._calls.requeue(named(job).id))

    def purge(self, job: OneJob) -> None:
        """Remove an ended job with its files. Raises Conflict `job_not_ended`."""
        self._connections.run(self._calls.purge(named(job).id))

    def cancel_all(self, *, everything: bool = False, dry_run: bool = False, **filters: Unpack[Filters]) -> Changed:
        """Cancel all jobs that match, by the filters of `jobs`; `dry_run` only counts them. Without a filter it needs
        `everything`."""
        return self._connections.run(self._calls.over_all("cancel", filters, everything, dry_run))

    def requeue_all(self, *, everything: bool = False, dry_run: bool = False, **filters: Unpack[Filters]) -> Changed:
        """Requeue all jobs that match, as cancel_all cancels them."""
        return self._connections.run(self._calls.over_all("requeue", filters, everything, dry_run))

    def purge_all(self, *, everything: bool = False, dry_run: bool = False, **filters: Unpack[Filters]) -> Changed:
        """Purge all ended jobs that match, as cancel_all cancels them."""
        return self._connections.run(self._calls.over_all("purge", filters, everything, dry_run))

    def pause(self, tenant: str | None = None) -> bool:
        """Stop dispatch, of all jobs or of one tenant's: uploads go on, jobs wait. True: it is paused."""
        return self._connections.run(self._calls.paused(True, tenant))

    def resume(self, tenant: str | None = None) -> bool:
        """Start dispatch again, where `pause` stopped it. False: it is not paused."""
        return self._connections.run(self._calls.paused(False, tenant))

    def history(self, hours: int = 24) -> History:
        """The last `hours` (at most 24) in intervals of five minutes, with the slowest jobs and the most frequent codes
        of the last one (scope `operate`)."""
        return self._connections.run(self._calls.history(hours))

    def job_log(self, job: str) -> JobLog:
        """What all roles of the server's machine logged of a job (scope `operate`). Raises NotFound where the server
        writes no file of its log."""
        return self._connections.run(self._calls.job_log(job))

    def actions(self) -> Iterator[Action]:
        """The commands that were carried out, the newest first (scope `operate`). Pages are read as they are needed."""
        after = None
        while True:
            page = self._connections.run(self._calls.action_page(after))
            yield from page.actions
            if (after := page.next) is None:
                return


class AsyncChanges:
    """The same for AsyncClient."""

    _connections: AsyncConnections
    _calls: Calls

    async def cancel(self, job: OneJob) -> Job:
        """End a job that has not ended. Raises Conflict `job_ended`."""
        return await self._connections.run(self._calls.cancel(named(job).id))

    async def requeue(self, job: OneJob) -> Job:
        """Run a failed, dead or cancelled job once more. Raises Conflict `not_requeueable`."""
        return await self._connections.run(self._calls.requeue(named(job).id))

    async def purge(self, job: OneJob) -> None:
        """Remove an ended job with its files. Raises Conflict `job_not_ended`."""
        await self._connections.run(self._calls.purge(named(job).id))

    async def cancel_all(
        self, *, everything: bool = False, dry_run: bool = False, **filters: Unpack[Filters]
    ) -> Changed:
        """Cancel all jobs that match, by the filters of `jobs`; `dry_run` only counts them. Without a filter it needs
        `everything`."""
        return await self._connections.run(self._calls.over_all("cancel", filters, everything, dry_run))

    async def requeue_all(
        self, *, everything: bool = False, dry_run: bool = False, **filters: Unpack[Filters]
    ) -> Changed:
        """Requeue all jobs that match, as cancel_all cancels them."""
        return await self._connections.run(self._calls.over_all("requeue", filters, everything, dry_run))

    async def purge_all(
        self, *, everything: bool = False, dry_run: bool = False, **filters: Unpack[Filters]
    ) -> Changed:
        """Purge all ended jobs that match, as cancel_all cancels them."""
        return await self._connections.run(self._calls.over_all("purge", filters, everything, dry_run))

    async def pause(self, tenant: str | None = None) -> bool:
        """Stop dispatch, of all jobs or of one tenant's: uploads go on, jobs wait. True: it is paused."""
        return await self._connections.run(self._calls.paused(True, tenant))

    async def resume(self, tenant: str | None = None) -> bool:
        """Start dispatch again, where `pause` stopped it. False: it is not paused."""
        return await self._connections.run(self._calls.paused(False, tenant))

    async def history(self, hours: int = 24) -> History:
        """The last `hours` (at most 24) in intervals of five minutes, with the slowest jobs and the most frequent codes
        of the last one (scope `operate`)."""
        return await self._connections.run(self._calls.history(hours))

    async def job_log(self, job: str) -> JobLog:
        """What all roles of the server's machine logged of a job (scope `operate`). Raises NotFound where the server
        writes no file of its log."""
        return await self._connections.run(self._calls.job_log(job))

    async def actions(self) -> AsyncIterator[Action]:
        """The commands that were carried out, the newest first (scope `operate`). Pages are read as they are needed."""
        after = None
        while True:
            page = await self._connections.run(self._calls.action_page(after))
            for each in page.actions:
                yield each
            if (after := page.next) is None:
                return
