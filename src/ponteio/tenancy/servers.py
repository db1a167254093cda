"""Evolution servers that the operator added: their keys are sealed, and shown to nobody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.identity import Server
from ponteio.model.outcome import INVALID_REQUEST, SECRET_UNREADABLE, SERVER_NOT_FOUND, RefusalError
from ponteio.model.server_url import PUBLIC_DEFAULT_KEYS, address_key, server_key, server_url
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.tables import instances, link_intents, servers
from ponteio.storage.vault import Vault
from ponteio.tenancy import versions
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.identifiers import new_id

MAX_LABEL = 100
_LAST = 4
_SHOWN_FROM = 12
"""Of a shorter key, four characters would say too much."""


class Servers:
    """Changes to the list of servers; `Directory.servers` is the list."""

    def __init__(
        self, database: Database, directory: Directory, vault: Vault, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self._directory = directory
        self._vault = vault
        self._clock = clock

    async def add(
        self, url: str, key: str, *, label: str = "", global_events: bool = False, allow_private: bool = False
    ) -> Server:
        """A new server with a sealed key. `allow_private` is the operator's word that its address may be a private one.

        Raises `RefusalError` INVALID_REQUEST for an address or a key that cannot be used, and for an address that
        another server has: each of its instances would have two owners.
        """
        server_id = new_id("srv")
        values = {
            "server_id": server_id,
            "created_at": self._clock(),
            "is_from_environment": False,
            "global_events": global_events,
            "allow_private": allow_private,
            **_url_and_label(url, label),
            **self._sealed(server_id, key),
        }
        async with self._database.write() as connection:
            await versions.bump(connection)
            await _require_new_address(connection, server_id, str(values["url"]))
            await connection.execute(insert(servers).values(values))
        return await self._after(server_id)

    async def change(
        self,
        server_id: str,
        *,
        url: str | None = None,
        key: str | None = None,
        label: str | None = None,
        global_events: bool | None = None,
        allow_private: bool | None = None,
    ) -> Server:
        """The server is as given; None leaves a part as it is. Raises `RefusalError` SERVER_NOT_FOUND, or
        INVALID_REQUEST, also for the environment's server, which is changed there.
        """
        was = await self._changeable(server_id)
        values: dict[str, object] = {**_url_and_label(url or was.url, was.label if label is None else label)}
        values |= {} if key is None else self._sealed(server_id, key)
        values |= {} if global_events is None else {"global_events": global_events}
        values |= {} if allow_private is None else {"allow_private": allow_private}
        async with self._database.write() as connection:
            await versions.bump(connection)
            await _require_new_address(connection, server_id, str(values["url"]))
            await connection.execute(update(servers).where(*_present(server_id)).values(values))
        return await self._after(server_id)

    async def remove(self, server_id: str) -> None:
        """The server is not linked to any more, and its instances count as removed: their owners do not see them, and
        their names are free. What they sent stays where it is; what is still on its way goes to quarantine. The key is
        gone. Raises as `change` does.
        """
        await self._changeable(server_id)
        async with self._database.write() as connection:
            await versions.bump(connection)
            await _remove(connection, server_id, self._clock())
        await self._directory.refresh()

    async def key(self, server_id: str) -> str:
        """The server's key, for our own calls alone. Raises `RefusalError` SERVER_NOT_FOUND, or SECRET_UNREADABLE when
        the keys of this deployment do not open it.
        """
        statement = select(servers.c.sealed_key).where(*_present(server_id))
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).one_or_none()
        if row is None:
            raise RefusalError(SERVER_NOT_FOUND)
        if row.sealed_key is None:
            raise RefusalError(SECRET_UNREADABLE, "The environment has the key of this server.")
        return self._vault.unseal(row.sealed_key, _place(server_id))

    async def _after(self, server_id: str) -> Server:
        await self._directory.refresh()
        found = self._directory.server(server_id)
        if found is None:  # somebody removed it in the same moment
            raise RefusalError(SERVER_NOT_FOUND)
        return found

    async def _changeable(self, server_id: str) -> Server:
        await self._directory.refresh()
        found = self._directory.server(server_id)
        if found is None:
            raise RefusalError(SERVER_NOT_FOUND)
        if found.is_from_environment:
            raise RefusalError(INVALID_REQUEST, "This server comes from EVOLUTION_API_URL: change it there.")
        return found

    def _sealed(self, server_id: str, key: str) -> dict[str, object]:
        try:
            server_key(key)
        except ValueError as error:
            raise RefusalError(INVALID_REQUEST, f"The key {error}.") from None
        last = key[-_LAST:] if len(key) >= _SHOWN_FROM else None
        return {"sealed_key": self._vault.seal(key, _place(server_id)), "key_last4": last}


def is_public_default(key: str) -> bool:
    """Whether the key is one that Evolution's examples print: anybody may use it."""
    return key in PUBLIC_DEFAULT_KEYS


def _place(server_id: str) -> str:
    return f"servers.sealed_key:{server_id}"


def _url_and_label(url: str, label: str) -> dict[str, object]:
    if len(label.strip()) > MAX_LABEL:
        raise RefusalError(INVALID_REQUEST, f"The label has more than {MAX_LABEL} characters.")
    try:
        return {"url": server_url(url), "label": label.strip()}
    except ValueError as error:
        raise RefusalError(INVALID_REQUEST, f"The address {error}.") from None


def _present(server_id: str) -> tuple[ColumnElement[bool], ...]:
    return servers.c.server_id == server_id, servers.c.removed_at.is_(None)


async def _require_new_address(connection: AsyncConnection, server_id: str, url: str) -> None:
    others = select(servers.c.url).where(servers.c.server_id != server_id, servers.c.removed_at.is_(None))
    taken = {address_key(other) for (other,) in (await connection.execute(others)).all()}
    if address_key(url) in taken:
        raise RefusalError(INVALID_REQUEST, "There is a server with this address already.")


async def _remove(connection: AsyncConnection, server_id: str, now: datetime) -> None:
    gone = {"removed_at": now, "sealed_key": None, "key_last4": None}
    await connection.execute(update(servers).where(*_present(server_id)).values(gone))
    there = (instances.c.server_id == server_id, instances.c.removed_at.is_(None))
    await connection.execute(update(instances).where(*there).values(removed_at=now))
    await connection.execute(delete(link_intents).where(link_intents.c.server_id == server_id))
