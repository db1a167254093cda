from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from unittest.mock import ANY

import pytest
from sqlalchemy import event, select
from structlog.testing import capture_logs
from tests.support.log_world import NOON
from tests.support.machine_world import MachineWorld, TurnableClock, refused

from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.identity import OrganizationScope, Principal
from ponteio.model.outcome import (
    AUTH_INVALID,
    AUTH_REQUIRED,
    INVALID_NAME,
    INVALID_REQUEST,
    NOT_FOUND,
    ORGANIZATION_NOT_FOUND,
    Outcome,
    RefusalError,
)
from ponteio.model.rights import CredentialKind, KeyScope, Right
from ponteio.model.sight import ALL_SEEN, Sight
from ponteio.storage.database import Database
from ponteio.storage.tables import api_keys
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.permissions import OPERATOR_KEY_RIGHTS


@pytest.fixture
async def organization_id(database: Database) -> str:
    directory = Directory(database)
    return (await directory.create_organization("Acme")).organization_id


async def _refused(keys: KeyRing, secret: object) -> Outcome:
    with pytest.raises(RefusalError) as refused:
        await keys.authenticate(secret)
    return refused.value.outcome


async def test_a_key_opens_its_own_organization_only(database: Database, organization_id: str) -> None:
    """I4: the scope comes from the key, from nothing else."""
    keys = KeyRing(database)
    key, secret = await keys.create(organization_id, " CRM ")
    principal = await keys.authenticate(secret)
    assert principal.scope == OrganizationScope(organization_id, EVERYTHING, ALL_SEEN)
    assert (principal.kind, principal.credential_id) == (CredentialKind.KEY, key.key_id)
    assert (principal.user, principal.user_id, principal.expires_at) == (None, None, None)
    assert not principal.is_operator
    assert (key.label, key.prefix, key.organization_id) == ("CRM", secret[:12], organization_id)


async def test_the_operators_key_has_no_scope(database: Database) -> None:
    keys = KeyRing(database)
    key, secret = await keys.create(None, "operator")
    principal = await keys.authenticate(secret)
    assert principal == Principal(CredentialKind.KEY, key.key_id, OPERATOR_KEY_RIGHTS)
    assert principal.is_operator
    assert key.scopes == frozenset()
    assert await keys.list() == [replace(key, last_used_at=ANY)]


async def test_the_secret_is_nowhere_in_the_database(database: Database) -> None:
    """I5: only its hash is kept."""
    _, secret = await KeyRing(database).create(None, "operator")
    async with database.read() as connection:
        row = (await connection.execute(select(api_keys))).one()
    assert row.key_hash == hashlib.sha256(secret.encode()).digest()
    assert secret[12:] not in repr(row)


async def test_whatever_is_not_a_key_is_refused(database: Database) -> None:
    keys = KeyRing(database)
    _, secret = await keys.create(None, "operator")
    assert await _refused(keys, None) is AUTH_REQUIRED
    assert await _refused(keys, "") is AUTH_REQUIRED
    wrongs: tuple[object, ...] = (
        secret[:-1],
        secret + "A",
        secret.upper(),
        f" {secret}",
        "\x00",
        "\ud800",
        "x" * 10**6,
        7,
        [secret],
        {},
    )
    for wrong in wrongs:
        assert await _refused(keys, wrong) is AUTH_INVALID


async def test_a_revoked_key_is_refused_at_once(database: Database) -> None:
    """I10: there is no cache to outlive it, in this process or another."""
    keys, elsewhere = KeyRing(database), KeyRing(database)
    key, secret = await keys.create(None, "operator")
    await elsewhere.authenticate(secret)
    await keys.revoke(key.key_id)
    assert await _refused(elsewhere, secret) is AUTH_INVALID
    revoked_at = (await keys.list())[0].revoked_at
    await keys.revoke(key.key_id)
    assert (await keys.list())[0].revoked_at == revoked_at is not None


@pytest.mark.parametrize("key_id", ["key_nobody", "", "\x00", "\ud800"])
async def test_a_key_that_does_not_exist_cannot_be_revoked(database: Database, key_id: str) -> None:
    with pytest.raises(RefusalError) as refused:
        await KeyRing(database).revoke(key_id)
    assert refused.value.outcome is NOT_FOUND


async def test_revoked_and_unknown_keys_are_told_from_good_ones(database: Database) -> None:
    """I10: what the sockets' keys are checked against."""
    keys = KeyRing(database)
    good, bad = [(await keys.create(None, label))[0].key_id for label in ("good", "bad")]
    await keys.revoke(bad)
    assert set(await keys.current([good, bad, "key_x", good])) == {good}
    assert await keys.current([]) == {}
    assert set(await keys.current([good, *(f"key_{n}" for n in range(12_000))])) == {good}


async def test_a_key_needs_an_organization_that_exists_and_a_short_label(database: Database) -> None:
    keys = KeyRing(database)
    with pytest.raises(RefusalError) as refused:
        await keys.create("org_nobody", "x")
    assert refused.value.outcome is ORGANIZATION_NOT_FOUND
    with pytest.raises(RefusalError) as refused:
        await keys.create(None, "x" * 101)
    assert refused.value.outcome is INVALID_NAME
    assert await keys.list() == []


async def test_keys_are_listed_oldest_first(database: Database, organization_id: str) -> None:
    clock = TurnableClock()
    keys = KeyRing(database, clock)
    made = []
    for label in ("c", "a", "b"):
        clock.now += timedelta(seconds=1)
        made.append((await keys.create(organization_id, label))[0])
    assert await keys.list() == made


async def test_use_is_noted_once_a_minute(database: Database) -> None:
    clock = TurnableClock()
    keys = KeyRing(database, clock)
    _, secret = await keys.create(None, "operator")
    noted = []
    for second in (0, 30, 59, 61, 90):
        clock.now = NOON + timedelta(seconds=second)
        await keys.authenticate(secret)
        noted.append((await keys.list())[0].last_used_at)
    assert noted == [NOON, NOON, NOON, NOON + timedelta(seconds=61), NOON + timedelta(seconds=61)]


async def test_a_crowd_with_one_key_writes_once(database: Database) -> None:
    """I7: sockets that all come back after a restart do not stand in the writer's queue."""
    keys = KeyRing(database)
    _, secret = await keys.create(None, "operator")
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(database._engines.writer.sync_engine, "before_cursor_execute", note)
    await asyncio.gather(*(keys.authenticate(secret) for _ in range(50)))
    assert len([one for one in statements if "UPDATE api_keys" in one]) == 1


async def test_a_key_stays_good_when_its_use_cannot_be_noted(sqlite_database: Database) -> None:
    keys = KeyRing(sqlite_database)
    key, secret = await keys.create(None, "operator")
    async with sqlite_database._engines.writer.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        # Stands for a disk that takes nothing.
        await raw.execute("PRAGMA query_only = ON")
    with capture_logs() as logs:
        principal = await keys.authenticate(secret)
    assert principal.credential_id == key.key_id
    assert [line["log_level"] for line in logs] == ["warning"]
    assert secret not in repr(logs)


async def test_a_key_may_do_what_its_scopes_allow_together(database: Database) -> None:
    world = await MachineWorld.make(database)
    principal, _ = await world.key(scopes={KeyScope.EVENTS_READ, KeyScope.LINKS_MANAGE})
    assert principal.may(Right.CONTENT_READ)
    assert principal.may(Right.LINKS_MANAGE)
    assert not principal.may(Right.KEYS_MANAGE)
    assert not principal.may(Right.PAIRING)
    assert principal.scope == OrganizationScope(world.organization_id, EVERYTHING, Sight(content=True, pairing=False))


async def test_a_narrowed_key_sees_its_own_part_everywhere(database: Database) -> None:
    """I4: the limits are in the scope, so that every read takes them into account."""
    world = await MachineWorld.make(database)
    allowed = EventFilter.of(["alpha", "Loja \x00"], ["messages.*"])
    principal, _ = await world.key(allowed=allowed, metadata_only=True, live_per_minute=0)
    assert principal.scope == OrganizationScope(world.organization_id, allowed, Sight(content=False, pairing=True))
    assert principal.scope.covers("alpha")
    assert not principal.scope.covers("beta")
    assert principal.live_per_minute == 0
    assert not principal.rights & {Right.KEYS_MANAGE, Right.MEMBERS_MANAGE, Right.AUDIT_READ, Right.INSTANCES_MANAGE}
    assert (await world.keys.list())[0].allowed == allowed


async def test_all_that_a_key_is_can_be_read_again(database: Database) -> None:
    world = await MachineWorld.make(database)
    options: dict[str, object] = {
        "scopes": frozenset({KeyScope.EVENTS_READ, KeyScope.INSTANCES_MANAGE}),
        "allowed": EventFilter.of(["alpha"], ["chats.*", "messages.upsert"]),
        "metadata_only": True,
        "expires_at": NOON + timedelta(days=1),
        "created_by": "usr_1",
        "live_per_minute": 600,
    }
    key, secret = await world.keys.create(world.organization_id, "CRM", **options)  # type: ignore[arg-type]
    assert {name: getattr(key, name) for name in options} == options
    assert await world.keys.get(key.key_id) == key
    assert secret not in repr(key)


async def test_a_key_ends_when_its_time_is_over(database: Database) -> None:
    """I10: an end that was set comes by itself."""
    world = await MachineWorld.make(database)
    principal, secret = await world.key(expires_at=NOON + timedelta(hours=1))
    assert principal.expires_at == NOON + timedelta(hours=1)
    world.clock.turn(minutes=59, seconds=59)
    assert await world.keys.authenticate(secret) == principal
    assert await world.keys.current([principal.credential_id]) == {principal.credential_id: principal}
    world.clock.turn(seconds=1)
    assert await _refused(world.keys, secret) is AUTH_INVALID
    assert await world.keys.current([principal.credential_id]) == {}


@pytest.mark.parametrize(
    "options",
    [
        {"scopes": ()},
        {"expires_at": NOON},
        {"expires_at": NOON - timedelta(days=1)},
        {"expires_at": datetime(2027, 1, 1)},  # noqa: DTZ001 - what is refused
        {"live_per_minute": -1},
        {"live_per_minute": 10**7},
    ],
)
async def test_a_key_that_makes_no_sense_is_not_made(database: Database, options: dict[str, object]) -> None:
    world = await MachineWorld.make(database)
    assert await refused(world.key(**options)) is INVALID_REQUEST
    assert await world.keys.list() == []


@pytest.mark.parametrize(
    "options",
    [
        {"scopes": {KeyScope.EVENTS_READ}},
        {"allowed": EventFilter.of(["alpha"])},
        {"metadata_only": True},
        {"live_per_minute": 7},
    ],
)
async def test_an_operators_key_takes_no_limits(database: Database, options: dict[str, object]) -> None:
    keys = KeyRing(database)
    assert await refused(keys.create(None, "operator", **options)) is INVALID_REQUEST  # type: ignore[arg-type]


async def test_everybody_sees_and_revokes_their_own_keys_only(database: Database) -> None:
    """I4: a foreign key and none at all are the same thing."""
    one, other = await MachineWorld.make(database, "One"), await MachineWorld.make(database, "Other")
    keys = one.keys
    mine, _ = await keys.create(one.organization_id, "mine")
    theirs, _ = await keys.create(other.organization_id, "theirs")
    operators, _ = await keys.create(None, "operator")
    assert await keys.list(organization_id=one.organization_id) == [mine]
    assert await keys.list(organization_id=None) == [operators]
    assert {key.key_id for key in await keys.list()} == {mine.key_id, theirs.key_id, operators.key_id}
    for foreign in (theirs.key_id, operators.key_id, "key_nobody"):
        assert await keys.get(foreign, organization_id=one.organization_id) is None
        assert await refused(keys.revoke(foreign, organization_id=one.organization_id)) is NOT_FOUND
    assert await refused(keys.revoke(mine.key_id, organization_id=None)) is NOT_FOUND
    assert len(await keys.current([mine.key_id, theirs.key_id, operators.key_id])) == 3
    await keys.revoke(mine.key_id, organization_id=one.organization_id)
    assert set(await keys.current([mine.key_id, theirs.key_id])) == {theirs.key_id}
    assert await keys.get(mine.key_id, organization_id=one.organization_id) == replace(mine, revoked_at=ANY)


async def test_what_is_current_is_what_authenticates(database: Database) -> None:
    """I10: a socket is compared with exactly what it came with."""
    world = await MachineWorld.make(database)
    principal, _ = await world.key(allowed=EventFilter.of(["alpha"]), scopes={KeyScope.EVENTS_READ}, live_per_minute=5)
    assert await world.keys.current([principal.credential_id, "key_x"]) == {principal.credential_id: principal}


async def test_making_and_revoking_raise_the_version_and_use_does_not(database: Database) -> None:
    """I10: other processes notice by it."""
    world = await MachineWorld.make(database)
    versions = [await world.keys.version()]
    principal, secret = await world.key()
    versions.append(await world.keys.version())
    world.clock.turn(hours=1)
    await world.keys.authenticate(secret)
    versions.append(await world.keys.version())
    await world.keys.revoke(principal.credential_id)
    versions.append(await world.keys.version())
    first = versions[0]
    assert versions == [first, first + 1, first + 1, first + 2]
