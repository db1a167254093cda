from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from ponteio.model.outcome import SECRET_UNREADABLE, RefusalError
from ponteio.notify.vapid import VapidKeys
from ponteio.storage.database import Database
from ponteio.storage.notify_tables import vapid_keys
from ponteio.storage.vault import Vault
from ponteio.tenancy.sealed_rows import reseal

OLD, NEW = Vault.new_key(), Vault.new_key()


async def test_a_pair_is_made_once_for_all_who_ask(database: Database) -> None:
    keys = [VapidKeys(database, Vault([OLD])) for _ in range(5)]
    pairs = await asyncio.gather(*(one.pair() for one in keys))
    assert len({(one.public, one.private) for one in pairs}) == 1
    assert await VapidKeys(database, Vault([OLD])).public() == pairs[0].public
    async with database.read() as connection:
        row = (await connection.execute(select(vapid_keys))).one()
    assert pairs[0].private not in str(row)


async def test_the_private_half_is_sealed_anew_with_everything_else(database: Database) -> None:
    """I5: a vault key that got out is worthless once everything is sealed anew."""
    pair = await VapidKeys(database, Vault([OLD])).pair()
    assert await reseal(database, Vault([NEW, OLD])) == 1
    assert await VapidKeys(database, Vault([NEW])).pair() == pair
    with pytest.raises(RefusalError) as refused:
        await VapidKeys(database, Vault([OLD])).pair()
    assert refused.value.outcome is SECRET_UNREADABLE
