"""The file beside a SQLite database that holds the index of its events' terms.

It has a writer of its own, so that indexing never keeps live events waiting, and it holds nothing that cannot be made
again from the database: a file of another version, or one that is damaged, is thrown away.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import structlog

from ponteio.storage.database import Database
from ponteio.storage.database_url import SqliteFile, parse_database_url
from ponteio.storage.errors import StorageError, StorageUnavailableError
from ponteio.storage.script import Query, Script

log = structlog.get_logger(__name__)

VERSION = 1
_MARK = "search index"

# `logs` says how far each log is indexed; its `number`, never used twice, stands for it in the rows of the index.
# The index is in parts, so that what is old can be dropped as a whole: `terms_<part>` is an FTS5 table.
_TABLES = """
CREATE TABLE about (mark TEXT NOT NULL, version INTEGER NOT NULL);
CREATE TABLE logs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, organization_id TEXT NOT NULL UNIQUE,
  epoch TEXT NOT NULL, seq INTEGER NOT NULL
);
CREATE TABLE parts (part INTEGER PRIMARY KEY, documents INTEGER NOT NULL);
CREATE TABLE part_logs (
  number INTEGER NOT NULL, part INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
  PRIMARY KEY (number, part)
) WITHOUT ROWID
"""


class SearchFile:
    """The open file, with its tables. `database` is another one after `remake`."""

    def __init__(self, path: Path, database: Database) -> None:
        self._path = path
        self.database = database

    @classmethod
    async def beside(cls, database_url: str) -> SearchFile:
        """The file that belongs to the SQLite database of this URL, opened or made. Raises `StorageUnavailableError`
        if it cannot be, and `StorageError` for a database of another kind.
        """
        place = parse_database_url(database_url)
        if not isinstance(place, SqliteFile):
            raise StorageError("only a SQLite database has a file for its search")
        path = place.path.with_name(place.path.stem + ".search.db")
        try:
            return cls(path, await _opened(path))
        except StorageUnavailableError:
            raise
        except StorageError as error:
            log.warning("search index is made anew", error=type(error).__name__)
            _remove(path)
            return cls(path, await _opened(path))

    async def remake(self) -> None:
        """The file is empty, and open again."""
        await self.database.close()
        _remove(self._path)
        self.database = await _opened(self._path)

    async def close(self) -> None:
        """The file is closed. May be called again."""
        await self.database.close()


async def _opened(path: Path) -> Database:
    """The file with its tables. Raises `StorageError` if they are of another version."""
    database = await Database.open(f"sqlite:///{quote(str(path))}", derived=True)
    try:
        await database.run(_made())
    except BaseException:
        await database.close()
        raise
    return database


def _made() -> Script[None]:
    if not (yield Query("SELECT 1 FROM sqlite_master WHERE name = 'about'", ())):
        for statement in _TABLES.split(";"):
            yield Query(statement, ())
        yield Query("INSERT INTO about (mark, version) VALUES (?, ?)", (_MARK, VERSION))
    if (yield Query("SELECT mark, version FROM about", ())) != [(_MARK, VERSION)]:
        raise StorageError("the search index is of another version")


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
