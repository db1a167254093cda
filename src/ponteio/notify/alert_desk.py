"""What people do with alerts: rules, incidents, tests, previews and suggestions, at one desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from ponteio.model.alert import AlertRule, Condition, Language, Preview, RuleTerms
from ponteio.model.identity import OrganizationScope
from ponteio.notify.channel import ChannelBook, Deliveries
from ponteio.notify.incidents import Incidents
from ponteio.notify.messages import Wording
from ponteio.notify.preview import Previewer
from ponteio.notify.rules import Rules
from ponteio.notify.sentence import sentence
from ponteio.observe.clock import utc_now

SUGGESTIONS = (
    RuleTerms(Condition.DOWN, for_s=300, remind_every_s=4 * 3600),
    RuleTerms(Condition.QR, for_s=120),
    RuleTerms(Condition.SILENT, for_s=2 * 3600, usual_hours=True),
)
"""What a fresh organization is offered. It has no rules before it takes one."""


class AlertDesk:
    """`rules` and `incidents` are those that the watch looks at."""

    def __init__(
        self,
        rules: Rules,
        incidents: Incidents,
        channels: ChannelBook,
        deliveries: Deliveries,
        wording: Wording,
        previewer: Previewer,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.rules = rules
        self.incidents = incidents
        self._channels = channels
        self._deliveries = deliveries
        self._wording = wording
        self._previewer = previewer
        self._clock = clock

    async def sentences(self, rules: Sequence[RuleTerms], organization_id: str) -> list[dict[str, str]]:
        """Each rule as a sentence, by language; channels by their names."""
        names = await self.channel_names(organization_id) if any(rule.channels for rule in rules) else {}
        return [{language.value: sentence(rule, language, names) for language in Language} for rule in rules]

    async def channel_names(self, organization_id: str) -> dict[str, str]:
        """What the organization calls its channels, by id."""
        return {one.channel_id: one.name for one in await self._channels.list(organization_id)}

    async def test(self, rule: AlertRule) -> int:
        """A message that says it is a test waits for each of the rule's channels; for how many."""
        names = await self.channel_names(rule.organization_id)
        message = self._wording.test(rule, names, self._clock())
        return await self._deliveries.send(rule.organization_id, rule.terms.channels, message)

    async def preview(self, scope: OrganizationScope, terms: RuleTerms) -> Preview:
        """When a rule with these terms, which were checked, would have fired in the last seven days."""
        return await self._previewer.preview(scope, terms, self._clock())

    def suggestions(self) -> tuple[RuleTerms, ...]:
        """Rules that are of use to most."""
        return SUGGESTIONS
