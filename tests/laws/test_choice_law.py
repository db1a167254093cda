"""The laws of choices, the same for SQLite and PostgreSQL: every event ends in one way, the one that was chosen."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
import pytest
from tests.support.log_world import NOON, SERVER, LogWorld, log_world

from ponteio.decode.decoder import Decoder
from ponteio.decode.redaction import KnownSecrets
from ponteio.eventlog.quarantine import Quarantine
from ponteio.model.event import PassingEvent, RawFrame, ShownEvent, StoredEvent
from ponteio.model.event_policy import PRESETS, EventPolicy
from ponteio.model.identity import Instance, InstanceState
from ponteio.model.link import LinkTarget
from ponteio.observe.counters import Counters
from ponteio.pipeline import Corridor, FrameQueue, Voices
from ponteio.storage.database import Database

NAMES = ("messages.upsert", "presence.update", "call", "chats.upsert", "contacts.update")
CHOICES: list[tuple[EventPolicy, ...]] = [
    *PRESETS.values(),
    (EventPolicy("*", push=False),),
    (EventPolicy("*", store=False), EventPolicy("messages.*")),
    (EventPolicy("*", store=False, push=False), EventPolicy("presence.*", store=False)),
]


@dataclass
class House:
    """The corridor over one database, and what it says."""

    world: LogWorld
    queue: FrameQueue = field(default_factory=FrameQueue)
    counters: Counters = field(default_factory=Counters)
    announced: list[StoredEvent] = field(default_factory=list)
    passed: list[PassingEvent] = field(default_factory=list)
    changed: list[Instance] = field(default_factory=list)

    def hear(self, number: int, event: str, instance: str = "alpha", data: object = None) -> None:
        body = {"event": event, "instance": instance, "data": data or {"n": number}, "date_time": str(number)}
        self.queue.accept(RawFrame(LinkTarget(SERVER), orjson.dumps([event, body]), (), NOON))

    async def choose(self, *policies: EventPolicy) -> None:
        await self.world.directory.set_policies(self.world.scope("alpha").organization_id, policies)


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[House]:
    here = House(await log_world(database, "alpha", "beta"))

    def announce(stored: Sequence[StoredEvent]) -> None:
        here.announced.extend(stored)

    def pass_on(passing: Sequence[PassingEvent]) -> None:
        here.passed.extend(passing)

    corridor = Corridor(
        queue=here.queue,
        decoder=Decoder(KnownSecrets()),
        directory=here.world.directory,
        events=here.world.log,
        quarantine=Quarantine(database),
        counters=here.counters,
        voices=Voices(announce, here.changed.append, pass_on),
    )
    task = asyncio.create_task(corridor.run())
    try:
        yield here
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def numbers(events: Sequence[ShownEvent]) -> list[int]:
    return [orjson.loads(event.data)["n"] for event in events]


@pytest.mark.parametrize("policies", CHOICES)
async def test_what_is_stored_is_exactly_what_was_chosen(database: Database, policies: tuple[EventPolicy, ...]) -> None:
    """I1, I2: what is stored has dense numbers and was announced; what is not has no number and no cursor."""
    async with opened(database) as here:
        await here.choose(*policies)
        heard = [(number, NAMES[number % len(NAMES)]) for number in range(40)]
        for number, event in heard:
            here.hear(number, event)
            here.hear(number, event, "beta")
        assert await here.queue.drained(20)
        choices = here.world.directory.choices(here.world.scope("alpha").organization_id)
        stored = await here.world.everything("alpha")
        assert numbers(stored) == [number for number, event in heard if choices.of(event).store]
        assert [one.seq for one in stored] == list(range(1, len(stored) + 1))
        assert numbers(here.passed) == [number for number, event in heard if choices.of(event).is_passing]
        assert {one.organization_id for one in here.passed} <= {here.world.scope("alpha").organization_id}
        dropped = {one for _, one in heard if not choices.of(one).store and not choices.of(one).push}
        assert set(here.counters.under("events_dropped.")) == dropped
        assert numbers(await here.world.everything("beta")) == [number for number, _ in heard]


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_is_lost_and_nothing_twice_when_choices_change_under_traffic(
    database: Database, seed: int
) -> None:
    """I3: each event, however often it comes, is stored once, or shown once, or let go once."""
    dice = random.Random(seed)
    async with opened(database) as here:
        coming = [(number, NAMES[number % len(NAMES)]) for number in range(300) for _ in range(dice.randrange(1, 4))]
        dice.shuffle(coming)

        async def hear() -> None:
            for position, (number, event) in enumerate(coming):
                here.hear(number, event)
                if position % 7 == 0:
                    await asyncio.sleep(0.001)

        async def choose() -> None:
            for _ in range(15):
                await here.choose(*dice.choice(CHOICES))
                await asyncio.sleep(0.005)

        await asyncio.gather(hear(), choose())
        assert await here.queue.drained(30)
        stored = numbers(await here.world.everything("alpha"))
        assert sorted(stored) == sorted(numbers(here.announced))
        ends = Counter([*stored, *numbers(here.passed)])
        assert set(ends.values()) <= {1}
        dropped = sum(here.counters.under("events_dropped.").values())
        assert len(ends) + dropped == 300
        assert here.passed


async def test_what_nobody_stores_still_says_where_an_instance_stands(database: Database) -> None:
    async with opened(database) as here:
        await here.choose(EventPolicy("*", store=False, push=False))
        here.hear(1, "connection.update", data={"instance": "alpha", "state": "open", "statusReason": 200})
        assert await here.queue.drained(20)
        assert [one.state for one in here.changed] == [InstanceState.OPEN]
        assert (await here.world.everything("alpha"), here.passed) == ([], [])
        assert here.counters.under("events_dropped.") == {"connection.update": 1}
