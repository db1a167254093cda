from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import insert, make_url, text
from tests.support.databases import migrated

from ponteio.storage import postgres
from ponteio.storage.database import Database
from ponteio.storage.errors import (
    StorageConflictError,
    StorageError,
    StorageSchemaError,
    StorageUnavailableError,
    StorageValueError,
)
from ponteio.storage.script import InsertNew, Query, Script
from ponteio.storage.tables import event_fingerprints, link_intents

pytestmark = pytest.mark.postgres


async def _show(database: Database, name: str, *, writer: bool) -> object:
    async with database.write() if writer else database.read() as connection:
        return (await connection.execute(text(f"SHOW {name}"))).scalar_one()


async def test_commits_are_on_disk_and_readers_see_one_moment(postgres_url: str) -> None:
    async with migrated(postgres_url) as database:
        assert await _show(database, "synchronous_commit", writer=True) == "on"
        assert await _show(database, "transaction_isolation", writer=True) == "read committed"
        assert await _show(database, "transaction_isolation", writer=False) == "repeatable read"
        assert await _show(database, "transaction_read_only", writer=False) == "on"
        assert await _show(database, "timezone", writer=False) == "UTC"


async def test_the_url_has_the_last_word(postgres_url: str) -> None:
    async with migrated(postgres_url) as database:
        assert await _show(database, "application_name", writer=True) == "ponteio"
    named = make_url(postgres_url).update_query_dict({"application_name": "crm", "keepalives_idle": "77"})
    async with migrated(named.render_as_string(hide_password=False)) as database:
        assert await _show(database, "application_name", writer=True) == "crm"
        assert await _show(database, "application_name", writer=False) == "crm"


async def test_tables_are_in_the_schema_of_the_url(postgres_url: str) -> None:
    schema = make_url(postgres_url).query["schema"]
    async with migrated(postgres_url) as database, database.read() as connection:
        found = await connection.execute(
            text("SELECT count(*) FROM pg_tables WHERE tablename = 'events' AND schemaname = :schema"),
            {"schema": schema},
        )
        assert found.scalar_one() == 1


async def test_a_schema_with_an_odd_name_works(postgres_url: str) -> None:
    odd = make_url(postgres_url).update_query_dict({"schema": 'o"d, %d ö'}).render_as_string(hide_password=False)
    try:
        async with migrated(odd) as database:
            await _put(database)
            await database.run(_mark(1))
    finally:
        async with migrated(postgres_url) as database, database.write() as connection:
            await connection.execute(text('DROP SCHEMA "o""d, %d ö" CASCADE'))


async def test_prismas_parameters_do_not_disturb(postgres_url: str) -> None:
    url = make_url(postgres_url).update_query_dict({"connection_limit": "1", "pgbouncer": "true"})
    async with migrated(url.render_as_string(hide_password=False)) as database:
        for number in range(8):
            await database.run(_mark(number))
        async with database.read() as connection:
            assert (await connection.execute(text("SELECT count(*) FROM pg_prepared_statements"))).scalar_one() == 0


async def test_cut_connections_are_unavailable_and_then_all_is_well(postgres_url: str) -> None:
    async with migrated(postgres_url) as database:

        def cut() -> Script[None]:
            yield InsertNew(event_fingerprints, ("fingerprint", "seen_s"), [(bytes(32), 1)])
            yield Query("SELECT pg_terminate_backend(pg_backend_pid())", ())

        async def cut_in_a_block() -> None:
            async with database.write() as connection:
                await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

        with pytest.raises(StorageUnavailableError):
            await database.run(cut())
        with pytest.raises(StorageUnavailableError):
            await cut_in_a_block()
        await database.run(_mark(3))
        await _put(database)
        async with database.read() as connection:
            count = await connection.execute(text("SELECT count(*) FROM event_fingerprints"))
            assert count.scalar_one() == 3


async def test_a_reader_does_not_notice_a_restart_of_the_server(postgres_url: str) -> None:
    async with migrated(postgres_url) as database:
        async with database.read() as connection:
            pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        async with database.write() as connection:
            await connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        async with database.read() as connection:
            assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1


async def test_tables_that_are_not_there_are_a_schema_error(postgres_url: str) -> None:
    database = await Database.open(postgres_url)
    try:
        with pytest.raises(StorageSchemaError):
            await _put(database)
        with pytest.raises(StorageSchemaError):
            await database.run(_mark(1))
    finally:
        await database.close()


async def test_a_missing_database_says_so_without_the_password(postgres_url: str) -> None:
    url = make_url(postgres_url).set(database="no_such_database", password="hunter2")
    with pytest.raises(StorageUnavailableError, match="no_such_database") as raised:
        await Database.open(url.render_as_string(hide_password=False))
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.errors.UniqueViolation, StorageConflictError),
        (psycopg.errors.ForeignKeyViolation, StorageConflictError),
        (psycopg.errors.DeadlockDetected, StorageUnavailableError),
        (psycopg.errors.SerializationFailure, StorageUnavailableError),
        (psycopg.errors.AdminShutdown, StorageUnavailableError),
        (psycopg.errors.DiskFull, StorageUnavailableError),
        (psycopg.errors.TooManyConnections, StorageUnavailableError),
        (psycopg.errors.ReadOnlySqlTransaction, StorageUnavailableError),
        (psycopg.errors.QueryCanceled, StorageUnavailableError),
        (psycopg.errors.UndefinedTable, StorageSchemaError),
        (psycopg.errors.InvalidSchemaName, StorageSchemaError),
        (psycopg.errors.DatatypeMismatch, StorageError),
        (psycopg.OperationalError, StorageUnavailableError),
        (psycopg.DataError, StorageValueError),
        (psycopg.errors.NumericValueOutOfRange, StorageValueError),
        (psycopg.errors.CharacterNotInRepertoire, StorageValueError),
        (psycopg.errors.ProgramLimitExceeded, StorageValueError),
    ],
)
def test_driver_errors_are_sorted(error: type[psycopg.Error], kind: type[StorageError]) -> None:
    assert type(postgres.translate(error("text"))) is kind


def test_what_the_server_says_about_rows_is_not_repeated() -> None:
    told = postgres.translate(psycopg.errors.UniqueViolation("Key (label)=(hunter2) already exists."))
    assert "hunter2" not in str(told)


def _mark(count: int) -> Script[None]:
    rows = [(number.to_bytes(32, "big"), 1) for number in range(count)]
    yield InsertNew(event_fingerprints, ("fingerprint", "seen_s"), rows)


async def _put(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(insert(link_intents).values(server_id="main", namespace="/", wanted=True))
