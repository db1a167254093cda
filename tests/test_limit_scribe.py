"""Limits that were reached, in the audit log."""

from __future__ import annotations

from tests.support.machine_world import TurnableClock

from ponteio.limit_scribe import LimitScribe
from ponteio.model.outcome import LIVE_HELD, TOO_MANY_SOCKETS
from ponteio.observe.counters import Counters
from ponteio.storage.database import Database
from ponteio.tenancy.audit import AuditLog
from ponteio.tenancy.limit_notices import LimitNotices


async def test_each_limit_is_written_once_an_hour(database: Database) -> None:
    clock = TurnableClock()
    audit, notices = AuditLog(database, clock), LimitNotices(Counters(), clock)
    scribe = LimitScribe(audit, clock)
    notices.on_notice(scribe.note)

    async def written() -> list[tuple[str | None, str | None]]:
        await scribe.write()
        return [(entry.organization_id, entry.target) for entry in await audit.list(None, limit=50)]

    assert await written() == []
    for _ in range(50):
        notices.reached("org_a", TOO_MANY_SOCKETS)
        clock.turn(seconds=30)
        await scribe.write()
    assert await written() == [("org_a", "too_many_sockets")]
    notices.reached("org_a", LIVE_HELD)
    notices.reached("org_b", LIVE_HELD)
    assert len(await written()) == 3
    clock.turn(hours=1)
    notices.reached("org_a", TOO_MANY_SOCKETS)
    assert len(await written()) == 4
    (entry, *_) = await audit.list("org_a", limit=1)
    assert (entry.action, entry.actor.kind, entry.detail) == ("limit.reached", "gateway", {"count": 51})
