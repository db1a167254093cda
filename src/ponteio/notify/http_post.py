"""HTTP calls to servers that members of organizations chose: strangers' addresses, whatever they say."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from ponteio.model.outcome import ADDRESS_REFUSED, RefusalError
from ponteio.notify.attempt import Attempt, of_refusal, of_status
from ponteio.notify.retries import retry_after_s
from ponteio.observe.clock import utc_now
from ponteio.outbound.address_policy import AddressRefusedError
from ponteio.outbound.connector import OPERATORS_WORD, STRANGERS_WORD, Connector
from ponteio.outbound.http_client import HttpAnswer, HttpClient, HttpOptions, PeerNames

MAX_ANSWER = 64 * 1024
"""Bytes of an answer: nothing in it is read, so that more says only that it is not what it should be."""
MAX_URL = 2_048
_CLIENTS = 64
_URL = re.compile(
    r"(https?)://([A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?([/?][!-~]*)?"
)
_OPTIONS = HttpOptions(connect_s=5.0, total_s=15.0, max_body=MAX_ANSWER, parallel=64)


@dataclass(frozen=True, slots=True)
class PostOptions:
    """`private_hosts` (`host` or `host:port`, in lower case) are the operator's word that these may have private
    addresses. `tls` says whom to trust instead of what the system does.
    """

    private_hosts: Collection[str] = ()
    connector: Connector = STRANGERS_WORD
    private: Connector = OPERATORS_WORD
    tls: ssl.SSLContext | None = None
    total_s: float = 15.0


class HttpPost:
    """Posts, each bounded in time and bytes. A client for each of the last servers is kept, whose idle connections
    last some seconds.
    """

    def __init__(self, options: PostOptions | None = None, clock: Callable[[], datetime] = utc_now) -> None:
        self._options = options or PostOptions()
        self._clock = clock
        self._clients: OrderedDict[str, HttpClient] = OrderedDict()
        self._busy: Counter[str] = Counter()
        self._tls = self._options.tls

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Attempt:
        """How it ended. Raises nothing but cancellation."""
        try:
            answer = await self.answer(url, body, headers)
        except RefusalError as refusal:
            return of_refusal(refusal)
        return of_status(answer.status, retry_after_s(answer.retry_after, self._clock()))

    async def answer(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpAnswer:
        """What came back, whatever its status. Raises `RefusalError` as `HttpClient.request` does."""
        origin = origin_of(url)
        path = url[len(origin) :]
        if self._tls is None and origin.startswith("https:"):
            self._tls = await asyncio.to_thread(ssl.create_default_context)  # it reads many certificates
        client = self._client(origin)
        self._busy[origin] += 1
        try:
            whole = path if path.startswith("/") else f"/{path}"
            return await client.request("POST", whole, json=body, headers=headers)
        finally:
            self._busy[origin] -= 1
            await self._drop_old()

    def check_literal(self, url: str) -> None:
        """Raises `RefusalError` ADDRESS_REFUSED for an address in numbers that may not be reached. Names are looked at
        when something is sent: what they lead to may change.
        """
        parts = urlsplit(origin_of(url))
        host = parts.hostname or ""
        try:
            ip_address(host)
        except ValueError:
            return
        connector = self._connector(host, parts.port or (443 if parts.scheme == "https" else 80))
        try:
            connector.policy.check(host)
        except AddressRefusedError as error:
            raise RefusalError(ADDRESS_REFUSED, str(error)) from None

    async def close(self) -> None:
        """No connection is left."""
        while self._clients:
            await self._clients.popitem()[1].close()

    def _client(self, origin: str) -> HttpClient:
        client = self._clients.pop(origin, None) or self._new_client(origin)
        self._clients[origin] = client
        return client

    async def _drop_old(self) -> None:
        idle = [origin for origin in self._clients if not self._busy[origin]]
        for origin in idle[: max(0, len(self._clients) - _CLIENTS)]:
            del self._busy[origin]
            await self._clients.pop(origin).close()

    def _new_client(self, origin: str) -> HttpClient:
        parts = urlsplit(origin)
        host = parts.hostname or ""
        connector = self._connector(host, parts.port or (443 if parts.scheme == "https" else 80))
        options = replace(
            _OPTIONS,
            total_s=self._options.total_s,
            connector=connector,
            peer=PeerNames("The receiver", "the address", "the header"),
            tls=self._tls,
        )
        return HttpClient(origin, {}, options)

    def _connector(self, host: str, port: int) -> Connector:
        is_private_allowed = {host, f"{host}:{port}"} & set(self._options.private_hosts)
        return self._options.private if is_private_allowed else self._options.connector


def checked_url(text: str, *, https_only: bool = False) -> str:
    """`text`, which is an address that can be posted to. Raises `ValueError`, whose text does not quote it, for what is
    no address of the web, for a user in it and for a fragment.
    """
    match = _URL.fullmatch(text)
    scheme = "https://" if https_only else "http:// or https://"
    if len(text) > MAX_URL or match is None or (https_only and match[1] != "https"):
        raise ValueError(f"must begin with {scheme}, name a host, and have at most {MAX_URL} characters")
    if "#" in text or (match[3] and not 1 <= int(match[3]) <= 65_535):
        raise ValueError("must hold no fragment, and a port from 1 to 65535 if any")
    return text


def origin_of(url: str) -> str:
    """Scheme, host and port of `url`, as they stand there."""
    scheme, _, rest = url.partition("://")
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    return f"{scheme}://{rest[:end]}"


def host_of(url: str) -> str:
    """The host of `url`, and its port where one is named, in lower case."""
    return urlsplit(origin_of(url)).netloc.lower()
