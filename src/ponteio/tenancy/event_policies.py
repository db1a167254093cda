"""The directory's event policies: what each organization chose about its events, asked without the database."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.event_policy import EventChoices, EventPolicy, EventPolicyError, checked
from ponteio.model.outcome import INVALID_REQUEST, RefusalError
from ponteio.storage.choice_tables import event_policies
from ponteio.tenancy.organizations import Organizations


class EventPolicies(Organizations):
    """The part of the directory that is about what becomes of events."""

    def choices(self, organization_id: str) -> EventChoices:
        """What the organization chose, within what the operator allows; everything is stored and pushed unless it said
        otherwise. From memory: another process's change is here once `refresh` has seen it, within about a second.
        """
        image = self._image
        found = image.choices.get(organization_id)
        if found is None:
            policies = image.policies.get(organization_id, ())
            found = image.choices[organization_id] = self.choices_if(organization_id, policies)
        return found

    def choices_if(self, organization_id: str, policies: Collection[EventPolicy]) -> EventChoices:
        """What `choices` would say if the organization had chosen these."""
        most_days = self.limits(organization_id).keep_days
        return EventChoices(policies, keep_days=self._default_keep_days, most_days=most_days)

    async def set_policies(self, organization_id: str, wanted: Collection[EventPolicy]) -> EventChoices:
        """The organization chose these, and nothing else; they hold for events that arrive from now on, and for how
        long those are kept that are there. Raises `RefusalError` ORGANIZATION_NOT_FOUND or INVALID_REQUEST.
        """
        try:
            policies = checked(wanted)
        except EventPolicyError as error:
            raise RefusalError(INVALID_REQUEST, str(error)) from None
        await self._existing(organization_id)
        await self._rewrite(lambda connection: _save(connection, organization_id, policies))
        return self.choices(organization_id)


async def _save(connection: AsyncConnection, organization_id: str, policies: Collection[EventPolicy]) -> None:
    await connection.execute(delete(event_policies).where(event_policies.c.organization_id == organization_id))
    if policies:
        rows = [
            {
                "organization_id": organization_id,
                "pattern": one.pattern,
                "store": one.store,
                "keep_days": one.keep_days,
                "push": one.push,
            }
            for one in policies
        ]
        await connection.execute(insert(event_policies), rows)
