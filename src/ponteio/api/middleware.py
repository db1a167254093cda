"""What every answer has in common. Pure ASGI: no task and no buffer in between."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ponteio.api.problems import internal_problem, problem, refused
from ponteio.api.rate_limits import FREE, Quota, RateLimits
from ponteio.api.services import ApiServices
from ponteio.model import outcome
from ponteio.model.client_address import network_of
from ponteio.model.outcome import RefusalError
from ponteio.model.web_origin import is_host_allowed

MAX_BODY = 1024 * 1024
STRANGERS_BODY = 16 * 1024
"""For routes that anybody may call: a megabyte of members costs a second to refuse one by one."""
STRANGERS_PATHS = frozenset({"/api/session", "/api/account/reset", "/api/invitations/look", "/api/invitations/accept"})

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # component libraries set style attributes; styles run nothing
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),  # answers hold QR codes and events
]
_HSTS = (b"strict-transport-security", b"max-age=31536000")  # says nothing of other hosts of the domain


class BodyLimit:
    """Refuses bodies above `max_body` bytes, and smaller ones where nobody has to say who they are: by their announced
    length before anything is read, else as they come.
    """

    def __init__(self, app: ASGIApp, max_body: int = MAX_BODY) -> None:
        self._app = app
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        is_strangers = scope["method"] == "POST" and scope["path"] in STRANGERS_PATHS
        limit = min(self._max_body, STRANGERS_BODY) if is_strangers else self._max_body
        if not announced.isdigit() or int(announced) > limit:
            await problem(outcome.TOO_LARGE)(scope, receive, send)
            return
        await self._app(scope, self._counting(receive, limit), send)

    @staticmethod
    def _counting(receive: Receive, limit: int) -> Receive:
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise HTTPException(outcome.TOO_LARGE.status)  # the one kind that the framework passes on unchanged
            return message

        return counted


class HostDoor:
    """Refuses requests that call us by somebody else's name: pages reach us by such a name through DNS rebinding."""

    def __init__(self, app: ASGIApp, services: ApiServices) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_ours(scope):
            await self._app(scope, receive, send)
        else:
            await _refuse(self._services, RefusalError(outcome.HOST_REFUSED), scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        return is_host_allowed(hosts[0] if len(hosts) == 1 else None, self._services.web.allowed_hosts)


class AddressLimit:
    """Refuses an address that calls too often, before anybody looks at what it wants."""

    def __init__(self, app: ASGIApp, services: ApiServices, limits: RateLimits) -> None:
        self._app = app
        self._services = services
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in FREE:
            client = scope.get("client")
            address = network_of(client[0] if client else None)
            quota = self._limits.count("address", self._services.web.requests_per_address, address)
            if quota.is_exceeded:
                scope.setdefault("state", {})["quota"] = quota
                await _refuse(self._services, quota.refusal(), scope, receive, send)
                return
        await self._app(scope, receive, send)


class LastResort:
    """Turns a fault of our own into a problem document that tells nothing about it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the last door of the house
            answer = internal_problem(error)
            if not begun:
                await answer(scope, receive, send)


class CommonHeaders:
    """What every answer says: to browsers how careful to be with it, and to clients what is left of their limit. An
    answer that says one of these itself keeps its own word.
    """

    def __init__(self, app: ASGIApp, *, is_https: bool = False) -> None:
        self._app = app
        self._headers = [*_HEADERS, _HSTS] if is_https else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                said = {name.lower() for name, _ in own}
                common = (*self._headers, *_quota(scope))
                message["headers"] = [*own, *(each for each in common if each[0] not in said)]
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)


async def _refuse(services: ApiServices, refusal: RefusalError, scope: Scope, receive: Receive, send: Send) -> None:
    services.counters.add(f"requests_refused.{refusal.outcome.code}")
    await refused(refusal)(scope, receive, send)


def _quota(scope: Scope) -> list[tuple[bytes, bytes]]:
    found: Quota | None = scope.get("state", {}).get("quota")
    return [] if found is None else found.headers()
