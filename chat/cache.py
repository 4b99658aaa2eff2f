"""The cache in Redis: counts and notes of the last minutes, which everybody can do without."""

import logging
import time
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

PAUSE = 1.0  # seconds until Redis is asked again that did not answer

logger = logging.getLogger(__name__)


def _or(otherwise: Any) -> Any:
    """Return a method that asks Redis as Django's does; or returns `otherwise`, if it is gone."""

    class Method:
        def __set_name__(self, owner: type, name: str) -> None:
            asked = getattr(RedisCacheClient, name)

            def ask(client: "Client", *args: Any, **more: Any) -> Any:
                if time.monotonic() < client.quiet_until:
                    return otherwise
                try:
                    found = asked(client, *args, **more)
                except RedisError as error:
                    client.miss(error)
                    return otherwise
                client.find_again()
                return found

            setattr(owner, name, ask)

    return Method()


class Client(RedisCacheClient):
    """Where Redis does not answer nothing is known, and nobody is turned away for that."""

    quiet_until = 0.0
    _is_missed = False

    add = _or(True)
    get = _or(None)
    set = _or(None)
    touch = _or(False)
    delete = _or(False)
    get_many = _or({})
    has_key = _or(False)
    incr = _or(0)
    set_many = _or(None)
    delete_many = _or(None)

    def miss(self, error: RedisError) -> None:
        self.quiet_until = time.monotonic() + PAUSE
        if not self._is_missed:
            self._is_missed = True
            logger.error("the cache does not answer, nothing is limited until it does: %r", error)

    def find_again(self) -> None:
        if self._is_missed:
            self._is_missed = False
            logger.info("the cache answers again")


class Cache(RedisCache):
    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = Client
