from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, select
from structlog.testing import capture_logs
from tests.support.log_world import NOON

from ponteio.model.identity import OrganizationScope, Principal
from ponteio.model.outcome import (
    AUTH_INVALID,
    AUTH_REQUIRED,
    INVALID_NAME,
    NOT_FOUND,
    ORGANIZATION_NOT_FOUND,
    Outcome,
    RefusalError,
)
from ponteio.storage.database import Database
from ponteio.storage.tables import api_keys
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.directory import Directory


class _Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


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
    assert await keys.authenticate(secret) == Principal(key.key_id, OrganizationScope(organization_id))
    assert (key.label, key.prefix, key.organization_id) == ("CRM", secret[:12], organization_id)


async def test_the_operators_key_has_no_scope(database: Database) -> None:
    keys = KeyRing(database)
    key, secret = await keys.create(None, "operator")
    principal = await keys.authenticate(secret)
    assert principal == Principal(key.key_id, None)
    assert principal.is_operator


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
    assert await keys.revoked_among([good, bad, "key_x", good]) == {bad, "key_x"}
    assert await keys.revoked_among([]) == set()
    assert len(await keys.revoked_among([good, *(f"key_{n}" for n in range(12_000))])) == 12_000


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
    clock = _Clock()
    keys = KeyRing(database, clock)
    made = []
    for label in ("c", "a", "b"):
        clock.now += timedelta(seconds=1)
        made.append((await keys.create(organization_id, label))[0])
    assert await keys.list() == made


async def test_use_is_noted_once_a_minute(database: Database) -> None:
    clock = _Clock()
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
    assert principal.key_id == key.key_id
    assert [line["log_level"] for line in logs] == ["warning"]
    assert secret not in repr(logs)
