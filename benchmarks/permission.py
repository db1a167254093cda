"""What it costs to look at rights, filters and storm dampers, for each event that is delivered."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ponteio.eventlog.log import EventLog
from ponteio.live.damper import Damping
from ponteio.live.handshake import Admission, Hello, start_at
from ponteio.live.options import LiveOptions
from ponteio.live.packets import Batch, Packet
from ponteio.live.rooms import Rooms
from ponteio.model.cursor import Cursor
from ponteio.model.event import StoredEvent
from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.identity import Limits, OrganizationScope, Principal
from ponteio.model.outcome import Outcome
from ponteio.model.rights import CredentialKind
from ponteio.model.sight import ALL_SEEN, Sight
from ponteio.observe.counters import Counters
from ponteio.storage.database import Database
from ponteio.tenancy.limit_notices import LimitNotices

SOCKETS = 10
EVENTS = 20_000
INSTANCES = 20
RUNS = 3
TARGET_US = 50.0
_EPOCH = "0123abcd"
_DATA = b'{"key":{"id":"3EB0","remoteJid":"5511@s.whatsapp.net"},"message":{"conversation":"%b"}}' % (b"x" * 1_400)


class Hole:
    """A door that takes everything and keeps nothing, so that only the way to it is measured."""

    on_drained: Callable[[], None] | None = None
    backlog = 0
    taken = 0
    events = 0

    def push(self, batch: Batch) -> None:
        self.events += len(batch.packets)

    def say(self, packet: Packet) -> None:
        """Taken."""

    def leave(self, farewell: object, outcome: Outcome) -> None:
        """Gone."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who listens: socket number n has `scope_of(n)` and `filter_of(n)`."""

    name: str
    scope_of: Callable[[int], OrganizationScope]
    filter_of: Callable[[int], EventFilter]
    damping: Damping | None = None


NAMES = [f"loja-{number:02}" for number in range(INSTANCES)]
KINDS = ["messages.*", "send.message", "call", "presence.update", "contacts.*"]


def _narrow(number: int, sight: Sight = ALL_SEEN) -> OrganizationScope:
    """All instances but one, which is another one for each socket: nobody shares a view."""
    return OrganizationScope("org", EventFilter.of([*NAMES, f"own-{number}"], KINDS), sight)


def _own_filter(number: int) -> EventFilter:
    return EventFilter.of([*NAMES, f"own-{number}"], ["messages.*", "call", f"own.{number}"])


_WIDE = Damping(per_minute=1_000_000_000, burst=1_000_000_000)
AUDIENCES = (
    Audience("open scope", lambda _: OrganizationScope("org"), lambda _: EVERYTHING),
    Audience("one narrowed scope for all", lambda _: _narrow(0), lambda _: _own_filter(0), _WIDE),
    Audience("a scope and a filter each", _narrow, _own_filter, _WIDE),
    Audience("and metadata only", lambda n: _narrow(n, Sight(content=False)), _own_filter, _WIDE),
    Audience(
        "500 patterns each",
        lambda n: OrganizationScope(
            "org", EventFilter.of(NAMES, [f"family-{n}-{m}.*" for m in range(499)] + KINDS[:1])
        ),
        lambda n: EventFilter.of(NAMES, [f"other-{n}-{m}.*" for m in range(499)] + KINDS[:1]),
        _WIDE,
    ),
)


async def run(_minutes: float) -> None:
    """CPU time of an event's way from its announcement to ten doors, by what those may see."""
    with tempfile.TemporaryDirectory() as folder:
        database = await Database.open(f"sqlite:///{folder}/unused.db")
        try:
            await _measure(database)
        finally:
            await database.close()


async def _measure(database: Database) -> None:
    base = 0.0
    for audience in AUDIENCES:
        cost = min([await _cost_us(database, audience) for _ in range(RUNS)])
        base = base or cost
        verdict = "met" if cost - base < TARGET_US else "MISSED"
        print(
            f"  {audience.name}: {cost:.1f} µs for each event delivered, {cost - base:+.1f} for the checks"
            f" (target under {TARGET_US:.0f}): {verdict}",
            flush=True,
        )


async def _cost_us(database: Database, audience: Audience) -> float:
    counters = Counters()
    rooms = Rooms(EventLog(database), LiveOptions(), counters, LimitNotices(counters), OrganizationScope)
    doors = [Hole() for _ in range(SOCKETS)]
    for number, door in enumerate(doors):
        scope = audience.scope_of(number)
        principal = Principal(CredentialKind.KEY, f"key-{number}", frozenset(), scope)
        hello = Hello(None, None, audience.filter_of(number))
        rooms.reserve("org", None, Limits())
        admission = Admission(principal, scope, "bench", hello, audience.damping)
        rooms.enter(admission, start_at(None, Cursor(_EPOCH, 0)), door)
    now = datetime.now(UTC)
    events = [
        StoredEvent("org", _EPOCH, seq, NAMES[seq % INSTANCES], "messages.upsert", None, None, now, now, "live", _DATA)
        for seq in range(1, EVENTS + 1)
    ]
    gc.collect()
    began = time.process_time()
    for event in events:
        rooms.announce([event])
        await asyncio.sleep(0)
    spent_s = time.process_time() - began
    await rooms.close()
    delivered = sum(door.events for door in doors)
    if delivered != EVENTS * SOCKETS:
        raise RuntimeError(f"{delivered} events were delivered")
    return spent_s / delivered * 1e6
