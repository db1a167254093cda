"""The one place where HTTP leaves the house: bounded in time, bytes and parallel calls; no redirects, no proxies."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpcore2
import httpx2

from ponteio.model import outcome
from ponteio.model.outcome import RefusalError
from ponteio.outbound.address_policy import AddressRefusedError
from ponteio.outbound.breaker import Breaker
from ponteio.outbound.connector import STRANGERS_WORD, Connector
from ponteio.outbound.network_failure import CONNECT_TIMEOUT, failure_of

_NO_ANSWER = (outcome.UPSTREAM_UNREACHABLE, outcome.UPSTREAM_TIMEOUT)
_KEEP_ALIVE_S = 3.0
"""Node closes idle connections after 5 s: ours go first, so that no call is sent into a closing one."""
_CODINGS = ("", "identity", "gzip", "x-gzip", "deflate")
"""One layer of compression at most: of several, the outer ones can unpack to a thousand times each and leave nothing
that a limit of bytes would count.
"""


@dataclass(frozen=True, slots=True)
class PeerNames:
    """What the texts of refusals call the other side, its address and its key."""

    name: str = "The server"
    address: str = "the address"
    key: str = "the key"


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Bounds of one server's client. `total_s` includes the wait for a free connection.

    `max_body` counts bytes after decompression. `connector` says where the client may connect to. `breaks` spares a
    server that does not answer. `peer` is for the texts of refusals. `tls` says whom to trust, instead of what the
    system does; clients that share it read the certificates once. `transport` replaces the network.
    """

    connect_s: float = 5.0
    total_s: float = 15.0
    max_body: int = 4 * 1024 * 1024
    parallel: int = 8
    connector: Connector = STRANGERS_WORD
    breaks: bool = False
    peer: PeerNames = PeerNames()
    tls: ssl.SSLContext | None = None
    transport: httpx2.AsyncBaseTransport | None = None


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back, whole and decompressed. `content_type` is in lower case, without parameters; `retry_after`,
    `date` and `location` are the headers, as they came.
    """

    status: int
    content_type: str
    body: bytes
    retry_after: str = ""
    date: str = ""
    location: str = ""


class HttpClient:
    """Calls to one server. `headers` go with every call and nowhere else: redirects are not followed. Nothing is kept
    between calls but idle connections, cookies neither.
    """

    def __init__(self, url: str, headers: Mapping[str, str], options: HttpOptions | None = None) -> None:
        self._url = url.rstrip("/")
        self._headers = [(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in headers.items()]
        self._options = options or HttpOptions()
        self._peer = self._options.peer
        self._client: httpx2.AsyncClient | None = None
        self._breaker = Breaker() if self._options.breaks else None

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: bytes | None = None,
        max_body: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        """The server's answer to `method path`, whatever its status.

        `path` is already encoded and may hold a query. `headers` go with this call alone; a `content-type` among them
        says what `json` really is. Raises `RefusalError` with UPSTREAM_UNREACHABLE,
        UPSTREAM_TIMEOUT, ADDRESS_REFUSED, UPSTREAM_AUTH_FAILED for a key that no header can carry, or
        UPSTREAM_BAD_ANSWER (not HTTP, broken compression or several layers of it, larger than the limit).
        """
        loop = asyncio.get_running_loop()
        if self._breaker is not None and not self._breaker.may_call(loop.time()):
            detail = f"{self._peer.name} did not answer several times in a row: it is asked again in half a minute."
            raise RefusalError(outcome.UPSTREAM_UNREACHABLE, detail)
        try:
            answer = await self._bounded(method, path, json, max_body or self._options.max_body, headers or {})
        except RefusalError as refusal:
            if self._breaker is not None:
                if refusal.outcome in _NO_ANSWER:
                    self._breaker.failed(loop.time())
                elif refusal.outcome is outcome.UPSTREAM_BAD_ANSWER:
                    self._breaker.succeeded()
            raise
        if self._breaker is not None:
            self._breaker.succeeded()
        return answer

    async def _bounded(
        self, method: str, path: str, json: bytes | None, max_body: int, more: Mapping[str, str]
    ) -> HttpAnswer:
        try:
            async with asyncio.timeout(self._options.total_s):
                return await self._exchange(method, path, json, max_body, more)
        except AddressRefusedError as error:
            raise RefusalError(outcome.ADDRESS_REFUSED, str(error)) from None
        except (TimeoutError, httpx2.TimeoutException) as error:
            _refuse_late(error, self._peer)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            _refuse(error, self._peer)

    async def close(self) -> None:
        """Close every connection. A later call opens new ones."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    async def _exchange(
        self, method: str, path: str, json: bytes | None, max_body: int, more: Mapping[str, str]
    ) -> HttpAnswer:
        headers = {**({} if json is None else {"content-type": "application/json"}), **more}
        async with self._opened().stream(method, self._url + path, content=json, headers=headers) as response:
            if response.headers.get("content-encoding", "").strip().lower() not in _CODINGS:
                detail = "The answer is compressed in a way that was not asked for."
                raise RefusalError(outcome.UPSTREAM_BAD_ANSWER, detail)
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > max_body:
                    detail = f"The answer is larger than {max_body} bytes."
                    raise RefusalError(outcome.UPSTREAM_BAD_ANSWER, detail)
        content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        told = (response.headers.get(name, "") for name in ("retry-after", "date", "location"))
        return HttpAnswer(response.status_code, content_type, bytes(body), *told)

    def _opened(self) -> httpx2.AsyncClient:
        if self._client is None:
            host_and_port(self._url)
            options = self._options
            self._client = httpx2.AsyncClient(
                headers=[(b"user-agent", b"ponteio"), *self._headers],
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
                transport=options.transport or _Transport(options, secure=self._url.startswith("https:")),
                timeout=httpx2.Timeout(options.total_s, connect=options.connect_s),
                follow_redirects=False,
                trust_env=False,
            )
        return self._client


class _Transport(httpx2.AsyncHTTPTransport):
    """The library's own, over a pool that connects where the connector lets it."""

    def __init__(self, options: HttpOptions, *, secure: bool) -> None:
        # Plain HTTP never turns into TLS here: the certificates need not be read.
        super().__init__(verify=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=(options.tls or ssl.create_default_context()) if secure else None,
            max_connections=options.parallel,
            max_keepalive_connections=options.parallel,
            keepalive_expiry=_KEEP_ALIVE_S,
            network_backend=_CheckedNetwork(options.connector),
        )


class _CheckedNetwork(httpcore2.AnyIOBackend):
    """Connects to addresses that were checked, never to a name: TLS and the Host header keep the name."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._connector.addresses(host, port)
        except AddressRefusedError:
            raise
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError from error
        share = None if timeout is None else timeout / len(addresses)
        for address in addresses[:-1]:
            try:
                return await super().connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await super().connect_tcp(addresses[-1], port, share, local_address, socket_options)


def host_and_port(url: str) -> tuple[str, int]:
    """Where `url` points, with the scheme's own port when it names none. Raises `ValueError` if it points nowhere, or
    holds a user: that would be sent along as a header.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("the address must hold no user and no password")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("the address must begin with http:// or https:// and name a host")
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _refuse_late(error: Exception, peer: PeerNames) -> NoReturn:
    if isinstance(error, httpx2.ConnectTimeout):
        detail = f"{peer.name} could not be reached. {CONNECT_TIMEOUT.detail}"
        raise RefusalError(outcome.UPSTREAM_UNREACHABLE, detail) from None
    raise RefusalError(outcome.UPSTREAM_TIMEOUT, f"{peer.name} did not answer in time.") from None


def _refuse(error: Exception, peer: PeerNames) -> NoReturn:
    # The library's texts are not passed on: some repeat the header that could not be sent, which is the key.
    if isinstance(error, httpx2.LocalProtocolError):
        detail = f"The call cannot be sent: {peer.key} holds characters that no header may have."
        raise RefusalError(outcome.UPSTREAM_AUTH_FAILED, detail) from None
    if isinstance(error, httpx2.DecodingError):
        detail = "The answer's compression is broken."
        raise RefusalError(outcome.UPSTREAM_BAD_ANSWER, detail) from None
    if isinstance(error, httpx2.RemoteProtocolError) and not _was_cut(error):
        detail = f"What answers at {peer.address} does not speak HTTP."
        raise RefusalError(outcome.UPSTREAM_BAD_ANSWER, detail) from None
    raise RefusalError(outcome.UPSTREAM_UNREACHABLE, f"{peer.name} could not be reached. {_why(error, peer)}") from None


def _was_cut(error: httpx2.RemoteProtocolError) -> bool:
    text = str(error).lower()
    return "disconnected" in text or "closed" in text


def _why(error: BaseException, peer: PeerNames) -> str:
    if isinstance(error, httpx2.InvalidURL | httpx2.UnsupportedProtocol | ValueError):
        return f"No call can be made to {peer.address}: it is not an address of the web."
    if not isinstance(error, httpx2.ConnectError):
        return "The connection broke before the answer was there."
    return failure_of(_root_of(error)).detail


def _root_of(error: BaseException) -> BaseException:
    """What the operating system or TLS said, below the layers of the library. Of several addresses, the first's."""
    while True:
        below = error.__cause__ or error.__context__
        if isinstance(below, BaseExceptionGroup):
            below = below.exceptions[0]
        if below is None:
            return error
        error = below
