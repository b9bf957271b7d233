"""What an accepted upload rests on, by the settings of the server and its replicas. Pure: the server's answers in, a
word out.
"""

from jobs.records import ASYNCHRONOUS, LOCAL, SYNCHRONOUS, Durability

_OF_REPLICAS = frozenset({"on", "remote_write", "remote_apply"})
"""The values of synchronous_commit with which a commit waits for replicas."""


def durability_of(fsync: str, synchronous_commit: str, synchronous_replicas: str, replicas: int) -> Durability:
    """From three settings of the server and the number of replicas that are connected."""
    if fsync == "off":
        return Durability(ASYNCHRONOUS, "fsync is off: a crash of the server's machine may lose commits, or all")
    if synchronous_commit == "off":
        return Durability(ASYNCHRONOUS, "synchronous_commit is off: a crash of the server may lose the last commits")
    if synchronous_replicas.strip() and synchronous_commit in _OF_REPLICAS:
        return Durability(SYNCHRONOUS, "a commit is on a replica, too")
    if replicas:
        return Durability(
            ASYNCHRONOUS,
            "replicas follow asynchronously: a failover may lose the last commits; `pixmill audit` will name them",
        )
    return Durability(LOCAL, "a commit is on the server's disk")
