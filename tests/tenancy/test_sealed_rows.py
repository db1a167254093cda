from __future__ import annotations

import pytest
from sqlalchemy import insert, select
from structlog.testing import capture_logs
from tests.support.log_world import NOON
from tests.support.machine_world import SHARED_SECRET, VAULT_KEY, MachineWorld, refused

from ponteio.model.outcome import SECRET_UNREADABLE
from ponteio.storage.database import Database
from ponteio.storage.schema import metadata
from ponteio.storage.tables import servers, token_signers
from ponteio.storage.vault import Vault
from ponteio.tenancy.sealed_rows import _SEALED, reseal
from ponteio.tenancy.token_signers import TokenSigners

OLD, NEW_KEY = Vault([VAULT_KEY]), Vault.new_key()


@pytest.fixture
async def world(database: Database) -> MachineWorld:
    """One signer with a secret and two servers with keys, sealed with the old key, and rows that hold none."""
    world = await MachineWorld.make(database)
    await world.signers.put_secret(world.organization_id, SHARED_SECRET)
    async with database.write() as connection:
        for server_id, key in (("srv_1", "key one"), ("srv_2", "key two"), ("main", None)):
            sealed = None if key is None else OLD.seal(key, f"servers.sealed_key:{server_id}")
            row = {"server_id": server_id, "url": "http://x", "created_at": NOON, "sealed_key": sealed}
            await connection.execute(insert(servers).values(row))
    return world


async def _opened(database: Database, vault: Vault) -> list[str]:
    async with database.read() as connection:
        rows = (await connection.execute(select(servers).where(servers.c.sealed_key.is_not(None)))).all()
        signer = (await connection.execute(select(token_signers))).one()
    keys = [vault.unseal(row.sealed_key, f"servers.sealed_key:{row.server_id}") for row in rows]
    place = f"token_signers.sealed_secret:{signer.organization_id}"
    return sorted([*keys, vault.unseal(signer.sealed_secret, place)])


async def test_after_it_the_old_key_is_not_needed(world: MachineWorld) -> None:
    """I5: a key that got out is worthless once everything is sealed anew."""
    signer = await world.signers.get(world.organization_id)
    version = await world.keys.version()
    assert await reseal(world.database, Vault([NEW_KEY, VAULT_KEY])) == 3
    assert await _opened(world.database, Vault([NEW_KEY])) == [SHARED_SECRET, "key one", "key two"]
    assert await refused(world.signers.authenticate(world.token())) is SECRET_UNREADABLE
    signers = TokenSigners(world.database, Vault([NEW_KEY]), world.clock)
    assert (await signers.authenticate(world.token())).user == "ana"
    assert await signers.get(world.organization_id) == signer
    assert await world.keys.version() == version + 1


async def test_doing_it_again_changes_nothing(world: MachineWorld) -> None:
    vault = Vault([NEW_KEY, VAULT_KEY])
    await reseal(world.database, vault)
    async with world.database.read() as connection:
        before = (await connection.execute(select(servers.c.sealed_key).order_by(servers.c.server_id))).all()
    assert await reseal(world.database, vault) == 0
    async with world.database.read() as connection:
        after = (await connection.execute(select(servers.c.sealed_key).order_by(servers.c.server_id))).all()
    assert after == before


async def test_what_no_key_opens_stays_and_is_told(world: MachineWorld) -> None:
    """One row that is lost must not keep the others under the old key."""
    lost = Vault([Vault.new_key()]).seal("lost", "servers.sealed_key:srv_1")
    async with world.database.write() as connection:
        await connection.execute(servers.update().where(servers.c.server_id == "srv_1").values(sealed_key=lost))
    with capture_logs() as logs:
        assert await reseal(world.database, Vault([NEW_KEY, VAULT_KEY])) == 2
    assert [line["name"] for line in logs] == ["servers.sealed_key:srv_1"]
    assert lost not in repr(logs)
    async with world.database.read() as connection:
        kept = await connection.execute(select(servers.c.sealed_key).where(servers.c.server_id == "srv_1"))
        assert kept.scalar_one() == lost


async def test_where_nothing_is_sealed_there_is_nothing_to_do(database: Database) -> None:
    assert await reseal(database, OLD) == 0


def test_no_column_that_is_sealed_is_left_out() -> None:
    """I5: what is added one day is sealed anew too."""
    sealed = {column for table in metadata.sorted_tables for column in table.c if column.name.startswith("sealed_")}
    assert {column for _, _, column in _SEALED} == sealed
