"""From a key in a header to whoever asks, and to what they may act on. Rights come from here, never from a path."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from ponteio.api.services import ApiServices
from ponteio.model import outcome
from ponteio.model.identity import Instance, OrganizationScope, Principal
from ponteio.model.outcome import RefusalError
from ponteio.tenancy.permissions import require_operator, require_organization

_bearer = HTTPBearer(auto_error=False, scheme_name="bearer", description="`Authorization: Bearer pnt_…`")
_apikey = APIKeyHeader(name="apikey", auto_error=False, scheme_name="apikey", description="`apikey: pnt_…`")


async def services_of(request: Request) -> ApiServices:
    """The rooms behind this application."""
    services: ApiServices = request.app.state.services
    return services


Services = Annotated[ApiServices, Depends(services_of)]


async def authenticate(
    services: Services,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    apikey: Annotated[str | None, Security(_apikey)],
) -> Principal:
    """Whoever holds the key in `Authorization: Bearer` or, where there is none, in `apikey`.

    Raises `RefusalError` AUTH_REQUIRED or AUTH_INVALID.
    """
    return await services.keys.authenticate(apikey if bearer is None else bearer.credentials)


Caller = Annotated[Principal, Depends(authenticate)]


async def operator(caller: Caller) -> Principal:
    """The operator. Raises `RefusalError` OPERATOR_ONLY for anybody else."""
    require_operator(caller)
    return caller


async def organization(caller: Caller) -> OrganizationScope:
    """The organization of the key. Raises `RefusalError` ORGANIZATION_ONLY for the operator, who owns no events."""
    return require_organization(caller)


Operator = Annotated[Principal, Depends(operator)]
Scope = Annotated[OrganizationScope, Depends(organization)]


async def own_instance(instance_name: str, caller: Caller, services: Services) -> Instance:
    """The instance of that name, if the caller may act on it: an organization on its own, the operator on all.

    Raises `RefusalError` INSTANCE_NOT_FOUND, with the same text for a foreign name as for one that nobody has.
    """
    if caller.scope is None:
        found = services.directory.find(services.server_id, instance_name)
    else:
        found = services.directory.instance(caller.scope, instance_name)
    if found is None or found.removed_at is not None:
        raise RefusalError(outcome.INSTANCE_NOT_FOUND)
    return found


OwnInstance = Annotated[Instance, Depends(own_instance)]


def visible_instances(caller: Principal, services: ApiServices) -> list[Instance]:
    """The instances that the caller may act on, by name."""
    directory = services.directory
    found = directory.all_instances() if caller.scope is None else directory.instances(caller.scope)
    return sorted((it for it in found if it.removed_at is None), key=lambda it: it.name)
