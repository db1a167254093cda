"""The directory's organizations: their names, whether anybody may act for them, and what they may use."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from sqlalchemy import insert

from ponteio.model.event_policy import FOREVER_DAYS
from ponteio.model.identity import Limits, Organization, OrganizationScope
from ponteio.model.outcome import (
    INVALID_NAME,
    INVALID_REQUEST,
    NAME_TAKEN,
    ORGANIZATION_NOT_FOUND,
    RefusalError,
)
from ponteio.storage.errors import StorageConflictError
from ponteio.storage.tables import event_logs, organizations
from ponteio.tenancy import rows, versions
from ponteio.tenancy.directory_state import DirectoryState
from ponteio.tenancy.identifiers import new_epoch, new_id
from ponteio.tenancy.image import name_key

MAX_NAME = 64
MAX_LIMIT = 1_000_000
# Control characters, lone surrogates, line and paragraph separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


class Organizations(DirectoryState):
    """The part of the directory that is about organizations."""

    async def create_organization(self, name: str) -> Organization:
        """A new organization with an empty log. Raises `RefusalError` INVALID_NAME (1 to 64 characters, none of them a
        control character) or NAME_TAKEN (by another spelling of the same name, too).
        """
        organization = Organization(new_id("org"), _valid_name(name), self._clock())
        columns = {"organization_id": organization.organization_id, "name": organization.name}
        row = {**columns, "name_key": name_key(organization.name), "created_at": organization.created_at}
        log = {"organization_id": organization.organization_id, "epoch": new_epoch(), "head": 0}
        async with self._changing:
            try:
                async with self._database.write() as connection:
                    version = await versions.bump(connection)
                    await connection.execute(insert(organizations).values(row))
                    await connection.execute(insert(event_logs).values(log))
            except StorageConflictError:
                raise RefusalError(NAME_TAKEN) from None
            await self._adopt(version, lambda image: image.put_organization(organization))
        self._tell()
        return organization

    def organizations(self) -> list[Organization]:
        """Every organization, by name."""
        return sorted(self._image.organizations.values(), key=lambda one: name_key(one.name))

    def organization(self, id_or_name: str) -> Organization | None:
        """The organization with this id, or else with this name in whatever case."""
        return self._image.organization(id_or_name)

    def scope_of(self, organization_id: str) -> OrganizationScope:
        """The organization's scope, for our own work and the command line; nothing that a client sent may get here.
        Raises `RefusalError` ORGANIZATION_NOT_FOUND.
        """
        if organization_id not in self._image.organizations:
            raise RefusalError(ORGANIZATION_NOT_FOUND)
        return OrganizationScope(organization_id)

    async def rename_organization(self, organization_id: str, name: str) -> Organization:
        """The organization is called `name`. Raises `RefusalError` ORGANIZATION_NOT_FOUND, INVALID_NAME, NAME_TAKEN."""
        await self._existing(organization_id)
        values = {"name": _valid_name(name), "name_key": name_key(_valid_name(name))}
        try:
            await self._rewrite(lambda connection: rows.change_organization(connection, organization_id, values))
        except StorageConflictError:
            raise RefusalError(NAME_TAKEN) from None
        return await self._existing(organization_id)

    async def set_disabled(self, organization_id: str, disabled: bool) -> Organization:
        """Nobody may act for the organization, or somebody may again; its events are stored all the same. Raises
        `RefusalError` ORGANIZATION_NOT_FOUND.
        """
        was = await self._existing(organization_id)
        if (was.disabled_at is not None) is disabled:
            return was
        values = {"disabled_at": self._clock() if disabled else None}
        await self._rewrite(lambda connection: rows.change_organization(connection, organization_id, values))
        return await self._existing(organization_id)

    def limits(self, organization_id: str) -> Limits:
        """What the organization may use: what the operator set for it, and the deployment's defaults. From memory."""
        return self._image.limits.get(organization_id, self._default_limits)

    async def set_limits(self, organization_id: str, wanted: Mapping[str, int | None]) -> Limits:
        """The organization has these limits, None being the deployment's default; the others stay. Raises
        `RefusalError` ORGANIZATION_NOT_FOUND, or INVALID_REQUEST for an unknown name or a number out of range.
        """
        for name, value in wanted.items():
            if name not in rows.LIMIT_NAMES or not _is_limit(name, value):
                raise RefusalError(INVALID_REQUEST, f"{name[:64]!r} is no limit, or its value is out of range.")
        await self._existing(organization_id)
        await self._rewrite(lambda connection: rows.save_limits(connection, organization_id, wanted))
        return self.limits(organization_id)

    async def _existing(self, organization_id: str) -> Organization:
        """The organization, looked for in the database too before it is said not to be there."""
        found = self._image.organizations.get(organization_id)
        if found is None:
            await self.refresh()
            found = self._image.organizations.get(organization_id)
        if found is None:
            raise RefusalError(ORGANIZATION_NOT_FOUND)
        return found


def _is_limit(name: str, value: object) -> bool:
    lowest, highest = (1, FOREVER_DAYS) if name == "keep_days" else (0, MAX_LIMIT)
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest)


def _valid_name(name: str) -> str:
    name = unicodedata.normalize("NFC", name.strip())
    if not 1 <= len(name) <= MAX_NAME:
        raise RefusalError(INVALID_NAME, f"A name has between 1 and {MAX_NAME} characters.")
    if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in name):
        raise RefusalError(INVALID_NAME, "A name has no control characters.")
    return name
