from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest
from tests.support.directory_world import id_of
from tests.support.log_world import SERVER, decoded

from ponteio.model.event import AddressedEvent, Refusal
from ponteio.model.identity import InstanceChange, InstanceState
from ponteio.model.outcome import (
    CLAIM_REFUSED,
    INSTANCE_NOT_FOUND,
    INVALID_NAME,
    INVALID_REQUEST,
    NAME_TAKEN,
    ORGANIZATION_NOT_FOUND,
    Outcome,
    RefusalError,
)
from ponteio.tenancy.directory import Directory

_OPEN = InstanceChange(InstanceState.OPEN, upstream_id="id-1", integration="BAILEYS")


async def test_what_is_made_through_us_keeps_its_new_owner(directory: Directory) -> None:
    await directory.register(SERVER, {"alpha": _OPEN})
    made = await directory.assign("alpha", id_of(directory, "beta"), server_id=SERVER, upstream_id="id-2")
    assert (made.organization_id, made.upstream_id) == (id_of(directory, "beta"), "id-2")
    await directory.register(SERVER, {"alpha": replace(_OPEN, upstream_id="id-2")})
    found = directory.find(SERVER, "alpha")
    assert found is not None
    assert (found.organization_id, found.state) == (id_of(directory, "beta"), InstanceState.OPEN)


async def test_after_a_removal_the_next_instance_of_the_name_is_the_assigned_one(directory: Directory) -> None:
    await directory.register(SERVER, {"alpha": _OPEN})
    await directory.note(SERVER, "alpha", InstanceChange(removed=True))
    await directory.assign("alpha", id_of(directory, "beta"), server_id=SERVER)
    await directory.register(SERVER, {"alpha": replace(_OPEN, upstream_id="id-2")})
    found = directory.find(SERVER, "alpha")
    assert found is not None
    assert (found.organization_id, found.removed_at) == (id_of(directory, "beta"), None)


async def test_an_instance_has_one_owner(directory: Directory) -> None:
    before = directory.find(SERVER, "alpha")
    await directory.assign("alpha", id_of(directory, "beta"))
    assert [one.name for one in directory.instances(directory.scope_of(id_of(directory, "beta")))] == ["alpha", "beta"]
    assert directory.instances(directory.scope_of(id_of(directory, "alpha"))) == []
    after = directory.find(SERVER, "alpha")
    assert before is not None
    assert after == replace(before, organization_id=id_of(directory, "beta"))
    assert (await directory.unassign("alpha")).organization_id is None


async def test_what_cannot_be_assigned_is_refused(directory: Directory) -> None:
    async def outcome(name: str, organization_id: str, server_id: str | None) -> Outcome:
        with pytest.raises(RefusalError) as refused:
            await directory.assign(name, organization_id, server_id=server_id)
        return refused.value.outcome

    alpha = id_of(directory, "alpha")
    assert await outcome("x", "org_nobody", SERVER) is ORGANIZATION_NOT_FOUND
    assert await outcome("", alpha, SERVER) is INVALID_NAME
    assert await outcome("x", alpha, "nowhere") is INVALID_REQUEST
    await directory.ensure_server("second", "http://second.test")
    assert await outcome("x", alpha, None) is INVALID_REQUEST
    with pytest.raises(RefusalError) as refused:
        await directory.unassign("x", server_id=SERVER)
    assert refused.value.outcome is INSTANCE_NOT_FOUND


async def test_an_organization_has_one_instance_of_a_name_over_all_servers(directory: Directory) -> None:
    """I4: events carry the instance's name alone."""
    await directory.ensure_server("second", "http://second.test")
    alpha, beta = id_of(directory, "alpha"), id_of(directory, "beta")
    await directory.assign("twin", alpha, server_id=SERVER)
    with pytest.raises(RefusalError) as refused:
        await directory.assign("twin", alpha, server_id="second")
    assert refused.value.outcome is NAME_TAKEN
    await directory.assign("twin", beta, server_id="second")
    assert [one.server_id for one in directory.namesakes("twin")] == [SERVER, "second"]
    assert [one.server_id for one in directory.instances(directory.scope_of(beta)) if one.name == "twin"] == ["second"]


async def _refused(call: Awaitable[object]) -> Outcome:
    with pytest.raises(RefusalError) as refused:
        await call
    return refused.value.outcome


async def test_a_removed_instance_can_lose_its_owner_and_stays_removed(directory: Directory) -> None:
    await directory.register(SERVER, {"alpha": _OPEN})
    await directory.note(SERVER, "alpha", InstanceChange(removed=True))
    freed = await directory.unassign("alpha", server_id=SERVER)
    assert freed.organization_id is None
    assert freed.removed_at is not None


async def test_events_follow_the_owner_from_the_moment_on(directory: Directory) -> None:
    """I4: what came before stays where it is."""
    await directory.register(SERVER, {"stray": _OPEN})
    owners = []
    for owner in (None, "alpha", "beta", None):
        if owner is None:
            await directory.unassign("stray", server_id=SERVER)
        else:
            await directory.assign("stray", id_of(directory, owner), server_id=SERVER)
        answer = directory.address(decoded("stray"))
        owners.append(answer.organization_id if isinstance(answer, AddressedEvent) else None)
    assert owners == [None, id_of(directory, "alpha"), id_of(directory, "beta"), None]


# Claims.


async def test_what_nobody_owns_can_be_claimed_and_nothing_else(directory: Directory) -> None:
    """I4: only the operator takes an instance from its owner."""
    alpha, beta = id_of(directory, "alpha"), id_of(directory, "beta")
    await directory.register(SERVER, {"stray": _OPEN})
    claimed = await directory.claim("stray", alpha, server_id=SERVER, upstream_id="id-1")
    assert claimed.organization_id == alpha
    assert await directory.claim("stray", alpha, server_id=SERVER, upstream_id="id-1") == claimed
    assert await _refused(directory.claim("stray", beta, server_id=SERVER, upstream_id="id-1")) is CLAIM_REFUSED
    assert await _refused(directory.claim("stray", beta, server_id=SERVER, upstream_id=None)) is CLAIM_REFUSED
    assert directory.find(SERVER, "stray") == claimed


async def test_a_claim_is_decided_on_what_the_database_says(directory: Directory, elsewhere: Directory) -> None:
    await directory.register(SERVER, {"stray": _OPEN})
    await elsewhere.refresh()
    claims = [
        side.claim("stray", id_of(directory, owner), server_id=SERVER, upstream_id="id-1")
        for side, owner in ((directory, "alpha"), (elsewhere, "beta"))
    ]
    results = await asyncio.gather(*claims, return_exceptions=True)
    assert sorted(isinstance(result, RefusalError) for result in results) == [False, True]


async def test_a_dead_namesakes_owner_does_not_bar_a_claim(directory: Directory) -> None:
    await directory.register(SERVER, {"alpha": _OPEN})
    beta = id_of(directory, "beta")
    claimed = await directory.claim("alpha", beta, server_id=SERVER, upstream_id="id-2")
    assert (claimed.organization_id, claimed.upstream_id) == (beta, "id-2")


async def test_a_claim_of_a_removed_server_is_refused(directory: Directory) -> None:
    alpha = id_of(directory, "alpha")
    assert await _refused(directory.claim("x", alpha, server_id="gone", upstream_id="u")) is INVALID_REQUEST


# Names that are kept.


async def test_the_first_event_of_what_is_being_made_has_its_owner(directory: Directory) -> None:
    """I4: the owner is there before the instance is."""
    alpha = id_of(directory, "alpha")
    kept = await directory.reserve("new", alpha, server_id=SERVER)
    first = directory.address(decoded("new", event="instance.create", change=InstanceChange(upstream_id="id-9")))
    assert isinstance(first, AddressedEvent)
    assert (first.organization_id, first.instance_id) == (alpha, kept.instance.instance_id)
    await directory.note(SERVER, "new", InstanceChange(upstream_id="id-9"))
    await directory.register(SERVER, {"new": replace(_OPEN, upstream_id="id-9")})
    await directory.release(kept)
    found = directory.find(SERVER, "new")
    assert found is not None
    assert (found.organization_id, found.upstream_id, found.removed_at) == (alpha, "id-9", None)


async def test_a_name_that_came_to_nothing_is_free_again(directory: Directory) -> None:
    alpha, beta = id_of(directory, "alpha"), id_of(directory, "beta")
    kept = await directory.reserve("new", alpha, server_id=SERVER)
    await directory.release(kept)
    assert directory.instance(directory.scope_of(alpha), "new") is None
    assert isinstance(directory.address(decoded("new")), Refusal)
    [listed] = await directory.register(SERVER, {"new": _OPEN})
    assert listed.organization_id is None
    await directory.note(SERVER, "new", InstanceChange(removed=True))
    other = await directory.reserve("new", beta, server_id=SERVER)
    assert other.instance.instance_id not in (kept.instance.instance_id, listed.instance_id)


async def test_a_list_that_does_not_know_the_name_yet_takes_nothing_away(directory: Directory) -> None:
    alpha = id_of(directory, "alpha")
    await directory.reserve("new", alpha, server_id=SERVER)
    assert await directory.register(SERVER, {"new": InstanceChange(removed=True)}) == []
    assert directory.instance(directory.scope_of(alpha), "new") is not None


async def test_releasing_undoes_no_more_than_reserving_did(directory: Directory) -> None:
    alpha, beta = id_of(directory, "alpha"), id_of(directory, "beta")
    await directory.assign("promised", alpha, server_id=SERVER)
    kept = await directory.reserve("promised", alpha, server_id=SERVER)
    await directory.release(kept)
    assert directory.instance(directory.scope_of(alpha), "promised") is not None

    heard = await directory.note(SERVER, "heard", InstanceChange(InstanceState.OPEN))
    kept = await directory.reserve("heard", alpha, server_id=SERVER)
    await directory.release(kept)
    assert directory.find(SERVER, "heard") == heard

    kept = await directory.reserve("moved", alpha, server_id=SERVER)
    await directory.assign("moved", beta, server_id=SERVER)
    await directory.release(kept)
    assert directory.instance(directory.scope_of(beta), "moved") is not None

    kept = await directory.reserve("again", alpha, server_id=SERVER)
    await directory.note(SERVER, "again", InstanceChange(removed=True))
    await directory.assign("again", beta, server_id=SERVER)
    await directory.release(kept)
    assert directory.instance(directory.scope_of(beta), "again") is not None


async def test_a_name_that_is_there_or_promised_to_others_cannot_be_kept(directory: Directory) -> None:
    """I4: making an instance is no way to take one over."""
    alpha, beta = id_of(directory, "alpha"), id_of(directory, "beta")
    await directory.register(SERVER, {"stray": _OPEN})
    await directory.assign("promised", beta, server_id=SERVER)
    for name in ("stray", "promised", "beta"):
        assert await _refused(directory.reserve(name, alpha, server_id=SERVER)) is NAME_TAKEN
    await directory.ensure_server("second", "http://second.test")
    await directory.assign("twin", alpha, server_id="second")
    assert await _refused(directory.reserve("twin", alpha, server_id=SERVER)) is NAME_TAKEN
    first, second = await asyncio.gather(
        *(directory.reserve("race", owner, server_id=SERVER) for owner in (alpha, beta)), return_exceptions=True
    )
    assert [type(first), type(second)].count(RefusalError) == 1
