from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from ponteio.storage.errors import StorageError, StorageUnavailableError
from ponteio.storage.script import Query, Rows, Script
from ponteio.storage.search_file import SearchFile


def ask(statement: str) -> Script[Rows]:
    return (yield Query(statement, ()))


async def tables(file: SearchFile) -> set[str]:
    rows = await file.database.run_reading(ask("SELECT name FROM sqlite_master WHERE type = 'table'"))
    return {name for (name,) in rows if not name.startswith("sqlite_")}


TABLES = {"about", "logs", "parts", "part_logs"}


async def test_the_file_lies_beside_the_database_and_is_its_owners(sqlite_file_url: str, tmp_path: Path) -> None:
    file = await SearchFile.beside(sqlite_file_url)
    assert await tables(file) == TABLES
    path = tmp_path / "test.search.db"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await file.database.run(ask("INSERT INTO parts VALUES (1, 5)"))
    await file.close()
    await file.close()
    again = await SearchFile.beside(sqlite_file_url)
    assert await again.database.run_reading(ask("SELECT documents FROM parts")) == [(5,)]
    await again.remake()
    assert await again.database.run_reading(ask("SELECT documents FROM parts")) == []
    assert await tables(again) == TABLES
    await again.close()


async def test_commits_wait_for_no_disk(sqlite_file_url: str) -> None:
    file = await SearchFile.beside(sqlite_file_url)
    assert await file.database.run(ask("PRAGMA synchronous")) == [(1,)]
    await file.close()


@pytest.mark.parametrize(
    "change", ["UPDATE about SET version = 99", "UPDATE about SET mark = 'x'", "DELETE FROM about"]
)
async def test_a_file_of_another_version_is_made_anew(sqlite_file_url: str, change: str) -> None:
    file = await SearchFile.beside(sqlite_file_url)
    await file.database.run(ask("INSERT INTO parts VALUES (1, 5)"))
    await file.database.run(ask(change))
    await file.close()
    again = await SearchFile.beside(sqlite_file_url)
    assert await again.database.run_reading(ask("SELECT documents FROM parts")) == []
    await again.close()


async def test_a_damaged_file_is_made_anew(sqlite_file_url: str, tmp_path: Path) -> None:
    (tmp_path / "test.search.db").write_bytes(b"this is no database, however long it is" * 100)
    file = await SearchFile.beside(sqlite_file_url)
    assert await tables(file) == TABLES
    await file.close()


async def test_a_file_that_cannot_be_opened_is_trouble_that_may_pass(sqlite_file_url: str, tmp_path: Path) -> None:
    (tmp_path / "test.search.db").mkdir()
    with pytest.raises(StorageUnavailableError):
        await SearchFile.beside(sqlite_file_url)


async def test_only_sqlite_has_such_a_file() -> None:
    with pytest.raises(StorageError):
        await SearchFile.beside("postgresql://127.0.0.1/x")


async def test_nothing_is_left_open(sqlite_file_url: str) -> None:
    before = asyncio.all_tasks()
    file = await SearchFile.beside(sqlite_file_url)
    await file.close()
    with pytest.raises(StorageUnavailableError):
        await file.database.run(ask("SELECT 1"))
    assert asyncio.all_tasks() == before
