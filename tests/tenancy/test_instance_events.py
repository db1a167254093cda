from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ponteio.model.identity import Instance
from ponteio.model.instance_events import NEVER_SET, EventChoice, EventWish, SentEvents
from ponteio.model.outcome import UNASSIGNED, RefusalError
from ponteio.storage.database import Database
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.instance_events import MENDS_MAX, MENDS_WITHIN, InstanceEvents, applied, may_mend, mended, seen

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CHOICE = EventChoice(("CALL", "MESSAGES_UPSERT"))


def wish(**more: object) -> EventWish:
    return EventWish("org_1", "ins_1", "main", CHOICE, NOW, **more)  # type: ignore[arg-type]


async def owned(database: Database, *names: str) -> list[Instance]:
    directory = Directory(database)
    await directory.ensure_server("main", "http://192.0.2.1")
    await directory.load()
    owner = await directory.create_organization("acme")
    return [await directory.assign(name, owner.organization_id) for name in names]


async def test_a_wish_is_kept_with_its_fate(database: Database) -> None:
    (instance,) = await owned(database, "loja-01")
    wishes = InstanceEvents(database, lambda: NOW)
    assert await wishes.get(instance) is None
    await wishes.put([instance], replace(CHOICE, keep=True))
    first = await wishes.get(instance)
    assert first is not None
    assert (first.choice, first.found, first.is_in_force) == (replace(CHOICE, keep=True), None, False)

    odd = SentEvents(True, ("a name with spaces", "CALL"))
    fate = mended(replace(applied(first, odd, NOW), drift_since=NOW), NOW)
    await wishes.note([fate])
    assert await wishes.get(instance) == fate
    assert await wishes.of_server("main") == {instance.instance_id: fate}
    assert await wishes.of_server("other") == {}
    await wishes.note([replace(fate, found=NEVER_SET)])
    again = await wishes.get(instance)
    assert again is not None
    assert again.found == NEVER_SET


async def test_a_new_choice_forgets_drift_and_mends_but_not_what_evolution_has(database: Database) -> None:
    (instance,) = await owned(database, "loja-01")
    now = [NOW]
    wishes = InstanceEvents(database, lambda: now[0])
    await wishes.put([instance], CHOICE)
    first = await wishes.get(instance)
    assert first is not None
    sent = SentEvents(True, ("CALL",))
    await wishes.note([mended(replace(applied(first, sent, NOW), drift_since=NOW), NOW)])
    now[0] += timedelta(minutes=1)
    await wishes.put([instance], CHOICE)
    second = await wishes.get(instance)
    assert second is not None
    assert (second.found, second.drift_since, second.mends, second.is_in_force) == (sent, None, 0, False)
    # What was decided about the former choice comes too late.
    await wishes.note([replace(first, drift_since=NOW)])
    assert await wishes.get(instance) == second


async def test_a_wish_belongs_to_one_owner_and_one_life(database: Database) -> None:
    instances = await owned(database, *(f"loja-{number}" for number in range(250)))
    wishes = InstanceEvents(database)
    await wishes.put(instances, CHOICE)
    assert len(await wishes.of_server("main")) == 250
    first = instances[0]
    assert await wishes.get(replace(first, organization_id="org_other")) is None
    assert await wishes.get(replace(first, instance_id="ins_other")) is None
    nobodys = replace(first, organization_id=None)
    assert await wishes.get(nobodys) is None
    assert not await wishes.forget(nobodys)
    with pytest.raises(RefusalError) as caught:
        await wishes.put([instances[1], nobodys], replace(CHOICE, keep=True))
    assert caught.value.outcome is UNASSIGNED
    unchanged = await wishes.get(instances[1])
    assert unchanged is not None
    assert not unchanged.choice.keep
    assert await wishes.forget(first)
    assert not await wishes.forget(first)
    assert await wishes.get(first) is None


def test_drift_begins_when_it_is_first_seen_of_what_was_in_force() -> None:
    later = NOW + timedelta(minutes=5)
    other, right = SentEvents(True, ("CALL",)), SentEvents(True, CHOICE.events)
    assert seen(wish(), other, differs=True, now=later).drift_since is None
    in_force = seen(wish(), right, differs=False, now=later)
    assert (in_force.applied_at, in_force.accepted) == (later, CHOICE.events)
    drifting = seen(in_force, other, differs=True, now=later)
    assert (drifting.drift_since, drifting.found_at) == (later, later)
    still = seen(drifting, other, differs=True, now=later + timedelta(hours=1))
    assert still == drifting
    back = seen(still, right, differs=False, now=later + timedelta(hours=2))
    assert (back.drift_since, back.applied_at) == (None, later)


def test_what_something_else_keeps_changing_is_left_alone_after_a_while() -> None:
    one, now = wish(), NOW
    for _ in range(MENDS_MAX):
        assert may_mend(one, now)
        one, now = mended(one, now), now + timedelta(minutes=1)
    assert one.mends == MENDS_MAX
    assert not may_mend(one, now)
    later = NOW + MENDS_WITHIN
    assert may_mend(one, later)
    assert mended(one, later).mends == 1
