"""What a report says about an instance: pure, from the row as it is to the row as it should be."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ponteio.model.identity import Instance, InstanceChange, InstanceState
from ponteio.tenancy.identifiers import new_id


def first_seen(server_id: str, name: str, change: InstanceChange, now: datetime) -> Instance | None:
    """The row of a name that nobody knew, without an owner; None when the report is of its removal."""
    if change.removed:
        return None
    return Instance(
        instance_id=new_id("ins"),
        server_id=server_id,
        name=name,
        upstream_id=change.upstream_id,
        integration=change.integration,
        state=change.state or InstanceState.UNKNOWN,
        state_at=None if change.state is None else now,
        reason=change.reason,
    )


def after_listing(instance: Instance, change: InstanceChange, now: datetime) -> Instance:
    """The row after Evolution's own list of instances: it alone may bring back what was removed. A row that was made
    here before its instance exists there, and so has no upstream id, cannot have been removed.
    """
    if change.removed and instance.upstream_id is None:
        return instance
    if change.removed or not _is_another(instance, change):
        return _applied(replace(instance, removed_at=None) if not change.removed else instance, change, now)
    return _successor(instance, change, now)


def after_event(instance: Instance, change: InstanceChange, now: datetime) -> Instance:
    """The row after an event. A removed instance may go on sending (Evolution's reconnect loop can outlive it): only
    an event that names another upstream id starts a new life under its name.
    """
    if not change.removed and change.upstream_id is not None and _is_another(instance, change):
        return _successor(instance, change, now)
    return instance if instance.removed_at is not None else _applied(instance, change, now)


def is_heard(instance: Instance, change: InstanceChange | None) -> bool:
    """Whether an event with this change is the instance's own, and not that of a namesake before or after it."""
    if change is None:
        return instance.removed_at is None
    if change.upstream_id is not None and instance.upstream_id not in (None, change.upstream_id):
        return False
    return instance.removed_at is None or change.removed


def _is_another(instance: Instance, change: InstanceChange) -> bool:
    if instance.removed_at is not None:
        return change.upstream_id is None or change.upstream_id != instance.upstream_id
    return change.upstream_id is not None and instance.upstream_id not in (None, change.upstream_id)


def _successor(instance: Instance, change: InstanceChange, now: datetime) -> Instance:
    """Names are free again after a deletion: the new holder of a name inherits nothing, least of all the owner."""
    return first_seen(instance.server_id, instance.name, change, now) or instance


def _applied(instance: Instance, change: InstanceChange, now: datetime) -> Instance:
    if change.removed:
        of_a_namesake = change.upstream_id is not None and instance.upstream_id not in (None, change.upstream_id)
        if of_a_namesake or instance.removed_at is not None:
            return instance
        instance = replace(instance, removed_at=now)
    turned = change.state is not None and change.state != instance.state
    return replace(
        instance,
        upstream_id=change.upstream_id or instance.upstream_id,
        integration=change.integration or instance.integration,
        state=change.state or instance.state,
        state_at=now if turned else instance.state_at,
        # A reason belongs to the state it came with.
        reason=change.reason if turned or change.reason is not None else instance.reason,
    )
