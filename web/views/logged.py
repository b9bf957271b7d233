"""A job's lines of the log as the API shows them. Pure."""

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Struct

from web.views.fields import Id, says


class JobLog(Struct, frozen=True):
    """What all roles of a machine logged of a job."""

    job: Annotated[Id, says("The job.")]
    lines: Annotated[
        Sequence[dict[str, Any]],
        says("In the order of time, each as [a line of the log](logs.md#formats)."),
    ]
    complete: Annotated[
        bool,
        says("False: there may be older lines. The newest 200 are told, of the last 16 MiB of the file."),
    ]
