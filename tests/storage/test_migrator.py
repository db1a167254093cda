from __future__ import annotations

import asyncio
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from ponteio.storage import migrator
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageError, StorageSchemaError
from ponteio.storage.schema import metadata


def _difference(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


def _shape(connection: Connection) -> dict[str, Any]:
    """What `compare_metadata` does not look at."""
    found: dict[str, Any] = {}
    for table in sorted(metadata.tables):
        looked = inspect(connection)
        found[table] = {
            "checks": sorted((one["name"], one["sqltext"]) for one in looked.get_check_constraints(table)),
            "keys": looked.get_pk_constraint(table),
            "foreign": sorted(str(one) for one in looked.get_foreign_keys(table)),
            "order": [one["name"] for one in looked.get_columns(table)],
        }
    return found


async def test_the_schema_is_the_sum_of_the_migrations(own_database: Database) -> None:
    async with own_database.write() as connection:
        assert await connection.run_sync(_difference) == []
        migrated = await connection.run_sync(_shape)
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)
        assert await connection.run_sync(_shape) == migrated


async def test_migrating_again_changes_nothing(own_database: Database) -> None:
    await own_database.migrate()
    async with own_database.read() as connection:
        assert (await connection.execute(text("SELECT version FROM directory_version"))).scalars().all() == [0]


async def test_many_who_migrate_at_once_do_not_collide(bare_database_url: str) -> None:
    databases = await asyncio.gather(*(Database.open(bare_database_url) for _ in range(5)))
    try:
        await asyncio.gather(*(database.migrate() for database in databases))
        async with databases[0].read() as connection:
            assert (await connection.execute(text("SELECT count(*) FROM alembic_version"))).scalar_one() == 1
    finally:
        await asyncio.gather(*(database.close() for database in databases))


async def test_a_migration_that_fails_leaves_the_former_tables(
    bare_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await Database.open(bare_database_url)
    try:
        async with database.write() as connection:
            if database.dialect == "postgresql":
                await connection.run_sync(migrator._create_schema, str(database._engines.schema))
            # In the way of one of the last tables.
            await connection.execute(text("CREATE TABLE quarantine (x INTEGER)"))
        with pytest.raises(StorageError):
            await database.migrate()
        async with database.read() as connection:
            tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        assert tables == ["quarantine"]
    finally:
        await database.close()


async def test_tables_of_a_newer_program_are_refused(own_database: Database) -> None:
    async with own_database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'v9999'"))
    with pytest.raises(StorageSchemaError, match="newer"):
        await own_database.migrate()


def test_the_migrations_are_one_line_of_descent() -> None:
    scripts = ScriptDirectory(str(migrator.MIGRATIONS))
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1


@pytest.mark.parametrize(
    ("found", "standing"), [(None, "current"), ("v0001", "behind"), ("v9999", "newer"), ("", "absent")]
)
async def test_how_a_database_stands_is_told_without_a_change(
    own_database: Database, found: str | None, standing: str
) -> None:
    async with own_database.write() as connection:
        if found == "":
            await connection.execute(text("DELETE FROM alembic_version"))
        elif found is not None:
            await connection.execute(text("UPDATE alembic_version SET version_num = :found"), {"found": found})
    assert await own_database.standing() == standing
    async with own_database.read() as connection:
        rows = (await connection.execute(text("SELECT version_num FROM alembic_version"))).all()
    assert len(rows) == (0 if found == "" else 1)
