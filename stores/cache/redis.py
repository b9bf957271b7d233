"""The result cache on a server that speaks Redis' protocol (Redis, Valkey), for the workers of all hosts.

Owns the names of the keys, the life of the values, and what a failure costs: a miss, and the time-out once. Whoever
may write into the database chooses what a content becomes, so the server is trusted as the blob store is
(docs/security.md).
"""

import re
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.connection import SSLConnection, UnixDomainSocketConnection
from redis.retry import Retry

from host.settings.cache_url import RedisPlace
from jobs.errors import SetupFault
from stores.cache.bounded import Bounded
from stores.cache.breaker import Breaker
from stores.cache.file import VALUE_BYTES_MAX

TIMEOUT_SECONDS = 0.2
"""A call takes at most this long. An answer within one data centre takes less than a thousandth of it."""
LIFE_SECONDS = 30 * 86_400
"""Values of an installation that is gone end by themselves."""
OWED_MAX = 1000
"""Values that a decoder may have made in its life, and so are dropped at once (DECODER_JOBS_MAX)."""
_KEY = re.compile(r"[0-9a-f]{8,128}")
_NO_ANSWER = f"no answer within {TIMEOUT_SECONDS:g} s"
_GARBAGE = (exceptions.RedisError, OSError, ValueError, TypeError, RecursionError)
"""What the driver raises without an answer, and at bytes that are no answer."""


class RedisCache:
    """A Cache in one database. Of one thread. Raises SetupFault as _client."""

    def __init__(self, place: RedisPlace, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = _client(place)
        self._prefix = f"{place.prefix}:result:"
        self._monotonic = monotonic
        self._breaker = Breaker()
        self._bounded = Bounded()
        self._why = ""
        self._refused: dict[str, str] = {}
        """By kind of call, why the server refused the last one. Such an answer costs no time."""
        self._owed: dict[str, None] = {}
        """Keys to be dropped as soon as the server answers: their values are not to be trusted."""

    def get(self, key: str) -> bytes | None:
        """As Cache.get. While the server fails, one in some calls probes it."""
        if _KEY.fullmatch(key) is None or key in self._owed:
            return None
        value = self._ask("get", lambda: self._client.getrange(self._prefix + key, 0, VALUE_BYTES_MAX), probe=True)
        self._pay()
        return value if isinstance(value, bytes) and 0 < len(value) <= VALUE_BYTES_MAX else None

    def put(self, key: str, value: bytes) -> None:
        """As Cache.put."""
        if _KEY.fullmatch(key) is None or not 0 < len(value) <= VALUE_BYTES_MAX:
            return
        if self._ask("put", lambda: self._client.set(self._prefix + key, value, ex=LIFE_SECONDS)):
            self._owed.pop(key, None)

    def drop(self, key: str) -> None:
        """As Cache.drop. If the server fails, the key is dropped once it answers, and is a miss here until then."""
        if _KEY.fullmatch(key) is not None:
            self._owed[key] = None
            while len(self._owed) > OWED_MAX:
                del self._owed[next(iter(self._owed))]
            self._pay()

    def failing(self) -> str:
        """As Cache.failing."""
        return self._why if self._breaker.is_open else next(iter(self._refused.values()), "")

    def _pay(self) -> None:
        names = [self._prefix + key for key in self._owed]
        if names and self._ask("drop", lambda: self._client.delete(*names)) is not None:
            self._owed.clear()

    def _ask(self, kind: str, call: Callable[[], Any], *, probe: bool = False) -> Any:
        """The answer, or None for any failure."""
        if not self._breaker.allows(self._monotonic(), probe=probe):
            return None
        try:
            answer = self._bounded.call(call, TIMEOUT_SECONDS)
        except exceptions.ResponseError as error:
            self._breaker.answered()
            self._refused[kind] = _refusal(error)
            return None
        except _GARBAGE as error:
            self._client.connection_pool.disconnect()  # a hanging call ends with its connection
            self._breaker.failed(self._monotonic())
            self._why = _failure(error)
            return None
        self._breaker.answered()
        self._refused.pop(kind, None)
        return answer


def _client(place: RedisPlace) -> redis.Redis:
    """The driver without its own retries (5.9 s with a time-out of 0.2 s in redis-py 8.1). Raises SetupFault if
    the authorities cannot be read."""
    where: dict[str, Any] = {"host": place.host, "port": place.port, "socket_keepalive": True}
    if place.path:
        where = {"connection_class": UnixDomainSocketConnection, "path": place.path}
    elif place.tls:
        where |= {"connection_class": _tls(place.ca)}
    pool = redis.ConnectionPool(
        **where,
        db=place.database,
        username=place.user or None,
        password=place.password or None,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        driver_info=None,
    )
    return redis.Redis.from_pool(pool)


def _tls(authorities: str) -> type[SSLConnection]:
    """Connections of TLS that trust these authorities (a file; empty: those of the machine). The driver reads the
    machine's at each connection, which takes as long as our time-out (0.19 s), and trusts them beside a given file."""
    try:
        context = ssl.create_default_context(cafile=authorities or None)
    except OSError as error:
        raise SetupFault(
            f"PIXMILL_CACHE_URL: the authorities in {authorities} cannot be read ({error.strerror}): correct the path"
        ) from None

    class Connection(SSLConnection):
        def _wrap_socket_with_ssl(self, sock: socket.socket) -> ssl.SSLSocket:
            return context.wrap_socket(sock, server_hostname=self.host)

    return Connection


def _refusal(error: exceptions.ResponseError) -> str:
    """A refusal in our words: the server's own may quote a command."""
    match error:
        case exceptions.OutOfMemoryError():
            return "its memory is full"
        case exceptions.ReadOnlyError():
            return "it is a replica, and takes no values"
        case exceptions.NoPermissionError():
            return "its user may not do this"
    return "it refuses a command"


def _failure(error: BaseException) -> str:
    match error:
        case exceptions.AuthenticationError() | exceptions.AuthorizationError():
            return "it refuses the user or the password"
        case exceptions.TimeoutError() | TimeoutError():
            return _NO_ANSWER
        case exceptions.ConnectionError() if isinstance(error.__context__, ssl.SSLError):
            return "TLS fails"
        case exceptions.ConnectionError() | OSError():
            return "no connection"
    return "its answers are not understood"
