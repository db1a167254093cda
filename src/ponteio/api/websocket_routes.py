"""`/api/websocket`: the links to Evolution API, their states, and switching them on and off."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from ponteio.api import link_views
from ponteio.api.authentication import Caller, Operator, OwnInstance, Services, visible_instances
from ponteio.api.problems import errors
from ponteio.api.schemas import (
    CheckAnswer,
    ConnectionTestAnswer,
    EventCounts,
    InstancesAnswer,
    LinkAnswer,
    LinksAnswer,
    WebsocketStatusAnswer,
)
from ponteio.api.services import ApiServices, Links
from ponteio.model import outcome
from ponteio.model.identity import OrganizationScope, Principal
from ponteio.model.link import LinkStatus, LinkTarget
from ponteio.model.outcome import RefusalError

router = APIRouter(prefix="/api/websocket", tags=["websocket"])

_AUTH = (outcome.AUTH_REQUIRED, outcome.AUTH_INVALID)
_REFUSED = "requests_refused."
_SWITCH_ON = "WEBSOCKET_ENABLED=true"


async def enabled_links(_caller: Caller, services: Services) -> Links:
    """The links, to be switched. Raises `RefusalError` WEBSOCKET_DISABLED."""
    if not services.links.enabled:
        detail = f"WebSocket is switched off here. Write {_SWITCH_ON} into the gateway's .env and start it again."
        raise RefusalError(outcome.WEBSOCKET_DISABLED, detail, {"setting": _SWITCH_ON})
    return services.links


EnabledLinks = Annotated[Links, Depends(enabled_links)]


async def links_in_scope(caller: Caller, links: EnabledLinks) -> OrganizationScope | None:
    """Whose links "all" means. Raises `RefusalError` OPERATOR_ONLY for an organization in global mode, where the one
    link serves everybody.
    """
    if caller.scope is not None and links.global_events:
        detail = (
            "In global mode one link serves every organization, and only the operator's key switches it. "
            "For one instance, use connect/instance or disconnect/instance."
        )
        raise RefusalError(outcome.OPERATOR_ONLY, detail)
    return caller.scope


LinksInScope = Annotated[OrganizationScope | None, Depends(links_in_scope)]


@router.get("/status", operation_id="websocketStatus", responses=errors(*_AUTH))
async def websocket_status(caller: Caller, services: Services) -> WebsocketStatusAnswer:
    """Whether and how events arrive, as far as the caller may know."""
    links = services.links
    shared = links.status(LinkTarget(services.server_id))
    own = _own_links(caller, services)
    return WebsocketStatusAnswer(
        enabled=links.enabled,
        mode="global" if links.global_events else "traditional",
        global_link=link_views.link_answer(shared, sees_all=caller.is_operator),
        links=link_views.count_links(own),
        sockets=services.live.socket_count(caller.scope),
        events=await _event_counts(caller, services),
        reconnects=sum(status.reconnects for status in (shared, *own)),
        last_error=link_views.last_error([shared, *own]),
        requests_refused=_requests_refused(services) if caller.is_operator else None,
    )


@router.get("/instances", operation_id="websocketInstances", responses=errors(*_AUTH))
async def websocket_instances(caller: Caller, services: Services) -> InstancesAnswer:
    """Each instance with how it is heard."""
    seen = visible_instances(caller, services)
    return InstancesAnswer(instances=[link_views.instance_answer(instance, services) for instance in seen])


@router.post(
    "/connect/global",
    operation_id="connectGlobal",
    responses=errors(*_AUTH, outcome.OPERATOR_ONLY, outcome.WEBSOCKET_DISABLED),
)
async def connect_global(_operator: Operator, links: EnabledLinks) -> LinkAnswer:
    """Connect the global link and keep it so over restarts."""
    return link_views.link_answer(await links.connect_global(), sees_all=True)


@router.post(
    "/disconnect/global",
    operation_id="disconnectGlobal",
    responses=errors(*_AUTH, outcome.OPERATOR_ONLY, outcome.WEBSOCKET_DISABLED),
)
async def disconnect_global(_operator: Operator, links: EnabledLinks) -> LinkAnswer:
    """Disconnect the global link and keep it so over restarts."""
    return link_views.link_answer(await links.disconnect_global(), sees_all=True)


@router.post(
    "/connect/instance/{instance_name:path}",
    operation_id="connectInstanceLink",
    responses=errors(
        *_AUTH, outcome.INSTANCE_NOT_FOUND, outcome.WEBSOCKET_DISABLED, outcome.UNLINKABLE_NAME, outcome.INVALID_REQUEST
    ),
)
async def connect_instance_link(caller: Caller, instance: OwnInstance, links: EnabledLinks) -> LinkAnswer:
    """Connect the instance's own link and keep it so over restarts."""
    return link_views.link_answer(await links.connect_instance(instance.name), sees_all=caller.is_operator)


@router.post(
    "/disconnect/instance/{instance_name:path}",
    operation_id="disconnectInstanceLink",
    responses=errors(*_AUTH, outcome.INSTANCE_NOT_FOUND, outcome.WEBSOCKET_DISABLED, outcome.INVALID_REQUEST),
)
async def disconnect_instance_link(caller: Caller, instance: OwnInstance, links: EnabledLinks) -> LinkAnswer:
    """Disconnect the instance's own link and keep it so over restarts. A global link goes on hearing the instance."""
    return link_views.link_answer(await links.disconnect_instance(instance.name), sees_all=caller.is_operator)


@router.post(
    "/connect/all",
    operation_id="connectAll",
    responses=errors(*_AUTH, outcome.OPERATOR_ONLY, outcome.WEBSOCKET_DISABLED),
)
async def connect_all(caller: Caller, scope: LinksInScope, links: EnabledLinks) -> LinksAnswer:
    """Global mode: connect the global link. Traditional mode: the link of each of the caller's instances."""
    return _links_answer(await links.connect_all(scope), caller)


@router.post(
    "/disconnect/all",
    operation_id="disconnectAll",
    responses=errors(*_AUTH, outcome.OPERATOR_ONLY, outcome.WEBSOCKET_DISABLED),
)
async def disconnect_all(caller: Caller, scope: LinksInScope, links: EnabledLinks) -> LinksAnswer:
    """Disconnect what `connect/all` connects, and for the operator every other link too."""
    return _links_answer(await links.disconnect_all(scope), caller)


@router.post(
    "/test/{instance_name:path}",
    operation_id="testInstanceLink",
    responses=errors(*_AUTH, outcome.INSTANCE_NOT_FOUND, outcome.WEBSOCKET_DISABLED, outcome.INVALID_REQUEST),
)
async def check_instance_link(instance: OwnInstance, _links: EnabledLinks, services: Services) -> ConnectionTestAnswer:
    """Try the way to Evolution API step by step. Takes some seconds; leaves no link behind."""
    steps = await services.test.run(instance.name)
    shown = [CheckAnswer(step=it.step, ok=it.ok, detail=it.detail, hint=it.hint) for it in steps]
    return ConnectionTestAnswer(instance=instance.name, ok=all(step.ok is not False for step in steps), steps=shown)


def _own_links(caller: Principal, services: ApiServices) -> list[LinkStatus]:
    if caller.is_operator:
        return [status for status in services.links.statuses() if not status.target.is_global]
    names = {instance.name for instance in visible_instances(caller, services)}
    return [status for status in services.links.statuses() if status.target.instance in names]


async def _event_counts(caller: Principal, services: ApiServices) -> EventCounts:
    if caller.scope is not None:
        head = await services.events.head(caller.scope)
        return EventCounts(stored=head.seq, received=None, duplicates=None, refused=None)
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
