from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import delete

from ponteio.storage.database import Database
from ponteio.storage.errors import StorageSchemaError
from ponteio.storage.tables import directory_version
from ponteio.tenancy import versions


async def _bump(database: Database) -> int:
    async with database.write() as connection:
        return await versions.bump(connection)


async def _current(database: Database) -> int:
    async with database.read() as connection:
        return await versions.current(connection)


async def test_every_change_has_a_version_of_its_own(database: Database) -> None:
    assert await _current(database) == 0
    assert sorted(await asyncio.gather(*(_bump(database) for _ in range(10)))) == list(range(1, 11))
    assert await _current(database) == 10


async def test_a_missing_row_is_our_own_bad_data(own_database: Database) -> None:
    """I6: bad own data stops the house."""
    async with own_database.write() as connection:
        await connection.execute(delete(directory_version))
    with pytest.raises(StorageSchemaError):
        await _current(own_database)
    with pytest.raises(StorageSchemaError):
        await _bump(own_database)
