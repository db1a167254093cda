"""Brings the tables up to this program's version, inside one transaction."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.schema import CreateSchema

from ponteio.storage.errors import StorageSchemaError

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number will do as long as nobody else takes it: the one lock of all who migrate ("ponteio" in ASCII).
_LOCK = 0x706F6E7465696F


def upgrade(connection: Connection, schema: str | None = None) -> None:
    """Run what is missing. The caller's transaction carries it, so that a failure leaves the former tables.

    SQLite's caller holds the write lock already; on PostgreSQL this takes an advisory lock, and makes `schema`.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if schema is not None:
            _create_schema(connection, schema)
    config = Config(attributes={"connection": connection})
    # A percent sign means something to the parser behind Config.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StorageSchemaError("the database was made by a newer version of this program") from error


class Standing(StrEnum):
    """How a database's tables stand to this program's."""

    ABSENT = "absent"
    BEHIND = "behind"
    CURRENT = "current"
    NEWER = "newer"


def standing(connection: Connection) -> Standing:
    """Whether `upgrade` would have anything to do; nothing is changed."""
    found = MigrationContext.configure(connection).get_current_revision()
    script = ScriptDirectory(str(MIGRATIONS))
    if found is None:
        return Standing.ABSENT
    if found == script.get_current_head():
        return Standing.CURRENT
    known = {each.revision for each in script.walk_revisions()}
    return Standing.BEHIND if found in known else Standing.NEWER


def _create_schema(connection: Connection, schema: str) -> None:
    # Asked first: CREATE SCHEMA IF NOT EXISTS needs the right to create even when there is nothing to do.
    known = connection.execute(text("SELECT 1 FROM pg_namespace WHERE nspname = :name"), {"name": schema}).first()
    if known is None:
        connection.execute(CreateSchema(schema))
