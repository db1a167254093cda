"""`/api/servers`: the Evolution API servers, which are the operator's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from ponteio.api.access_schemas import (
    NewServerRequest,
    ServerAnswer,
    ServerChange,
    ServerChoice,
    ServerChoices,
    ServersAnswer,
)
from ponteio.api.authentication import CHANGING, READING, Needs, Operator, Record, Services
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.people_schemas import Done
from ponteio.api.problems import errors
from ponteio.api.services import ApiServices
from ponteio.model import outcome
from ponteio.model.identity import Principal, Server
from ponteio.model.rights import Right
from ponteio.tenancy.audit import Action

router = APIRouter(prefix="/api/servers", tags=["servers"], route_class=GuardedRoute)

Manager = Annotated[Principal, Needs(Right.INSTANCES_MANAGE)]


@router.get("", operation_id="listServers", responses=errors(*READING, outcome.OPERATOR_ONLY))
async def list_servers(_operator: Operator, services: Services) -> ServersAnswer:
    """Every server, without its key."""
    return ServersAnswer(servers=[_server_answer(services, server) for server in services.directory.servers()])


@router.get("/choices", operation_id="listServerChoices", responses=errors(*READING))
async def list_choices(_manager: Manager, services: Services) -> ServerChoices:
    """The servers that an instance can be made on or claimed from: ids and labels alone."""
    found = services.directory.servers()
    return ServerChoices(servers=[ServerChoice(id=server.server_id, label=server.label) for server in found])


@router.post("", status_code=201, operation_id="addServer", responses=errors(*CHANGING, outcome.OPERATOR_ONLY))
async def add_server(_operator: Operator, services: Services, wanted: NewServerRequest, record: Record) -> ServerAnswer:
    """Add a server: it is linked to at once. Its key is kept sealed and never shown again."""
    made = await services.servers.add(
        wanted.url,
        wanted.key.get_secret_value(),
        label=wanted.label,
        global_events=wanted.global_events,
        allow_private=wanted.allow_private,
    )
    await services.fleet.refresh()
    await record(Action.SERVER_ADDED, made.server_id, detail={"allow_private": made.allow_private})
    return _server_answer(services, made)


@router.patch(
    "/{server_id}",
    operation_id="changeServer",
    responses=errors(*CHANGING, outcome.OPERATOR_ONLY, outcome.SERVER_NOT_FOUND),
)
async def change_server(
    server_id: str, _operator: Operator, services: Services, wanted: ServerChange, record: Record
) -> ServerAnswer:
    """Change a server. Its links are dialled anew, unless only its label changed."""
    changed = await services.servers.change(
        server_id,
        url=wanted.url,
        key=None if wanted.key is None else wanted.key.get_secret_value(),
        label=wanted.label,
        global_events=wanted.global_events,
        allow_private=wanted.allow_private,
    )
    await services.fleet.refresh()
    await record(Action.SERVER_CHANGED, server_id, detail={"members": sorted(wanted.model_fields_set)})
    return _server_answer(services, changed)


@router.delete(
    "/{server_id}",
    operation_id="removeServer",
    responses=errors(*CHANGING, outcome.OPERATOR_ONLY, outcome.SERVER_NOT_FOUND),
)
async def remove_server(server_id: str, _operator: Operator, services: Services, record: Record) -> Done:
    """Link to the server no more. Its instances count as removed; what they sent stays."""
    await services.servers.remove(server_id)
    await services.fleet.refresh()
    await record(Action.SERVER_REMOVED, server_id)
    return Done()


def _server_answer(services: ApiServices, server: Server) -> ServerAnswer:
    present = [it for it in services.directory.all_instances() if it.server_id == server.server_id]
    is_usable = services.fleet.is_reachable(server.server_id)
    return ServerAnswer(
        id=server.server_id,
        url=server.url,
        label=server.label,
        global_events=server.global_events,
        allow_private=server.allow_private,
        is_from_environment=server.is_from_environment,
        key_last4=server.key_last4,
        key_is_public=is_usable and services.fleet.station(server.server_id).key_is_public,
        is_usable=is_usable,
        instances=sum(it.removed_at is None for it in present),
        created_at=server.created_at,
    )
