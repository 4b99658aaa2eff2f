"""HTTP to providers, beneath their SDKs: guarded, bounded, and with one kind of error.

The SDKs speak the protocols; here is what they must not be trusted with. Only checked addresses
are connected to, no header goes out that the environment gave, no redirect is followed, nothing
comes compressed, and no answer is read that grows without end.
"""

import asyncio
import functools
import re
import ssl
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore2
import httpx
import httpx2

from chat.assistants.base import Endpoint, Network, ProviderError
from chat.assistants.body import EVENT, LINE, LONGEST_EVENT, LONGEST_LIST, Body, Bound, Lines
from chat.assistants.failures import answered, failure
from chat.assistants.network import resolve

IDLE, IDLE_SECONDS = 20, 30.0  # connections that are kept for the next request

# What an SDK says of the request. All else it adds stays here: its telemetry, cookies, and what
# variables such as OPENAI_ORG_ID or ANTHROPIC_CUSTOM_HEADERS put in.
PASSED = {b"host", b"accept", b"content-type", b"content-length", b"user-agent"}
PASSED |= {b"anthropic-version"}

Request = httpx.Request | httpx2.Request


class Transport(httpx2.AsyncBaseTransport):
    """What the SDKs that stand on httpx2 send their requests with."""

    def __init__(self, endpoint: Endpoint, base_url: str) -> None:
        self._upstream = Upstream(endpoint, base_url, EVENT)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        status, headers, body = await self._upstream.ask(request)
        return httpx2.Response(status, headers=headers, stream=body, extensions=HTTP)

    async def aclose(self) -> None:
        await self._upstream.close()


class OlderTransport(httpx.AsyncBaseTransport):
    """The same for those that stand on httpx."""

    def __init__(self, endpoint: Endpoint, base_url: str) -> None:
        self._upstream = Upstream(endpoint, base_url, LINE)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        status, headers, body = await self._upstream.ask(request)
        return httpx.Response(status, headers=headers, stream=Lines(body), extensions=HTTP)

    async def aclose(self) -> None:
        await self._upstream.close()


HTTP = {"http_version": b"HTTP/1.1"}
Headers = list[tuple[bytes, bytes]]


class Upstream:
    """The connections to one endpoint. `ends` are what an event of its streams may end with."""

    def __init__(self, endpoint: Endpoint, base_url: str, ends: tuple[bytes, ...]) -> None:
        self._key, self._ends, self._url = endpoint.key.strip(), ends, base_url
        self._kind = endpoint.kind
        self._timeout = {"connect": endpoint.connect_timeout}  # silence is watched for elsewhere
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_trusting(),
            max_connections=None,  # replies are counted elsewhere
            max_keepalive_connections=IDLE,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=Guard(endpoint.allowed),
        )

    async def ask(self, request: Request) -> tuple[int, Headers, Body]:
        """Send `request`; return the status, headers and body of a good answer to it.

        Raises ProviderError, also for an answer that is an error.
        """
        error = None
        try:
            response = await self._pool.handle_async_request(self._prepared(request))
        except Exception as raised:
            error = self.explained(raised)
        if error is not None:
            raise error
        headers = [(name.lower(), value) for name, value in response.headers]
        streams = request.method == "POST"
        bound = Bound(LONGEST_EVENT, self._ends) if streams else Bound(LONGEST_LIST, ())
        body = Body(response, bound, self.explained)
        await self._check(response.status, headers, body)
        return response.status, [pair for pair in headers if pair[0] != b"set-cookie"], body

    async def close(self) -> None:
        await self._pool.aclose()

    def _prepared(self, request: Request) -> httpcore2.Request:
        url = request.url
        headers = [(name, value) for name, value in request.headers.raw if name.lower() in PASSED]
        headers.append((b"Accept-Encoding", b"identity"))
        if self._key:
            headers.append((b"Authorization", b"Bearer " + self._readable_key()))
            if self._kind == "anthropic":  # which documents this one, while its SDK sends the other
                headers.append((b"x-api-key", self._readable_key()))
        return httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=headers,
            content=request.stream,
            extensions={"timeout": self._timeout},
        )

    def _readable_key(self) -> bytes:
        if not re.fullmatch(r"[!-~]+", self._key):
            raise failure("wrong_key", "The key has characters in it that no key has.")
        return self._key.encode()

    async def _check(self, status: int, headers: Headers, body: Body) -> None:
        told = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        error = None
        if not 200 <= status < 300:
            error = answered(status, told, await body.start(), self._key)
        elif told.get("content-encoding", "identity").lower() != "identity":
            error = failure("garbled", "The answer is compressed, which nobody asked for.")
        elif told.get("content-type", "").lower().startswith("text/html"):
            page = (await body.start()).decode("utf-8", "replace")
            error = failure(
                "garbled", f"The server answered with a web page: {page}", key=self._key
            )
        if error is not None:
            await body.aclose()
            raise error

    def explained(self, error: Exception) -> ProviderError:
        """Return what `error`, somewhere between here and the provider, means for staff."""
        if isinstance(error, httpcore2.TimeoutException):
            return failure("unreachable", f"Nothing answers at {self._url} (timed out).")
        causes = list(_causes(error))
        for cause in causes:
            if isinstance(cause, ProviderError):
                return cause
            if isinstance(cause, ssl.SSLCertVerificationError):
                return failure("certificate", f"{self._url}: {cause.verify_message}")
            if isinstance(cause, ssl.SSLError):
                said = cause.reason or "no TLS is spoken there"
                return failure("certificate", f"{self._url}: {said}. Is it https:// rightly?")
        return _network_failure(error, causes[-1], self._url)


class Guard(httpcore2.AsyncNetworkBackend):
    """Connects only to addresses that may be spoken to; TLS still asks for the host's own name."""

    def __init__(self, allowed: Iterable[Network]) -> None:
        self._allowed = tuple(allowed)
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as httpcore2 has it
        *args: Any,
        **options: Any,
    ) -> httpcore2.AsyncNetworkStream:
        error: Exception = httpcore2.ConnectTimeout("no address answered")
        try:
            async with asyncio.timeout(timeout):
                addresses = await resolve(host, port, self._allowed)
        except TimeoutError:
            raise httpcore2.ConnectTimeout("the name server did not answer") from None
        share = timeout / len(addresses) if timeout else None  # one dead address is no end
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, share, *args, **options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as refused:
                error = refused
        raise error


def _network_failure(error: Exception, cause: BaseException, url: str) -> ProviderError:
    if isinstance(error, httpcore2.ConnectError):
        if isinstance(cause, ConnectionRefusedError):
            return failure("unreachable", f"Nothing listens at {url} (connection refused).")
        return failure("unreachable", f"{url} cannot be reached: {_say(cause)}.")
    if isinstance(error, httpcore2.NetworkError) or _BROKEN.search(str(error)):
        return failure("cut", f"{url} broke off the connection.")
    if isinstance(error, httpcore2.ProtocolError):
        return failure("garbled", f"{url} does not speak HTTP rightly.")
    return failure("garbled", f"{url} cannot be asked: {type(error).__name__}.")


_BROKEN = re.compile("disconnected without|closed connection without")  # only words tell it


def _say(cause: BaseException) -> str:
    return (cause.strerror if isinstance(cause, OSError) else None) or type(cause).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, what caused it, what caused that, and so on."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__  # httpcore2 hides the cause now and then


@functools.cache
def _trusting() -> ssl.SSLContext:
    # To load the certificates takes tens of milliseconds.
    return httpcore2.default_ssl_context()
