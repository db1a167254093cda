from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.directory_world import id_of
from tests.support.log_world import SERVER, decoded

from ponteio.model.event import AddressedEvent, Refusal
from ponteio.model.filter import EventFilter
from ponteio.model.identity import InstanceChange, InstanceState
from ponteio.model.outcome import (
    LINK_CONTRADICTION,
    UNASSIGNED,
    Outcome,
)
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError
from ponteio.tenancy.directory import Directory

_OPEN = InstanceChange(InstanceState.OPEN, upstream_id="id-1", integration="BAILEYS")


def _outcome(directory: Directory, name: str, over: str | None = None, change: InstanceChange | None = None) -> Outcome:
    answer = directory.address(decoded(name, over=over, change=change))
    assert isinstance(answer, Refusal), answer
    return answer.outcome


async def test_an_event_goes_to_the_owner_of_its_instance(directory: Directory) -> None:
    """I4: upstream link, instance row, organization."""
    event = decoded("alpha")
    answer = directory.address(event)
    instance = directory.find(SERVER, "alpha")
    assert instance is not None
    assert answer == AddressedEvent(id_of(directory, "alpha"), instance.instance_id, event)
    assert isinstance(directory.address(decoded("alpha", over="alpha")), AddressedEvent)


async def test_an_event_of_nobodys_instance_goes_to_nobody(directory: Directory) -> None:
    """I4: unknown and unassigned look the same."""
    await directory.register(SERVER, {"stray": _OPEN})
    for name in ("stray", "unknown", "Alpha", "alpha ", ""):
        assert _outcome(directory, name) is UNASSIGNED
    await directory.unassign("alpha", server_id=SERVER)
    assert _outcome(directory, "alpha") is UNASSIGNED


async def test_an_event_that_contradicts_its_link_goes_to_nobody(directory: Directory) -> None:
    """I4: a payload may only contradict."""
    assert _outcome(directory, "alpha", over="beta") is LINK_CONTRADICTION
    assert _outcome(directory, "unknown", over="alpha") is LINK_CONTRADICTION


async def test_a_refusal_shows_what_was_refused_and_not_too_much(directory: Directory) -> None:
    event = decoded("unknown", data=b'"' + "é".encode() * 3_000 + b'"', extra=b"{}")
    refusal = directory.address(event)
    assert isinstance(refusal, Refusal)
    assert (refusal.decoded, refusal.instance, refusal.event) == (event, "unknown", event.event)
    assert refusal.size == 6_004
    assert 2_000 < len(refusal.excerpt.encode()) <= 2_048


async def test_addressing_asks_no_database(directory: Directory, database: Database) -> None:
    await database.close()
    assert isinstance(directory.address(decoded("alpha")), AddressedEvent)


async def test_a_namesake_of_a_deleted_instance_speaks_to_nobody(directory: Directory) -> None:
    """I4: the first event of a re-created instance must not reach the former owner."""
    await directory.register(SERVER, {"alpha": _OPEN})
    assert _outcome(directory, "alpha", change=InstanceChange(upstream_id="id-2")) is UNASSIGNED
    await directory.note(SERVER, "alpha", InstanceChange(removed=True))
    assert _outcome(directory, "alpha") is UNASSIGNED
    farewell = directory.address(decoded("alpha", change=InstanceChange(removed=True)))
    assert isinstance(farewell, AddressedEvent)


async def test_a_scope_sees_its_own_instances_only(directory: Directory) -> None:
    """I4: a foreign name and a random one look the same."""
    alpha, beta = (directory.scope_of(id_of(directory, name)) for name in ("alpha", "beta"))
    await directory.register(SERVER, {"stray": _OPEN})
    assert [one.name for one in directory.instances(alpha)] == ["alpha"]
    mine = directory.instance(alpha, "alpha")
    assert mine is not None
    assert mine.organization_id == alpha.organization_id
    assert [directory.instance(alpha, name) for name in ("beta", "stray", "random")] == [None, None, None]
    assert directory.instance(beta, "alpha") is None
    assert [one.name for one in directory.all_instances()] == ["alpha", "beta", "stray"]


async def test_registering_says_what_changed(directory: Directory) -> None:
    changed = await directory.register(SERVER, {"alpha": _OPEN, "new": InstanceChange(upstream_id="id-9")})
    assert sorted(one.name for one in changed) == ["alpha", "new"]
    assert [one.state for one in changed if one.name == "alpha"] == [InstanceState.OPEN]
    assert await directory.register(SERVER, {"alpha": _OPEN, "gone": InstanceChange(removed=True)}) == []
    assert directory.find(SERVER, "gone") is None


async def test_a_new_instance_under_an_old_name_has_no_owner(directory: Directory) -> None:
    """I4: names are reusable after deletion."""
    await directory.register(SERVER, {"alpha": _OPEN})
    [instance] = await directory.register(SERVER, {"alpha": replace(_OPEN, upstream_id="id-2")})
    assert (instance.organization_id, instance.upstream_id) == (None, "id-2")
    assert directory.find(SERVER, "alpha") == instance
    assert directory.instances(directory.scope_of(id_of(directory, "alpha"))) == []


async def test_noting_nothing_new_writes_nothing(directory: Directory, database: Database) -> None:
    connecting = InstanceChange(InstanceState.CONNECTING, 200)
    noted = await directory.note(SERVER, "alpha", connecting)
    assert noted is not None
    assert noted.state is InstanceState.CONNECTING
    await database.close()
    assert await directory.note(SERVER, "alpha", connecting) is None


async def test_an_event_makes_an_unknown_instance_known(directory: Directory) -> None:
    noted = await directory.note(SERVER, "a\x00,b/ç", InstanceChange(InstanceState.OPEN))
    assert noted is not None
    assert directory.find(SERVER, "a\x00,b/ç") == noted
    assert await directory.note(SERVER, "other", InstanceChange(removed=True)) is None


async def test_instances_of_an_unknown_server_are_our_own_mistake(directory: Directory) -> None:
    with pytest.raises(StorageConflictError):
        await directory.register("nowhere", {"alpha": _OPEN})


async def test_a_server_may_move(directory: Directory) -> None:
    await directory.ensure_server(SERVER, "http://moved.test", global_events=True)
    (server,) = directory.servers()
    assert (server.server_id, server.url, server.global_events) == (SERVER, "http://moved.test", True)
    assert server.is_from_environment
    assert server.allow_private
    assert directory.server(SERVER) == server
    assert directory.server("nowhere") is None


async def test_a_narrowed_scope_sees_only_its_instances(directory: Directory) -> None:
    alpha = id_of(directory, "alpha")
    await directory.assign("other", alpha, server_id=SERVER)
    narrowed = replace(directory.scope_of(alpha), allowed=EventFilter.of(["other"]))
    assert [one.name for one in directory.instances(narrowed)] == ["other"]
    assert directory.instance(narrowed, "alpha") is None
    assert directory.instance(narrowed, "other") is not None
