"""From a credential to whoever asks, and to what they may do. Rights come from here, never from a path.

Every route declares what it needs: `Annotated[Principal, Needs(Right.X)]` for anybody with the right,
`Annotated[OrganizationScope, NeedsScope(Right.X)]` where an organization must be acted for, `Operator`, or `Person`.
"""

from __future__ import annotations

import hmac
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Security
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from ponteio.api.cookies import check_same_site, session_token
from ponteio.api.rate_limits import count_failure, count_request
from ponteio.api.services import ApiServices, Station
from ponteio.model import outcome
from ponteio.model.identity import Instance, OrganizationScope, Principal
from ponteio.model.outcome import RefusalError
from ponteio.model.rights import CredentialKind, Right
from ponteio.model.session_cookie import COOKIE, SECURE_COOKIE
from ponteio.tenancy.audit import Actor
from ponteio.tenancy.permissions import require, require_operator, require_organization
from ponteio.tenancy.user_sessions import csrf_token

CSRF_HEADER = "X-CSRF-Token"
READING = (
    outcome.AUTH_REQUIRED,
    outcome.AUTH_INVALID,
    outcome.ORGANIZATION_DISABLED,
    outcome.FORBIDDEN,
    outcome.HOST_REFUSED,
    outcome.RATE_LIMITED,
)
"""What every route that asks who is there may answer."""
CHANGING = (*READING, outcome.CSRF_FAILED, outcome.ORIGIN_REFUSED, outcome.INVALID_REQUEST, outcome.TOO_LARGE)
"""And what one that changes something may."""
STRANGERS = (
    outcome.ORIGIN_REFUSED,
    outcome.HOST_REFUSED,
    outcome.RATE_LIMITED,
    outcome.INVALID_REQUEST,
    outcome.TOO_LARGE,
)
"""What a route that anybody may call, to change something, may answer."""
UNUSABLE = (outcome.SERVER_NOT_FOUND, outcome.SECRET_UNREADABLE, outcome.ADDRESS_REFUSED)
"""What a route that works with an Evolution server may answer when that cannot be worked with."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_bearer = HTTPBearer(
    auto_error=False, scheme_name="bearer", description="`Authorization: Bearer`: an API key or a signed token."
)
_apikey = APIKeyHeader(name="apikey", auto_error=False, scheme_name="apikey", description="`apikey: pnt_…`")
_cookie = APIKeyCookie(
    name=COOKIE,
    auto_error=False,
    scheme_name="session",
    description=f"The cookie of a session (`{SECURE_COOKIE}` with HTTPS); changes need `{CSRF_HEADER}` too.",
)


async def services_of(request: Request) -> ApiServices:
    """The rooms behind this application."""
    services: ApiServices = request.app.state.services
    return services


Services = Annotated[ApiServices, Depends(services_of)]


def address_of(request: Request) -> str | None:
    """Where the request came from; behind a proxy that is believed, what that says."""
    return request.client.host if request.client else None


async def authenticate(
    request: Request,
    services: Services,
    _bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    _apikey: Annotated[str | None, Security(_apikey)],
    _session: Annotated[str | None, Security(_cookie)],
) -> Principal:
    """Whoever asks; see `admit`."""
    return await admit(request, services)


async def admit(request: Request, services: ApiServices) -> Principal:
    """Whoever holds the credential in `Authorization`, else in `apikey`, else in the session's cookie; a cookie changes
    something only together with its CSRF token. Counted against the limits of the credential and of the address, once
    for each request.

    Raises `RefusalError` AUTH_REQUIRED, AUTH_INVALID, ORGANIZATION_DISABLED, CSRF_FAILED, ORIGIN_REFUSED, RATE_LIMITED.
    """
    known: Principal | None = getattr(request.state, "principal", None)
    if known is not None:
        return known
    bearer = await _bearer(request)
    header = bearer.credentials if bearer is not None else await _apikey(request)
    try:
        if header:
            principal = await services.authenticator.bearer(header)
        else:
            principal = await _session_holder(request, services)
    except RefusalError as refusal:
        if refusal.outcome is outcome.AUTH_INVALID:
            count_failure(request, services)
        raise
    count_request(request, services, principal)
    request.state.principal = principal
    return principal


async def _session_holder(request: Request, services: ApiServices) -> Principal:
    token = session_token(request, services.web)
    if not token:
        raise RefusalError(outcome.AUTH_REQUIRED)
    principal = await services.authenticator.cookie(token)
    if request.method not in _SAFE:
        check_same_site(request, services.web)
        if not hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), csrf_token(token).encode()):
            raise RefusalError(outcome.CSRF_FAILED)
    return principal


Caller = Annotated[Principal, Depends(authenticate)]


class Guard:
    """A dependency that lets only some callers through, and can tell them apart before it is its turn."""

    def check(self, caller: Principal) -> None:
        """Raises `RefusalError` for whom it does not let through."""

    async def __call__(self, caller: Caller) -> Any:
        self.check(caller)
        return caller


class _Needs(Guard):
    """Lets holders of one right through. `right` is there for who lists the routes."""

    def __init__(self, right: Right) -> None:
        self.right = right

    def check(self, caller: Principal) -> None:
        require(caller, self.right)


class _NeedsScope(_Needs):
    def check(self, caller: Principal) -> None:
        require_organization(caller)
        super().check(caller)

    async def __call__(self, caller: Caller) -> OrganizationScope:
        self.check(caller)
        return require_organization(caller)


class _NeedsInstance(_Needs):
    async def __call__(  # type: ignore[override]
        self,
        instance_name: str,
        caller: Caller,
        services: Services,
        server: Annotated[str | None, Query(description="Which server's, where a name is on several.")] = None,
    ) -> Instance:
        self.check(caller)
        return own_instance(caller, services, instance_name, server)


class _Operator(Guard):
    def check(self, caller: Principal) -> None:
        require_operator(caller)


class _Person(Guard):
    def check(self, caller: Principal) -> None:
        if caller.kind is not CredentialKind.SESSION:
            raise RefusalError(outcome.FORBIDDEN, "This is for people: log in.")


def Needs(right: Right) -> Any:  # noqa: N802 - reads as a declaration
    """The caller, who has this right. Raises `RefusalError` FORBIDDEN."""
    return Depends(_Needs(right))


def NeedsScope(right: Right) -> Any:  # noqa: N802
    """The organization that the caller acts for with this right. Raises `RefusalError` ORGANIZATION_ONLY, FORBIDDEN."""
    return Depends(_NeedsScope(right))


def NeedsInstance(right: Right) -> Any:  # noqa: N802
    """The instance of the path, on which the caller may act with this right: an organization on its own, the operator
    on all. Raises `RefusalError` FORBIDDEN, or INSTANCE_NOT_FOUND with the same text for a foreign name as for one that
    nobody has.
    """
    return Depends(_NeedsInstance(right))


operator = _Operator()
"""The operator. Raises `RefusalError` OPERATOR_ONLY for anybody else."""
person = _Person()
"""Somebody with an account. Raises `RefusalError` FORBIDDEN for keys and tokens."""

Operator = Annotated[Principal, Depends(operator)]
Person = Annotated[Principal, Depends(person)]


def station_meant(services: ApiServices, server: str | None) -> Station:
    """The server that a request is about: the one it names, else the only one, else the environment's.

    Raises `RefusalError` SERVER_NOT_FOUND, or INVALID_REQUEST where one must be named.
    """
    if server is None and len(services.fleet.stations()) > 1:
        own = (it.server_id for it in services.directory.servers() if it.is_from_environment)
        server = next(filter(services.fleet.is_reachable, own), None)
    return services.fleet.station(server)


def own_instance(caller: Principal, services: ApiServices, name: str, server: str | None) -> Instance:
    """The instance of that name, if the caller may see it: an organization its own, the operator all.

    Raises `RefusalError` INSTANCE_NOT_FOUND, or INVALID_REQUEST when several servers have one and none was named.
    """
    if caller.scope is not None:
        own = services.directory.instance(caller.scope, name)
        found = [] if own is None else [own]
    elif caller.is_operator:
        found = services.directory.namesakes(name)
    else:
        found = []
    found = [one for one in found if server in (None, one.server_id)]
    if not found:
        raise RefusalError(outcome.INSTANCE_NOT_FOUND)
    if len(found) > 1:
        raise RefusalError(outcome.INVALID_REQUEST, "Several servers have an instance of this name: add ?server=.")
    return found[0]


def visible_instances(caller: Principal, services: ApiServices) -> list[Instance]:
    """The instances that the caller may see, by name."""
    directory = services.directory
    if caller.scope is not None:
        found = directory.instances(caller.scope)
    else:
        found = directory.all_instances() if caller.is_operator else []
    return sorted((it for it in found if it.removed_at is None), key=lambda it: (it.name, it.server_id))


def organization_meant(caller: Principal, services: ApiServices, named: str | None) -> str:
    """The organization that a request is about: the caller's own, or the one that the operator names.

    Raises `RefusalError` ORGANIZATION_NOT_FOUND, also for a foreign one, and INVALID_REQUEST when the operator names
    none.
    """
    if caller.scope is not None:
        if named not in (None, caller.scope.organization_id):
            raise RefusalError(outcome.ORGANIZATION_NOT_FOUND)
        return caller.scope.organization_id
    if not caller.is_operator:
        raise RefusalError(outcome.ORGANIZATION_ONLY)
    if named is None:
        raise RefusalError(outcome.INVALID_REQUEST, "Which organization? Add ?organization=.")
    found = services.directory.organization(named)
    if found is None:
        raise RefusalError(outcome.ORGANIZATION_NOT_FOUND)
    return found.organization_id


async def actor_of(request: Request, services: Services, caller: Caller) -> Actor:
    """Whoever asks, as the audit log names them."""
    label = None
    if caller.user_id is not None:
        user = await services.accounts.get(caller.user_id)
        label = user.email if user else None
    elif caller.kind is CredentialKind.KEY:
        key = await services.keys.get(caller.credential_id)
        label = key.label if key else None
    else:
        label = caller.user
    return Actor(caller.kind.value, caller.user_id or caller.credential_id, label, address_of(request))


class Recorder:
    """Writes down what the caller of this request did."""

    def __init__(self, request: Request, services: ApiServices, caller: Principal) -> None:
        self._request = request
        self._services = services
        self._caller = caller

    async def __call__(
        self,
        action: str,
        target: str | None = None,
        *,
        organization_id: str | None = None,
        detail: dict[str, object] | None = None,
    ) -> None:
        """`action` (an `Action`) on `target` is written down, for the caller's organization unless another is given."""
        scope = self._caller.scope
        mine = organization_id or (scope.organization_id if scope else None)
        actor = await actor_of(self._request, self._services, self._caller)
        await self._services.audit.record(action, actor, organization_id=mine, target=target, detail=detail)


async def recorder(request: Request, services: Services, caller: Caller) -> Recorder:
    """The audit log, for this request."""
    return Recorder(request, services, caller)


Record = Annotated[Recorder, Depends(recorder)]
