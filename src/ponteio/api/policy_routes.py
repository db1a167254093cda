"""`/api/event-policy`: what an organization stores, for how long, and what its sockets are sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from ponteio.api.authentication import CHANGING, READING, Needs, Record, Services, organization_meant
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.policy_schemas import (
    Fate,
    PolicyAnswer,
    PolicyEntry,
    PolicyRequest,
    Preset,
    PreviewAnswer,
    PreviewEntry,
)
from ponteio.api.problems import errors
from ponteio.api.services import ApiServices
from ponteio.decode.catalogue import CATALOGUE
from ponteio.model import outcome
from ponteio.model.event_policy import PRESETS, EventChoices, EventPolicy, EventPolicyError, checked, unknown_patterns
from ponteio.model.identity import Principal
from ponteio.model.outcome import RefusalError
from ponteio.model.rights import Right
from ponteio.observe.clock import utc_now
from ponteio.tenancy.audit import Action

router = APIRouter(prefix="/api", tags=["event policy"], route_class=GuardedRoute)

Configurer = Annotated[Principal, Needs(Right.EVENTS_CONFIGURE)]
OrganizationId = Annotated[str | None, Query(max_length=200, description="Which one; needed from the operator.")]
_ABOUT = (outcome.ORGANIZATION_ONLY, outcome.ORGANIZATION_NOT_FOUND, outcome.INVALID_REQUEST)
LOOKED_BACK = timedelta(hours=24)


@router.get("/event-policy", operation_id="getEventPolicy", responses=errors(*READING, *_ABOUT))
async def get_event_policy(caller: Configurer, services: Services, organization: OrganizationId = None) -> PolicyAnswer:
    """What the organization chose about its events."""
    return await _answer(services, organization_meant(caller, services, organization))


@router.put("/event-policy", operation_id="setEventPolicy", responses=errors(*CHANGING, *_ABOUT))
async def set_event_policy(
    caller: Configurer,
    services: Services,
    wanted: PolicyRequest,
    record: Record,
    organization: OrganizationId = None,
) -> PolicyAnswer:
    """Choose anew, in place of everything that was chosen. It holds within about a second for events that arrive, and
    within about an hour for how long those are kept that are there.
    """
    here = organization_meant(caller, services, organization)
    policies = _policies(wanted)
    await services.directory.set_policies(here, policies)
    detail: dict[str, object] = {"preset": _preset_of(policies), "policies": list(map(_in_words, policies))}
    await record(Action.EVENT_POLICY_SET, organization_id=here, detail=detail)
    return await _answer(services, here)


@router.post("/event-policy/preview", operation_id="previewEventPolicy", responses=errors(*CHANGING, *_ABOUT))
async def preview_event_policy(
    caller: Configurer, services: Services, wanted: PolicyRequest, organization: OrganizationId = None
) -> PreviewAnswer:
    """What such a policy would have meant for the events of the last 24 hours. Changes nothing."""
    here = organization_meant(caller, services, organization)
    policies, directory, until = _policies(wanted), services.directory, utc_now()
    now, then = directory.choices(here), directory.choices_if(here, policies)
    found = await services.events.counted_since(directory.scope_of(here), until - LOOKED_BACK)
    kept = [one for one in found.counts if then.of(one.event).store]
    return PreviewAnswer(
        events=[
            PreviewEntry(
                event=one.event,
                count=one.count,
                bytes=one.bytes,
                now=_fate(now, one.event),
                then=_fate(then, one.event),
            )
            for one in found.counts
        ],
        since=found.since,
        until=until,
        complete=found.is_complete,
        stored=sum(one.count for one in kept),
        stored_bytes=sum(one.bytes for one in kept),
        unknown=unknown_patterns(policies, CATALOGUE),
    )


async def _answer(services: ApiServices, organization_id: str) -> PolicyAnswer:
    choices = services.directory.choices(organization_id)
    log = await services.events.bounds(services.directory.scope_of(organization_id))
    return PolicyAnswer(
        policies=_entries(choices.policies),
        preset=_preset_of(choices.policies),
        unknown=unknown_patterns(choices.policies, CATALOGUE),
        default_keep_days=choices.default_days,
        most_keep_days=choices.most_days,
        general_keep_days=choices.general_days,
        whole_after=str(log.floor),
        presets={name: _entries(policies) for name, policies in PRESETS.items()},
    )


def _policies(wanted: PolicyRequest) -> tuple[EventPolicy, ...]:
    if wanted.preset is not None:
        return PRESETS[wanted.preset]
    try:
        return checked(entry.policy() for entry in wanted.policies or ())
    except EventPolicyError as error:
        raise RefusalError(outcome.INVALID_REQUEST, str(error)) from None


def _preset_of(policies: Sequence[EventPolicy]) -> Preset | None:
    names: tuple[Preset, ...] = ("all", "without presence", "minimum")
    return next((name for name in names if set(PRESETS[name]) == set(policies)), None)


def _entries(policies: Sequence[EventPolicy]) -> list[PolicyEntry]:
    return [PolicyEntry.of(one) for one in policies]


def _fate(choices: EventChoices, event: str) -> Fate:
    policy = choices.of(event)
    kept_days = choices.kept_days(event)
    return Fate(pattern=policy.pattern, store=policy.store, push=policy.push, kept_days=kept_days)


def _in_words(policy: EventPolicy) -> str:
    words = [policy.pattern, "stored" if policy.store else "not stored", "pushed" if policy.push else "not pushed"]
    return " ".join(words if policy.keep_days is None else [*words, f"{policy.keep_days} days"])
