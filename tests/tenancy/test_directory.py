from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.support.databases import migrated
from tests.support.log_world import SERVER, decoded, log_world

from ponteio.model.event import AddressedEvent, Refusal
from ponteio.model.filter import EventFilter
from ponteio.model.identity import InstanceChange, InstanceState, Limits
from ponteio.model.outcome import (
    INSTANCE_NOT_FOUND,
    INVALID_NAME,
    INVALID_REQUEST,
    LINK_CONTRADICTION,
    NAME_TAKEN,
    ORGANIZATION_NOT_FOUND,
    UNASSIGNED,
    Outcome,
    RefusalError,
)
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError
from ponteio.tenancy.directory import Directory

_OPEN = InstanceChange(InstanceState.OPEN, upstream_id="id-1", integration="BAILEYS")


@pytest.fixture
async def directory(database: Database) -> Directory:
    return (await log_world(database, "alpha", "beta")).directory


@pytest.fixture
async def elsewhere(directory: Directory, database_url: str) -> AsyncIterator[Directory]:
    """The directory of another process."""
    async with migrated(database_url) as database:
        other = Directory(database)
        await other.load()
        yield other


def _id(directory: Directory, name: str) -> str:
    organization = directory.organization(name)
    assert organization is not None
    return organization.organization_id


def _outcome(directory: Directory, name: str, over: str | None = None, change: InstanceChange | None = None) -> Outcome:
    answer = directory.address(decoded(name, over=over, change=change))
    assert isinstance(answer, Refusal), answer
    return answer.outcome


# Organizations.


async def test_an_organization_is_found_by_id_and_name(directory: Directory) -> None:
    made = await directory.create_organization("  Padaria São João 🥖 ")
    assert made.name == "Padaria São João 🥖"
    assert directory.organization(made.organization_id) == directory.organization("PADARIA SÃO JOÃO 🥖") == made
    assert [one.name for one in directory.organizations()] == ["alpha", "beta", "Padaria São João 🥖"]
    assert directory.scope_of(made.organization_id).organization_id == made.organization_id


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "a\x00b", "a\nb", "\ud800", "a\u2028b"])
async def test_names_that_nobody_could_read_are_refused(directory: Directory, name: str) -> None:
    with pytest.raises(RefusalError) as refused:
        await directory.create_organization(name)
    assert refused.value.outcome is INVALID_NAME


@pytest.mark.parametrize("name", ["alpha", "ALPHA", " Alpha ", "\uff41lpha"])
async def test_a_name_is_taken_in_every_spelling(directory: Directory, elsewhere: Directory, name: str) -> None:
    for one in (directory, elsewhere):
        with pytest.raises(RefusalError) as refused:
            await one.create_organization(name)
        assert refused.value.outcome is NAME_TAKEN
    assert len(directory.organizations()) == 2


async def test_names_of_full_length_and_joined_emoji_are_fine(directory: Directory) -> None:
    for name in ("x" * 64, "👩‍👩‍👧 família"):
        assert (await directory.create_organization(name)).name == name


async def test_there_is_no_scope_without_an_organization(directory: Directory) -> None:
    with pytest.raises(RefusalError) as refused:
        directory.scope_of("org_nobody")
    assert refused.value.outcome is ORGANIZATION_NOT_FOUND


# Addressing.


async def test_an_event_goes_to_the_owner_of_its_instance(directory: Directory) -> None:
    """I4: upstream link, instance row, organization."""
    event = decoded("alpha")
    answer = directory.address(event)
    instance = directory.find(SERVER, "alpha")
    assert instance is not None
    assert answer == AddressedEvent(_id(directory, "alpha"), instance.instance_id, event)
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


# Instances.


async def test_a_scope_sees_its_own_instances_only(directory: Directory) -> None:
    """I4: a foreign name and a random one look the same."""
    alpha, beta = (directory.scope_of(_id(directory, name)) for name in ("alpha", "beta"))
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
    assert directory.instances(directory.scope_of(_id(directory, "alpha"))) == []


async def test_what_is_made_through_us_keeps_its_new_owner(directory: Directory) -> None:
    await directory.register(SERVER, {"alpha": _OPEN})
    made = await directory.assign("alpha", _id(directory, "beta"), server_id=SERVER, upstream_id="id-2")
    assert (made.organization_id, made.upstream_id) == (_id(directory, "beta"), "id-2")
    await directory.register(SERVER, {"alpha": replace(_OPEN, upstream_id="id-2")})
    found = directory.find(SERVER, "alpha")
    assert found is not None
    assert (found.organization_id, found.state) == (_id(directory, "beta"), InstanceState.OPEN)


async def test_after_a_removal_the_next_instance_of_the_name_is_the_assigned_one(directory: Directory) -> None:
    await directory.register(SERVER, {"alpha": _OPEN})
    await directory.note(SERVER, "alpha", InstanceChange(removed=True))
    await directory.assign("alpha", _id(directory, "beta"), server_id=SERVER)
    await directory.register(SERVER, {"alpha": replace(_OPEN, upstream_id="id-2")})
    found = directory.find(SERVER, "alpha")
    assert found is not None
    assert (found.organization_id, found.removed_at) == (_id(directory, "beta"), None)


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


async def test_an_instance_has_one_owner(directory: Directory) -> None:
    before = directory.find(SERVER, "alpha")
    await directory.assign("alpha", _id(directory, "beta"))
    assert [one.name for one in directory.instances(directory.scope_of(_id(directory, "beta")))] == ["alpha", "beta"]
    assert directory.instances(directory.scope_of(_id(directory, "alpha"))) == []
    after = directory.find(SERVER, "alpha")
    assert before is not None
    assert after == replace(before, organization_id=_id(directory, "beta"))
    assert (await directory.unassign("alpha")).organization_id is None


async def test_what_cannot_be_assigned_is_refused(directory: Directory) -> None:
    async def outcome(name: str, organization_id: str, server_id: str | None) -> Outcome:
        with pytest.raises(RefusalError) as refused:
            await directory.assign(name, organization_id, server_id=server_id)
        return refused.value.outcome

    alpha = _id(directory, "alpha")
    assert await outcome("x", "org_nobody", SERVER) is ORGANIZATION_NOT_FOUND
    assert await outcome("", alpha, SERVER) is INVALID_NAME
    assert await outcome("x", alpha, "nowhere") is INVALID_REQUEST
    await directory.ensure_server("second", "http://second.test")
    assert await outcome("x", alpha, None) is INVALID_REQUEST
    with pytest.raises(RefusalError) as refused:
        await directory.unassign("x", server_id=SERVER)
    assert refused.value.outcome is INSTANCE_NOT_FOUND


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


async def test_an_organization_has_one_instance_of_a_name_over_all_servers(directory: Directory) -> None:
    """I4: events carry the instance's name alone."""
    await directory.ensure_server("second", "http://second.test")
    alpha, beta = _id(directory, "alpha"), _id(directory, "beta")
    await directory.assign("twin", alpha, server_id=SERVER)
    with pytest.raises(RefusalError) as refused:
        await directory.assign("twin", alpha, server_id="second")
    assert refused.value.outcome is NAME_TAKEN
    await directory.assign("twin", beta, server_id="second")
    assert [one.server_id for one in directory.namesakes("twin")] == [SERVER, "second"]
    assert [one.server_id for one in directory.instances(directory.scope_of(beta)) if one.name == "twin"] == ["second"]


async def test_a_narrowed_scope_sees_only_its_instances(directory: Directory) -> None:
    alpha = _id(directory, "alpha")
    await directory.assign("other", alpha, server_id=SERVER)
    narrowed = replace(directory.scope_of(alpha), allowed=EventFilter.of(["other"]))
    assert [one.name for one in directory.instances(narrowed)] == ["other"]
    assert directory.instance(narrowed, "alpha") is None
    assert directory.instance(narrowed, "other") is not None


async def test_limits_are_the_operators_or_the_defaults(directory: Directory, elsewhere: Directory) -> None:
    alpha = _id(directory, "alpha")
    assert directory.limits(alpha) == Limits()
    assert await directory.set_limits(alpha, {"sockets": 7, "links": 0}) == Limits(sockets=7, links=0)
    await elsewhere.refresh()
    assert elsewhere.limits(alpha) == Limits(sockets=7, links=0)
    assert await directory.set_limits(alpha, {"sockets": None}) == Limits(links=0)
    assert directory.limits(_id(directory, "beta")) == Limits()
    for wanted in ({"colours": 1}, {"sockets": -1}, {"sockets": 10**9}):
        with pytest.raises(RefusalError) as refused:
            await directory.set_limits(alpha, wanted)
        assert refused.value.outcome is INVALID_REQUEST
    with pytest.raises(RefusalError) as refused:
        await directory.set_limits("org_none", {"sockets": 1})
    assert refused.value.outcome is ORGANIZATION_NOT_FOUND


async def test_organizations_are_disabled_and_renamed(directory: Directory, elsewhere: Directory) -> None:
    alpha = _id(directory, "alpha")
    disabled = await directory.set_disabled(alpha, True)
    assert disabled.disabled_at is not None
    assert await directory.set_disabled(alpha, True) == disabled
    await elsewhere.refresh()
    assert elsewhere.organization(alpha) == disabled
    assert (await directory.set_disabled(alpha, False)).disabled_at is None
    assert (await directory.rename_organization(alpha, "Gamma")).name == "Gamma"
    assert directory.organization("gamma") is not None
    assert directory.organization("alpha") is None
    with pytest.raises(RefusalError) as refused:
        await directory.rename_organization(alpha, "BETA")
    assert refused.value.outcome is NAME_TAKEN


# Several processes.


async def test_another_process_sees_a_change_when_it_looks(directory: Directory, elsewhere: Directory) -> None:
    assert await elsewhere.refresh() is False
    await directory.assign("alpha", _id(directory, "beta"))
    assert await elsewhere.refresh() is True
    assert await elsewhere.refresh() is False
    assert elsewhere.all_instances() == directory.all_instances()
    assert elsewhere.organizations() == directory.organizations()


async def test_own_changes_do_not_hide_those_of_others(directory: Directory, elsewhere: Directory) -> None:
    await elsewhere.create_organization("gamma")
    await directory.create_organization("delta")
    assert [one.name for one in directory.organizations()] == ["alpha", "beta", "delta", "gamma"]
    assert await directory.refresh() is False
    await directory.assign("new", _id(directory, "delta"))
    await elsewhere.assign("new", _id(elsewhere, "gamma"))
    assert [one.name for one in elsewhere.organizations()] == ["alpha", "beta", "delta", "gamma"]


async def test_an_organization_of_another_process_can_be_given_an_instance(
    directory: Directory, elsewhere: Directory
) -> None:
    made = await elsewhere.create_organization("gamma")
    assert (await directory.assign("new", made.organization_id)).organization_id == made.organization_id


async def test_listeners_hear_of_every_change_once(directory: Directory, elsewhere: Directory) -> None:
    heard: list[int] = []
    directory.on_change(lambda: heard.append(len(directory.organizations())))
    await directory.create_organization("gamma")
    assert heard == [3]
    await elsewhere.create_organization("delta")
    await directory.refresh()
    await directory.refresh()
    assert heard == [3, 4]
    await directory.note(SERVER, "alpha", InstanceChange(InstanceState.OPEN))
    await directory.note(SERVER, "alpha", InstanceChange(InstanceState.OPEN))
    assert heard == [3, 4, 4]


async def test_changes_from_all_sides_end_in_one_truth(directory: Directory, elsewhere: Directory) -> None:
    sides = (directory, elsewhere)
    await asyncio.gather(
        *(
            sides[number % 2].note(SERVER, f"instance {number % 7}", InstanceChange(reason=number, upstream_id="id"))
            for number in range(60)
        ),
        *(sides[number % 2].create_organization(f"organization {number}") for number in range(10)),
    )
    for side in sides:
        await side.refresh()
    assert directory.all_instances() == elsewhere.all_instances()
    assert directory.organizations() == elsewhere.organizations()
    assert len(directory.organizations()) == 12
