"""`/api/instances/{name}/events` and `/api/instance-events`: which events instances are to send on their namespaces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Query
from starlette.routing import Match
from starlette.types import Scope

from ponteio.api.authentication import (
    CHANGING,
    READING,
    UNUSABLE,
    Needs,
    NeedsInstance,
    Record,
    Services,
    organization_meant,
)
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.instance_events_schemas import (
    ApplyAnswer,
    ApplyRequest,
    EventChoiceRequest,
    InstanceEventsAnswer,
    NewRunAnswer,
    PlanAnswer,
    PresetsAnswer,
    RunAnswer,
    RunDetailAnswer,
    RunRequest,
    RunsAnswer,
    UnreachedServer,
)
from ponteio.api.instance_events_views import events_answer, item_answer, plan_answer, presets_answer, run_answer
from ponteio.api.problems import errors
from ponteio.api.services import ApiServices, EventConfiguration
from ponteio.decode.event_presets import choice_of
from ponteio.model import outcome
from ponteio.model.identity import Instance, OrganizationScope, Principal
from ponteio.model.instance_events import EventChoice, EventRun
from ponteio.model.outcome import RefusalError
from ponteio.model.rights import Right
from ponteio.tenancy.audit import Action
from ponteio.tenancy.event_runs import MAX_INSTANCES

_OF_INSTANCE = "/api/instances/{instance_name:path}/events"


class EventsRoute(GuardedRoute):
    """Of an instance's events it takes only addresses whose last part is written out: `a%2Fevents` is an instance of
    that name, which other routes are about.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As the framework's, which looks at the decoded path alone."""
        is_written_out = scope.get("raw_path", b"").endswith((b"/events", b"/events/apply"))
        if self.path.startswith(_OF_INSTANCE) and not is_written_out:
            return Match.NONE, {}
        return super().matches(scope)


router = APIRouter(prefix="/api", tags=["instance events"], route_class=EventsRoute)

Reader = Annotated[Principal, Needs(Right.INSTANCES_READ)]
Chooser = Annotated[Principal, Needs(Right.EVENTS_CONFIGURE)]
SeenInstance = Annotated[Instance, NeedsInstance(Right.INSTANCES_READ)]
ChosenInstance = Annotated[Instance, NeedsInstance(Right.EVENTS_CONFIGURE)]
OrganizationName = Annotated[str | None, Query(max_length=200, description="The operator names one.")]
Limit = Annotated[int, Query(ge=1, le=500)]

_OWN = (*UNUSABLE, outcome.INSTANCE_NOT_FOUND)
_UPSTREAM = (
    outcome.UPSTREAM_WEBSOCKET_DISABLED,
    outcome.UPSTREAM_UNREACHABLE,
    outcome.UPSTREAM_TIMEOUT,
    outcome.UPSTREAM_AUTH_FAILED,
    outcome.UPSTREAM_BAD_ANSWER,
    outcome.UPSTREAM_REFUSED,
    outcome.UPSTREAM_FAILED,
    outcome.INVALID_NAME,
)
_ABOUT = (outcome.ORGANIZATION_NOT_FOUND, outcome.ORGANIZATION_ONLY)


@router.get(
    "/instances/{instance_name:path}/events",
    operation_id="getInstanceEvents",
    responses=errors(*READING, *_OWN, outcome.INVALID_REQUEST),
)
async def get_events(instance: SeenInstance, services: Services) -> InstanceEventsAnswer:
    """What the instance is to send, what Evolution has, and how they differ; answered too when Evolution is away."""
    return events_answer(instance, await _configuration(services, instance).look(instance))


@router.put(
    "/instances/{instance_name:path}/events",
    operation_id="chooseInstanceEvents",
    responses=errors(*CHANGING, *_OWN, outcome.UNASSIGNED),
)
async def choose_events(
    instance: ChosenInstance, services: Services, wanted: EventChoiceRequest, record: Record
) -> InstanceEventsAnswer:
    """Choose what the instance is to send. Nothing changes on Evolution until it is applied."""
    choice = choice_of(wanted.preset, wanted.events, keep=wanted.keep)
    await services.wishes.put([instance], choice)
    await record(Action.EVENTS_CHOSEN, instance.name, organization_id=instance.organization_id, detail=_told_of(choice))
    return events_answer(instance, await _configuration(services, instance).look(instance))


@router.delete(
    "/instances/{instance_name:path}/events", operation_id="forgetInstanceEvents", responses=errors(*CHANGING, *_OWN)
)
async def forget_events(instance: ChosenInstance, services: Services, record: Record) -> InstanceEventsAnswer:
    """Choose nothing any more: what Evolution has stays as it is. Harmless where nothing was chosen."""
    if await services.wishes.forget(instance):
        await record(
            Action.EVENTS_CHOSEN, instance.name, organization_id=instance.organization_id, detail={"chosen": None}
        )
    return events_answer(instance, await _configuration(services, instance).look(instance))


@router.post(
    "/instances/{instance_name:path}/events/apply",
    operation_id="applyInstanceEvents",
    responses=errors(*CHANGING, *_OWN, *_UPSTREAM, outcome.UNASSIGNED, outcome.NO_EVENTS_CHOSEN),
)
async def apply_events(
    instance: ChosenInstance,
    services: Services,
    record: Record,
    wanted: Annotated[ApplyRequest | None, Body()] = None,
) -> ApplyAnswer:
    """Set on Evolution what was chosen; it replaces the list there. With `dry_run` only say what that would do."""
    asked = wanted or ApplyRequest()
    configuration = _configuration(services, instance)
    if asked.dry_run:
        choice = await _tried(services, instance, asked)
        return ApplyAnswer(dry_run=True, plan=plan_answer(await configuration.plan(instance, choice)))
    if asked.preset is not None or asked.events is not None:
        raise RefusalError(outcome.INVALID_REQUEST, "Choose with PUT first: only a trial takes events of its own.")
    if instance.organization_id is None:
        raise RefusalError(outcome.UNASSIGNED)
    plan = await configuration.apply(instance)
    detail: dict[str, object] = {"added": list(plan.added), "lost": list(plan.lost)}
    await record(Action.EVENTS_APPLIED, instance.name, organization_id=instance.organization_id, detail=detail)
    return ApplyAnswer(dry_run=False, plan=plan_answer(plan))


@router.get("/instance-events/presets", operation_id="listEventPresets", responses=errors(*READING))
async def list_presets(_caller: Reader) -> PresetsAnswer:
    """Lists of events by purpose, and every event that can be chosen."""
    return presets_answer()


@router.post(
    "/instance-events/runs",
    operation_id="startEventRun",
    responses=errors(*CHANGING, *_ABOUT, outcome.INSTANCE_NOT_FOUND),
)
async def start_run(
    caller: Chooser, services: Services, wanted: RunRequest, record: Record, organization: OrganizationName = None
) -> NewRunAnswer:
    """Choose the same for many instances and apply it, two a second on each server. With `dry_run` only say what that
    would do.
    """
    owner = organization_meant(caller, services, organization)
    choice = choice_of(wanted.preset, wanted.events, keep=wanted.keep)
    instances = _instances(services, _scope(caller, services, owner), wanted.instances)
    if wanted.dry_run:
        plans, unreached = await _plans(services, instances, choice)
        return NewRunAnswer(dry_run=True, run=None, plans=plans, unavailable=unreached)
    await services.wishes.put(instances, choice)
    run_id = await services.event_runs.create(owner, instances, choice)
    await record(
        Action.EVENT_RUN_STARTED,
        run_id,
        organization_id=owner,
        detail={**_told_of(choice), "instances": len(instances)},
    )
    run = await _run(services, _scope(caller, services, owner), run_id)
    return NewRunAnswer(dry_run=False, run=run_answer(run), plans=[], unavailable=[])


@router.get(
    "/instance-events/runs", operation_id="listEventRuns", responses=errors(*READING, *_ABOUT, outcome.INVALID_REQUEST)
)
async def list_runs(
    caller: Reader, services: Services, organization: OrganizationName = None, limit: Limit = 20
) -> RunsAnswer:
    """The organization's newest runs."""
    scope = _scope(caller, services, organization_meant(caller, services, organization))
    return RunsAnswer(runs=[run_answer(run) for run in await services.event_runs.list(scope, limit)])


@router.get(
    "/instance-events/runs/{run_id}",
    operation_id="getEventRun",
    responses=errors(*READING, *_ABOUT, outcome.NOT_FOUND, outcome.INVALID_REQUEST),
)
async def get_run(
    run_id: str,
    caller: Reader,
    services: Services,
    organization: OrganizationName = None,
    limit: Limit = 100,
    after: Annotated[str, Query(max_length=200, description="The `next` of the page before.")] = "",
) -> RunDetailAnswer:
    """A run, and what became of its instances, by name."""
    scope = _scope(caller, services, organization_meant(caller, services, organization))
    run = await _run(services, scope, run_id)
    items = await services.event_runs.items(scope, run_id, limit, after)
    return RunDetailAnswer(
        **run_answer(run).model_dump(),
        instances=[item_answer(item) for item in items],
        next=items[-1].name if len(items) == limit else None,
    )


@router.delete(
    "/instance-events/runs/{run_id}",
    operation_id="cancelEventRun",
    responses=errors(*CHANGING, *_ABOUT, outcome.NOT_FOUND),
)
async def cancel_run(
    run_id: str, caller: Chooser, services: Services, record: Record, organization: OrganizationName = None
) -> RunAnswer:
    """Leave alone what is still pending; what was applied stays. Harmless for a run that has ended."""
    owner = organization_meant(caller, services, organization)
    scope = _scope(caller, services, owner)
    await _run(services, scope, run_id)
    if await services.event_runs.cancel(owner, run_id):
        await record(Action.EVENT_RUN_CANCELLED, run_id, organization_id=owner)
    return run_answer(await _run(services, scope, run_id))


def _configuration(services: ApiServices, instance: Instance) -> EventConfiguration:
    return services.fleet.station(instance.server_id).events


def _scope(caller: Principal, services: ApiServices, organization_id: str) -> OrganizationScope:
    return caller.scope or services.directory.scope_of(organization_id)


def _instances(services: ApiServices, scope: OrganizationScope, named: Sequence[str] | None) -> list[Instance]:
    """The scope's instances of these names, or all of it. Raises `RefusalError` INSTANCE_NOT_FOUND for a name that is
    not among them, INVALID_REQUEST for too many.
    """
    own = {it.name: it for it in services.directory.instances(scope) if it.removed_at is None}
    wanted = list(dict.fromkeys(own if named is None else named))
    if len(wanted) > MAX_INSTANCES:
        raise RefusalError(outcome.INVALID_REQUEST, f"A run takes {MAX_INSTANCES} instances at most.")
    if not wanted or any(name not in own for name in wanted):
        raise RefusalError(outcome.INSTANCE_NOT_FOUND)
    return [own[name] for name in wanted]


async def _tried(services: ApiServices, instance: Instance, asked: ApplyRequest) -> EventChoice:
    if asked.preset is not None or asked.events is not None:
        return choice_of(asked.preset, asked.events)
    wish = await services.wishes.get(instance)
    if wish is None:
        raise RefusalError(outcome.NO_EVENTS_CHOSEN)
    return wish.choice


async def _plans(
    services: ApiServices, instances: Iterable[Instance], choice: EventChoice
) -> tuple[list[PlanAnswer], list[UnreachedServer]]:
    by_server: dict[str, list[Instance]] = {}
    for instance in instances:
        by_server.setdefault(instance.server_id, []).append(instance)
    plans: list[PlanAnswer] = []
    unreached: list[UnreachedServer] = []
    for server_id, some in sorted(by_server.items()):
        try:
            found = await services.fleet.station(server_id).events.plan_many(some, choice)
        except RefusalError as refusal:
            unreached.append(UnreachedServer(server=server_id, code=refusal.outcome.code, detail=refusal.detail))
        else:
            plans += [plan_answer(plan) for plan in found]
    return plans, unreached


async def _run(services: ApiServices, scope: OrganizationScope, run_id: str) -> EventRun:
    run = await services.event_runs.get(scope, run_id)
    if run is None:
        raise RefusalError(outcome.NOT_FOUND)
    return run


def _told_of(choice: EventChoice) -> dict[str, object]:
    chosen: object = choice.preset or list(choice.events)
    return {"chosen": chosen, "keep": choice.keep}
