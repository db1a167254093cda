"""The counter by which processes notice that tenancy data changed."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.storage.errors import StorageSchemaError
from ponteio.storage.tables import directory_version


async def bump(connection: AsyncConnection) -> int:
    """Raise the version and return it. First thing in every transaction on tenancy data: it makes them take turns."""
    statement = update(directory_version).values(version=directory_version.c.version + 1)
    version = (await connection.execute(statement.returning(directory_version.c.version))).scalar_one_or_none()
    return _known(version)


async def current(connection: AsyncConnection) -> int:
    """The version that this transaction sees."""
    return _known((await connection.execute(select(directory_version.c.version))).scalar_one_or_none())


def _known(version: int | None) -> int:
    if version is None:
        raise StorageSchemaError("the directory has no version row")
    return version
