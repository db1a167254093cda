"""`/api/websocket`: the links to Evolution API, their states, and switching them on and off."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from ponteio.api import link_views
from ponteio.api.authentication import (
    CHANGING,
    READING,
    UNUSABLE,
    Caller,
    Needs,
    NeedsInstance,
    Operator,
    Record,
    Services,
    station_meant,
    visible_instances,
)
from ponteio.api.diagnosis_answers import (
    NDJSON,
    PER_MINUTE,
    DiagnosisAnswer,
    DiagnosisOrder,
    as_lines,
    as_whole,
    wanted_language,
    wants_steps,
)
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.problems import errors
from ponteio.api.rate_limits import limits_of
from ponteio.api.schemas import (
    EventCounts,
    InstancesAnswer,
    LinkAnswer,
    LinksAnswer,
    WebsocketStatusAnswer,
)
from ponteio.api.services import ApiServices, Links
from ponteio.model import outcome
from ponteio.model.diagnosis import Asked, Finding
from ponteio.model.identity import Instance, OrganizationScope, Principal
from ponteio.model.link import LinkStatus, LinkTarget
from ponteio.model.outcome import RefusalError
from ponteio.model.rights import Right
from ponteio.tenancy.audit import Action

router = APIRouter(prefix="/api/websocket", tags=["websocket"], route_class=GuardedRoute)

_REFUSED = "requests_refused."
_SWITCH_ON = "WEBSOCKET_ENABLED=true"
_LINKS = (*CHANGING, *UNUSABLE, outcome.WEBSOCKET_DISABLED)

Reader = Annotated[Principal, Needs(Right.INSTANCES_READ)]
Switcher = Annotated[Principal, Needs(Right.LINKS_MANAGE)]
SwitchedInstance = Annotated[Instance, NeedsInstance(Right.LINKS_MANAGE)]
Scope = OrganizationScope | None
Tongue = Annotated[str | None, Query(description="`en` or `pt`; else as `Accept-Language` says.")]
ServerId = Annotated[str | None, Query(description="Which Evolution server; the environment's if left out.")]


def enabled_links(services: ApiServices, server: str | None) -> Links:
    """The links of a server, to be switched. Raises `RefusalError` WEBSOCKET_DISABLED, SERVER_NOT_FOUND."""
    links = station_meant(services, server).links
    if not links.enabled:
        detail = f"WebSocket is switched off here. Write {_SWITCH_ON} into the gateway's .env and start it again."
        raise RefusalError(outcome.WEBSOCKET_DISABLED, detail, {"setting": _SWITCH_ON})
    return links


async def links_in_scope(caller: Switcher, services: Services, server: ServerId = None) -> list[tuple[Links, Scope]]:
    """Whose links "all" means, on which servers: the one that is named, or all. Raises `RefusalError` OPERATOR_ONLY
    for an organization where all of them are in global mode, in which the one link serves everybody.
    """
    servers = [server] if server else [station.server_id for station in services.fleet.stations()]
    found = [enabled_links(services, one) for one in servers]
    if caller.scope is not None and found and all(links.global_events for links in found):
        detail = (
            "In global mode one link serves every organization, and only the operator switches it. "
            "For one instance, use connect/instance or disconnect/instance."
        )
        raise RefusalError(outcome.OPERATOR_ONLY, detail)
    if caller.scope is None and not caller.is_operator:
        raise RefusalError(outcome.ORGANIZATION_ONLY)
    return [(links, caller.scope) for links in found if caller.scope is None or not links.global_events]


LinksInScope = Annotated[list[tuple[Links, Scope]], Depends(links_in_scope)]


@router.get(
    "/status",
    operation_id="websocketStatus",
    responses=errors(*READING, *UNUSABLE, outcome.INVALID_REQUEST),
)
async def websocket_status(caller: Reader, services: Services, server: ServerId = None) -> WebsocketStatusAnswer:
    """Whether and how events arrive, as far as the caller may know: `mode` and `global_link` of one server, the rest of
    all that the caller sees.
    """
    station = station_meant(services, server)
    shared = station.links.status(LinkTarget(station.server_id))
    own = _own_links(caller, services)
    return WebsocketStatusAnswer(
        enabled=station.links.enabled,
        mode="global" if station.links.global_events else "traditional",
        global_link=link_views.link_answer(shared, sees_all=caller.is_operator),
        links=link_views.count_links(own),
        sockets=services.live.socket_count(caller.scope) if caller.scope or caller.is_operator else 0,
        events=await _event_counts(caller, services),
        reconnects=sum(status.reconnects for status in (shared, *own)),
        last_error=link_views.last_error([shared, *own]),
        requests_refused=_requests_refused(services) if caller.is_operator else None,
    )


@router.get("/instances", operation_id="websocketInstances", responses=errors(*READING))
async def websocket_instances(caller: Reader, services: Services) -> InstancesAnswer:
    """Each instance with how it is heard."""
    seen = visible_instances(caller, services)
    return InstancesAnswer(instances=[link_views.instance_answer(instance, services) for instance in seen])


@router.post("/connect/global", operation_id="connectGlobal", responses=errors(*_LINKS, outcome.OPERATOR_ONLY))
async def connect_global(
    _operator: Operator, services: Services, record: Record, server: ServerId = None
) -> LinkAnswer:
    """Connect the global link and keep it so over restarts."""
    status = await enabled_links(services, server).connect_global()
    await record(Action.LINK_CONNECTED, status.target.server_id, detail={"link": "global"})
    return link_views.link_answer(status, sees_all=True)


@router.post("/disconnect/global", operation_id="disconnectGlobal", responses=errors(*_LINKS, outcome.OPERATOR_ONLY))
async def disconnect_global(
    _operator: Operator, services: Services, record: Record, server: ServerId = None
) -> LinkAnswer:
    """Disconnect the global link and keep it so over restarts."""
    status = await enabled_links(services, server).disconnect_global()
    await record(Action.LINK_DISCONNECTED, status.target.server_id, detail={"link": "global"})
    return link_views.link_answer(status, sees_all=True)


@router.post(
    "/connect/instance/{instance_name:path}",
    operation_id="connectInstanceLink",
    responses=errors(*_LINKS, outcome.INSTANCE_NOT_FOUND, outcome.UNLINKABLE_NAME, outcome.TOO_MANY_LINKS),
)
async def connect_instance_link(
    caller: Caller, instance: SwitchedInstance, services: Services, record: Record
) -> LinkAnswer:
    """Connect the instance's own link and keep it so over restarts."""
    status = await enabled_links(services, instance.server_id).connect_instance(instance.name)
    await record(Action.LINK_CONNECTED, instance.name, organization_id=instance.organization_id)
    return link_views.link_answer(status, sees_all=caller.is_operator)


@router.post(
    "/disconnect/instance/{instance_name:path}",
    operation_id="disconnectInstanceLink",
    responses=errors(*_LINKS, outcome.INSTANCE_NOT_FOUND),
)
async def disconnect_instance_link(
    caller: Caller, instance: SwitchedInstance, services: Services, record: Record
) -> LinkAnswer:
    """Disconnect the instance's own link and keep it so over restarts. A global link goes on hearing the instance."""
    status = await enabled_links(services, instance.server_id).disconnect_instance(instance.name)
    await record(Action.LINK_DISCONNECTED, instance.name, organization_id=instance.organization_id)
    return link_views.link_answer(status, sees_all=caller.is_operator)


@router.post(
    "/connect/all",
    operation_id="connectAll",
    responses=errors(*_LINKS, outcome.OPERATOR_ONLY, outcome.ORGANIZATION_ONLY),
)
async def connect_all(caller: Caller, links: LinksInScope, record: Record) -> LinksAnswer:
    """Global mode: connect the global link. Traditional mode: the link of each of the caller's instances."""
    statuses = [status for each, scope in links for status in await each.connect_all(scope)]
    await record(Action.LINK_CONNECTED, detail={"links": len(statuses)})
    return _links_answer(statuses, caller)


@router.post(
    "/disconnect/all",
    operation_id="disconnectAll",
    responses=errors(*_LINKS, outcome.OPERATOR_ONLY, outcome.ORGANIZATION_ONLY),
)
async def disconnect_all(caller: Caller, links: LinksInScope, record: Record) -> LinksAnswer:
    """Disconnect what `connect/all` connects, and for the operator every other link too."""
    statuses = [status for each, scope in links for status in await each.disconnect_all(scope)]
    await record(Action.LINK_DISCONNECTED, detail={"links": len(statuses)})
    return _links_answer(statuses, caller)


@router.post(
    "/test/{instance_name:path}",
    operation_id="testInstanceLink",
    response_model=DiagnosisAnswer,
    responses={
        **errors(*CHANGING, *UNUSABLE, outcome.INSTANCE_NOT_FOUND, outcome.DIAGNOSIS_RUNNING),
        200: {"content": {NDJSON: {"schema": {"type": "string"}}}},
    },
)
async def diagnose_instance_link(
    request: Request,
    caller: Caller,
    instance: SwitchedInstance,
    services: Services,
    record: Record,
    order: DiagnosisOrder | None = None,
    lang: Tongue = None,
) -> DiagnosisAnswer | StreamingResponse:
    """Walk from the gateway's settings to the instance's events, step by step: what was seen, and what to do. Takes up
    to a minute; leaves no link behind. With `Accept: application/x-ndjson` each step comes as soon as it is made. In
    English or Portuguese, by `lang` or `Accept-Language`.
    """
    whose = caller.scope.organization_id if caller.scope else "operators"
    limits_of(request).take("diagnosis", PER_MINUTE, whose)
    station = services.fleet.station(instance.server_id)
    services.diagnoses.take(whose)
    names = [it.name for it in visible_instances(caller, services) if it.server_id == instance.server_id]
    asked = Asked(instance.name, names, round_trip=order is not None and order.round_trip)
    if asked.round_trip:
        await record(Action.TEST_EVENT_SENT, instance.name, organization_id=instance.organization_id)
    steps = _returning(services, whose, station.diagnosis.steps(asked))
    language = wanted_language(request, lang)
    if wants_steps(request):
        lines = as_lines(instance.name, steps, language, sees_addresses=caller.is_operator)
        return StreamingResponse(lines, media_type=NDJSON)
    return await as_whole(instance.name, steps, language, sees_addresses=caller.is_operator)


async def _returning(
    services: ApiServices, whose: str, steps: AsyncGenerator[Finding, None]
) -> AsyncGenerator[Finding, None]:
    """The steps; at their end the turn is given back."""
    try:
        async with aclosing(steps):
            async for found in steps:
                yield found
    finally:
        services.diagnoses.give_back(whose)


def _own_links(caller: Principal, services: ApiServices) -> list[LinkStatus]:
    every = [status for station in services.fleet.stations() for status in station.links.statuses()]
    if caller.is_operator:
        return [status for status in every if not status.target.is_global]
    mine = {(instance.server_id, instance.name) for instance in visible_instances(caller, services)}
    return [status for status in every if (status.target.server_id, status.target.instance) in mine]


async def _event_counts(caller: Principal, services: ApiServices) -> EventCounts:
    if caller.scope is not None:
        head = await services.events.head(caller.scope)
        return EventCounts(stored=head.seq, received=None, duplicates=None, refused=None)
    if not caller.is_operator:
        return EventCounts(stored=0, received=None, duplicates=None, refused=None)
    counters = services.counters
    return EventCounts(
        stored=counters.total("events_stored"),
        received=counters.total("frames_received"),
        duplicates=counters.total("events_duplicate"),
        refused=dict(counters.refused),
    )


def _requests_refused(services: ApiServices) -> dict[str, int]:
    totals = services.counters.totals
    return {name.removeprefix(_REFUSED): count for name, count in totals.items() if name.startswith(_REFUSED)}


def _links_answer(statuses: list[LinkStatus], caller: Principal) -> LinksAnswer:
    return LinksAnswer(links=[link_views.link_answer(status, sees_all=caller.is_operator) for status in statuses])
