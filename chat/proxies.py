"""Says it, once, if what is in front of the server and the settings do not fit each other."""

import logging
from typing import Any

from django.conf import settings

PROBES = ("/healthz", "/readyz", "/metrics")  # asked by the host itself, without a proxy

logger = logging.getLogger(__name__)


class Watch:
    """Looks at requests until there is something to say."""

    def __init__(self) -> None:
        self._has_said = False

    def look(self, scope: Any) -> None:
        if self._has_said or scope["path"] in PROBES:
            return
        headers = dict(scope["headers"])
        scheme, comes_from = headers.get(b"x-forwarded-proto"), headers.get(b"x-forwarded-for")
        if settings.SECURE_PROXY:
            self._say_what_is_missing(scheme, comes_from)
        elif scheme == b"https" or (comes_from and scheme is None):
            self._say(
                "a proxy is in front, but SECURE_PROXY is not set: links and cookies are for plain "
                "HTTP, and limits take all people for one. Set SECURE_PROXY=1"
            )

    def _say_what_is_missing(self, scheme: bytes | None, comes_from: bytes | None) -> None:
        given = {"X-Forwarded-Proto": scheme, "X-Forwarded-For": comes_from}
        if missing := [name for name, value in given.items() if value is None]:
            self._say(
                "SECURE_PROXY is set, but a request came without %s: have the proxy set it, as "
                "deploy/nginx does, and let nobody pass by the proxy",
                " and ".join(missing),
            )

    def _say(self, *what: str) -> None:
        self._has_said = True
        logger.warning(*what)
