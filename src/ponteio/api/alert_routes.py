"""`/api/alerts`: rules that say when people are told."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from ponteio.api.alert_schemas import (
    ChannelQuietForm,
    PreviewAnswer,
    RuleAnswer,
    RuleRequest,
    RulesAnswer,
    SuggestionAnswer,
    SuggestionsAnswer,
    TestAnswer,
)
from ponteio.api.alert_views import (
    maker_of,
    preview_answer,
    quiet_form,
    quiet_of,
    request_of,
    rule_answer,
    terms_of,
)
from ponteio.api.authentication import CHANGING, READING, Caller, NeedsScope, Record, Services
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.people_schemas import Done
from ponteio.api.problems import errors
from ponteio.api.services import ApiServices
from ponteio.model import outcome
from ponteio.model.alert import AlertRule
from ponteio.model.identity import OrganizationScope
from ponteio.model.rights import Right
from ponteio.tenancy.audit import Action

router = APIRouter(prefix="/api", tags=["alerts"], route_class=GuardedRoute)

Reader = Annotated[OrganizationScope, NeedsScope(Right.ALERTS_READ)]
Manager = Annotated[OrganizationScope, NeedsScope(Right.ALERTS_MANAGE)]
_READ = (*READING, outcome.ORGANIZATION_ONLY)
_CHANGE = (*CHANGING, outcome.ORGANIZATION_ONLY)
_TERMS = (outcome.INVALID_RULE, outcome.INVALID_FILTER, outcome.NOT_FOUND)


@router.get("/alerts", operation_id="listAlerts", responses=errors(*_READ))
async def list_alerts(scope: Reader, services: Services) -> RulesAnswer:
    """The organization's rules, the oldest first."""
    found = await services.alerts.rules.list(scope.organization_id)
    sentences = await services.alerts.sentences([rule.terms for rule in found], scope.organization_id)
    return RulesAnswer(rules=[rule_answer(rule, said) for rule, said in zip(found, sentences, strict=True)])


@router.post(
    "/alerts", status_code=201, operation_id="createAlert", responses=errors(*_CHANGE, *_TERMS, outcome.TOO_MANY_RULES)
)
async def create_alert(
    scope: Manager, caller: Caller, services: Services, wanted: RuleRequest, record: Record
) -> RuleAnswer:
    """Make a rule. It is watched within a second or two."""
    made = await services.alerts.rules.create(
        scope.organization_id, terms_of(wanted), maker_of(caller), may_read_content=caller.may(Right.CONTENT_READ)
    )
    await record(Action.ALERT_MADE, made.rule_id, detail=_audited(made))
    return await _answer(made, services)


@router.get("/alerts/suggestions", operation_id="suggestAlerts", responses=errors(*_READ))
async def suggest_alerts(scope: Reader, services: Services) -> SuggestionsAnswer:
    """Rules that are of use to most organizations."""
    found = services.alerts.suggestions()
    sentences = await services.alerts.sentences(found, scope.organization_id)
    suggested = [
        SuggestionAnswer(rule=request_of(terms), sentence=said) for terms, said in zip(found, sentences, strict=True)
    ]
    return SuggestionsAnswer(suggestions=suggested)


@router.post("/alerts/preview", operation_id="previewAlert", responses=errors(*_CHANGE, *_TERMS))
async def preview_alert(scope: Manager, caller: Caller, services: Services, wanted: RuleRequest) -> PreviewAnswer:
    """How often a rule would have fired in the last seven days, and when. Nothing is kept, nobody is told."""
    terms = await services.alerts.rules.check(
        scope.organization_id, terms_of(wanted), may_read_content=caller.may(Right.CONTENT_READ)
    )
    return preview_answer(await services.alerts.preview(scope, terms))


@router.get(
    "/alerts/{alert_id}", operation_id="getAlert", responses=errors(*_READ, outcome.NOT_FOUND, outcome.INVALID_REQUEST)
)
async def get_alert(alert_id: str, scope: Reader, services: Services) -> RuleAnswer:
    """One rule."""
    return await _answer(await services.alerts.rules.get(scope.organization_id, alert_id), services)


@router.put("/alerts/{alert_id}", operation_id="changeAlert", responses=errors(*_CHANGE, *_TERMS))
async def change_alert(
    alert_id: str, scope: Manager, caller: Caller, services: Services, wanted: RuleRequest, record: Record
) -> RuleAnswer:
    """Make the rule another. Its open incidents live on while it has the same condition."""
    changed = await services.alerts.rules.change(
        scope.organization_id,
        alert_id,
        terms_of(wanted),
        maker_of(caller),
        may_read_content=caller.may(Right.CONTENT_READ),
    )
    await record(Action.ALERT_CHANGED, alert_id, detail=_audited(changed))
    return await _answer(changed, services)


@router.delete("/alerts/{alert_id}", operation_id="removeAlert", responses=errors(*_CHANGE, outcome.NOT_FOUND))
async def remove_alert(alert_id: str, scope: Manager, services: Services, record: Record) -> Done:
    """Remove a rule. Its open incidents end, and nobody is told."""
    await services.alerts.rules.remove(scope.organization_id, alert_id)
    await record(Action.ALERT_REMOVED, alert_id)
    return Done()


@router.post("/alerts/{alert_id}/test", operation_id="testAlert", responses=errors(*_CHANGE, outcome.NOT_FOUND))
async def test_alert(alert_id: str, scope: Manager, services: Services, record: Record) -> TestAnswer:
    """Send a message that says it is a test to each of the rule's channels."""
    rule = await services.alerts.rules.get(scope.organization_id, alert_id)
    count = await services.alerts.test(rule)
    await record(Action.ALERT_TESTED, alert_id, detail={"channels": count})
    return TestAnswer(channels=count)


@router.get(
    "/channels/{channel_id}/quiet-hours",
    operation_id="getQuietHours",
    responses=errors(*_READ, outcome.NOT_FOUND, outcome.INVALID_REQUEST),
)
async def get_quiet_hours(channel_id: str, scope: Reader, services: Services) -> ChannelQuietForm:
    """When the channel is told nothing."""
    quiet = await services.alerts.rules.channel_quiet(scope.organization_id, channel_id)
    return ChannelQuietForm(quiet_hours=quiet_form(quiet))


@router.put(
    "/channels/{channel_id}/quiet-hours",
    operation_id="setQuietHours",
    responses=errors(*_CHANGE, outcome.NOT_FOUND, outcome.INVALID_RULE),
)
async def set_quiet_hours(
    channel_id: str, scope: Manager, services: Services, wanted: ChannelQuietForm, record: Record
) -> ChannelQuietForm:
    """Say when the channel is told nothing, whichever rule fires."""
    quiet = None if wanted.quiet_hours is None else quiet_of(wanted.quiet_hours)
    await services.alerts.rules.set_channel_quiet(scope.organization_id, channel_id, quiet)
    await record(Action.QUIET_HOURS_SET, channel_id, detail={"quiet": quiet is not None})
    return wanted


async def _answer(rule: AlertRule, services: ApiServices) -> RuleAnswer:
    (said,) = await services.alerts.sentences([rule.terms], rule.organization_id)
    return rule_answer(rule, said)


def _audited(rule: AlertRule) -> dict[str, object]:
    terms = rule.terms
    return {
        "condition": terms.condition.value,
        "name": terms.name,
        "enabled": terms.enabled,
        "channels": len(terms.channels),
        "include_content": terms.include_content,
    }
