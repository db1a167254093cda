"""What this gateway has kept that a diagnosis can lean on: recent events, gaps, and what frames looked like."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import orjson

from ponteio.eventlog.gaps import GapLog
from ponteio.eventlog.log import EventLog
from ponteio.model.cursor import Cursor
from ponteio.model.event import RawFrame, StoredEvent
from ponteio.model.filter import EventFilter
from ponteio.model.identity import Instance
from ponteio.model.link import Gap, LinkTarget
from ponteio.tenancy.directory import Directory
from ponteio.upstream.frame_sink import FrameSink

LOOKED_AT = 2_000
"""Newest places of an organization's log among which an instance's events are looked for."""
READ_EVENTS = 50
"""How many of these are read."""
JUST_STORED = 200
"""Newest places among which an event is looked for that came a moment ago."""
GAPS_LOOKED_AT = 500
_TAIL = 512
"""Bytes at the end of a frame that hold its envelope's `apikey`, which Evolution writes last."""
_KEY_MEMBER = b'"apikey":"'
_NO_KEY = (b'"apikey":null}]', b'"apikey":"Apikey not found"}]')
_MOST_TARGETS = 2_000


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """A stored event, as far as a diagnosis looks at it. `message_id` is None for what is no message."""

    event: str
    date_time: str | None
    received_at: datetime
    message_id: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What was kept of an instance and its server, newest last. `is_kept` is false where nothing could be looked at.

    `exposes_key` says whether the last frame over the links that hear the instance held a token; None: none came.
    """

    is_kept: bool = False
    instance: Instance | None = None
    events: tuple[SeenEvent, ...] = ()
    gaps: tuple[Gap, ...] = ()
    exposes_key: bool | None = None


class Records(Protocol):
    """What was kept."""

    async def seen(self, server_id: str, name: str | None) -> Seen:
        """What there is of the instance; only the server's gaps without a name."""
        ...

    async def is_stored(self, server_id: str, name: str, message_id: str) -> bool:
        """Whether a message with this id is among the instance's newest stored events."""
        ...


class NoRecords:
    """Where no database can be looked at."""

    async def seen(self, server_id: str, name: str | None) -> Seen:  # noqa: ARG002 - as any records are asked
        """Nothing was kept."""
        return Seen()

    async def is_stored(self, server_id: str, name: str, message_id: str) -> bool:  # noqa: ARG002
        """Nothing is."""
        return False


class FrameWatch:
    """A frame sink in front of another, which notes for each link whether its last frame held an instance's token."""

    def __init__(self, sink: FrameSink) -> None:
        self._sink = sink
        self._exposes: OrderedDict[LinkTarget, bool] = OrderedDict()

    @property
    def is_full(self) -> bool:
        return self._sink.is_full

    @property
    def oldest_at(self) -> datetime | None:
        return self._sink.oldest_at

    def accept(self, frame: RawFrame) -> None:
        """Note it and hand it on."""
        tail = frame.payload[-_TAIL:]
        self._exposes[frame.target] = _KEY_MEMBER in tail and not tail.endswith(_NO_KEY)
        self._exposes.move_to_end(frame.target)
        if len(self._exposes) > _MOST_TARGETS:
            self._exposes.popitem(last=False)
        self._sink.accept(frame)

    def when_room(self, resume: Callable[[], None]) -> None:
        self._sink.when_room(resume)

    def exposes_key(self, server_id: str, name: str) -> bool | None:
        """Whether the last frame that came over the instance's links held a token; None when none came."""
        told = [self._exposes.get(target) for target in (LinkTarget(server_id, name), LinkTarget(server_id))]
        return next((each for each in told if each is not None), None)


class KeptRecords:
    """Records in the database, and in the memory of a running gateway where there is one."""

    def __init__(
        self, directory: Directory, gaps: GapLog, events: EventLog | None = None, watch: FrameWatch | None = None
    ) -> None:
        self._directory = directory
        self._gaps = gaps
        self._events = events
        self._watch = watch

    async def seen(self, server_id: str, name: str | None) -> Seen:
        """What there is of the instance, whoever owns it. Raises `StorageError`."""
        gaps = tuple(reversed(await self._gaps.list(server_id, GAPS_LOOKED_AT)))
        if name is None:
            return Seen(True, gaps=gaps)
        instance = self._directory.find(server_id, name)
        stored = [] if instance is None else await self._newest(instance, LOOKED_AT)
        events = tuple(
            SeenEvent(it.event, it.date_time, it.received_at, _message_id(it)) for it in stored[-READ_EVENTS:]
        )
        exposes = None if self._watch is None else self._watch.exposes_key(server_id, name)
        return Seen(True, instance, events, gaps, exposes)

    async def is_stored(self, server_id: str, name: str, message_id: str) -> bool:
        """Whether the message is in its owner's log. Raises `StorageError`."""
        instance = self._directory.find(server_id, name)
        stored = [] if instance is None else await self._newest(instance, JUST_STORED)
        return any(_message_id(each) == message_id for each in stored)

    async def _newest(self, instance: Instance, places: int) -> list[StoredEvent]:
        if self._events is None or instance.organization_id is None:
            return []
        scope = self._directory.scope_of(instance.organization_id)
        head = await self._events.head(scope)
        start = Cursor(head.epoch, max(0, head.seq - places))
        own = EventFilter.of([instance.name])
        return (await self._events.read_after(scope, start, limit=places, filter=own)).events


def _message_id(event: StoredEvent) -> str | None:
    if event.event not in ("messages.upsert", "send.message"):
        return None
    data = orjson.loads(event.data)
    key = data.get("key") if isinstance(data, dict) else None
    found = key.get("id") if isinstance(key, dict) else None
    return found if isinstance(found, str) else None
