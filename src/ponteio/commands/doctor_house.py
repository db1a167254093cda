"""The gateway's own side, as `ponteio doctor` looks at it: nothing is changed, and each look is bounded in time."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

from ponteio.config import GatewaySettings, Settings
from ponteio.foundation import Foundation
from ponteio.listener import ListenerError, bind
from ponteio.model.diagnosis import Finding, Value, Verdict
from ponteio.model.outcome import RefusalError
from ponteio.observe.clock import utc_now
from ponteio.outbound.connector import OPERATORS_WORD
from ponteio.outbound.http_client import HttpClient, HttpOptions
from ponteio.storage.database import Database
from ponteio.storage.database_url import SqliteFile, parse_database_url
from ponteio.storage.errors import StorageError
from ponteio.storage.migrator import Standing
from ponteio.storage.vault import VaultKeyError, load_keys

LOOK_S = 8.0
LITTLE_MIB = 1_024
FULL_MIB = 100
NAMED = 5
_MIB = 1024 * 1024
_HOUR = timedelta(hours=1)
_NEWEST = 1_000
_ASKED = ("gateway.shown",)
_STANDINGS = {
    Standing.CURRENT: (Verdict.OK, "database.current", ()),
    Standing.BEHIND: (Verdict.FAIL, "database.behind", ("database.migrate",)),
    Standing.NEWER: (Verdict.FAIL, "database.newer", ("database.update",)),
    Standing.ABSENT: (Verdict.WARN, "database.absent", ("database.migrate",)),
}


def _found(verdict: Verdict, text: str, *actions: str, private: Sequence[str] = (), **values: Value) -> Finding:
    return Finding(text.partition(".")[0], verdict, (text,), actions, tuple(private), values)


def own_settings(faults: Sequence[str]) -> Finding:
    """Whether the settings can be read. No fault quotes a value."""
    if faults:
        return _found(Verdict.FAIL, "own_settings.faults", "own_settings.mend", faults="; ".join(faults))
    return _found(Verdict.OK, "own_settings.good")


def data_dir(settings: Settings) -> Finding:
    """Whether the data folder can be written."""
    path = settings.data_dir
    if not path.is_dir():
        return _found(Verdict.WARN, "data_dir.absent", "data_dir.make", path=str(path))
    if not os.access(path, os.W_OK | os.X_OK):
        return _found(Verdict.FAIL, "data_dir.read_only", "data_dir.own", path=str(path))
    return _found(Verdict.OK, "data_dir.writable", path=str(path))


def disk(
    settings: Settings, free_mib: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free // _MIB
) -> Finding:
    """Whether there is room for events."""
    if not settings.database_url.startswith("sqlite:"):
        return _found(Verdict.SKIPPED, "disk.elsewhere")
    path = next(each for each in (settings.data_dir, *settings.data_dir.absolute().parents) if each.exists())
    free, values = free_mib(path), {"path": str(path)}
    if free < FULL_MIB:
        return _found(Verdict.FAIL, "disk.full", "disk.clear", free_mib=free, **values)
    if free < LITTLE_MIB:
        return _found(Verdict.WARN, "disk.little", "disk.clear", free_mib=free, **values)
    return _found(Verdict.OK, "disk.room", free_mib=free)


def secret_key(settings: Settings, *, is_new: bool) -> Finding:
    """Whether stored secrets can be opened; `is_new` while there can be none. Makes no key."""
    setting, file = settings.secret_key.get_secret_value(), settings.secret_file
    if not setting and not file.exists():
        if is_new:
            return _found(Verdict.OK, "secret_key.absent")
        return _found(Verdict.FAIL, "secret_key.lost", "secret_key.restore", path=str(file))
    try:
        load_keys(setting, file)
    except (VaultKeyError, OSError):
        return _found(Verdict.FAIL, "secret_key.unreadable", "secret_key.restore", path=str(file))
    return _found(Verdict.OK, "secret_key.readable")


async def database(settings: Settings) -> Finding:
    """Whether the database answers and has this program's tables. Makes none."""
    try:
        where = parse_database_url(settings.database_url)
        if isinstance(where, SqliteFile) and not where.path.exists():
            return _found(Verdict.WARN, "database.absent", "database.migrate")
        async with asyncio.timeout(LOOK_S):
            opened = await Database.open(settings.database_url, checkpoints=False)
            try:
                standing = await opened.standing()
            finally:
                await opened.close()
    except (StorageError, TimeoutError):
        return _found(Verdict.FAIL, "database.unreachable", "database.start")
    verdict, text, actions = _STANDINGS[standing]
    return _found(verdict, text, *actions)


async def gateway(url: str, settings: GatewaySettings | None) -> Finding:
    """Whether a gateway answers at `url`, else whether one could listen."""
    client = HttpClient(url, {}, HttpOptions(connect_s=2.0, total_s=5.0, connector=OPERATORS_WORD))
    try:
        alive = await client.request("GET", "/healthz")
        if alive.status != 200 or b'"status"' not in alive.body:
            return _found(Verdict.FAIL, "gateway.stranger", "gateway.url", private=_ASKED, url=url)
        ready = await client.request("GET", "/readyz")
    except RefusalError:
        return _unanswered(settings, url)
    finally:
        await client.close()
    if ready.status != 200:
        return _found(Verdict.FAIL, "gateway.not_ready", "database.start", private=_ASKED, url=url)
    return _found(Verdict.OK, "gateway.ready", private=_ASKED, url=url)


def _unanswered(settings: GatewaySettings | None, url: str) -> Finding:
    if settings is not None:
        try:
            bind(settings.host, settings.port).close()
        except ListenerError:
            return _found(Verdict.FAIL, "gateway.taken", "gateway.port", private=_ASKED, url=url)
    return _found(Verdict.WARN, "gateway.free", "gateway.start", private=_ASKED, url=url)


async def organizations(here: Foundation) -> Finding:
    """Whether somebody can act for each organization."""
    every = here.directory.organizations()
    if not every:
        return _found(Verdict.WARN, "organizations.none", "organizations.make")
    empty = [each.name for each in every if not await here.memberships.members(each.organization_id)]
    if empty:
        return _found(Verdict.WARN, "organizations.empty", "organizations.invite", names=_some(empty))
    return _found(Verdict.OK, "organizations.peopled", count=len(every))


async def unassigned(here: Foundation) -> Finding:
    """Whether each instance has an owner."""
    every = here.directory.all_instances()
    lost = [each.name for each in every if each.organization_id is None and each.removed_at is None]
    if lost:
        return _found(Verdict.WARN, "unassigned.some", "unassigned.assign", count=len(lost), names=_some(lost))
    return _found(Verdict.OK, "unassigned.none")


async def quarantine(here: Foundation) -> Finding:
    """Whether events are being refused now."""
    since = utc_now() - _HOUR
    new = [each for each in await here.quarantine.list(_NEWEST) if each.received_at >= since]
    if not new:
        return _found(Verdict.OK, "quarantine.quiet")
    ((commonest, _),) = Counter(each.outcome for each in new).most_common(1)
    return _found(Verdict.WARN, "quarantine.growing", "quarantine.look", count=len(new), outcome=commonest)


async def inside(here: Foundation) -> AsyncIterator[Finding]:
    """What the database tells; a look that fails is a finding too."""
    looks: tuple[Callable[[Foundation], Awaitable[Finding]], ...] = (organizations, unassigned, quarantine)
    for look in looks:
        try:
            async with asyncio.timeout(LOOK_S):
                yield await look(here)
        except (StorageError, TimeoutError):
            yield Finding(look.__name__, Verdict.FAIL, ("database.unreachable",), ("database.start",))


def _some(names: Sequence[str]) -> str:
    more = f" (+{len(names) - NAMED})" if len(names) > NAMED else ""
    return ", ".join(sorted(names)[:NAMED]) + more
