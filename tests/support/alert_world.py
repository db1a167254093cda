"""Organizations with instances, links and rules under watch, over a real database, and a clock to turn."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from tests.support.machine_world import TurnableClock
from tests.support.post_world import PostWorld, post_world

from ponteio.eventlog.log import EventLog
from ponteio.model.alert import AlertRule, Condition, Incident, Maker, RuleTerms
from ponteio.model.event import AddressedEvent, DecodedEvent, StoredEvent
from ponteio.model.identity import InstanceChange, InstanceState
from ponteio.model.link import LinkState, LinkStatus, LinkTarget
from ponteio.model.rights import Role
from ponteio.notify.channel import Channel, Message
from ponteio.notify.deliveries import unpacked
from ponteio.notify.incidents import Incidents
from ponteio.notify.lease import Lease
from ponteio.notify.makers import Makers
from ponteio.notify.messages import Wording
from ponteio.notify.rules import Rules
from ponteio.notify.talk_hours import TalkHours
from ponteio.notify.watch import Watch, WatchNeeds
from ponteio.notify.watch_board import Board
from ponteio.notify.watch_ledger import Ledger
from ponteio.notify.watch_memory import WatchMemory
from ponteio.notify.watch_options import WatchOptions
from ponteio.storage.database import Database
from ponteio.storage.notify_tables import deliveries
from ponteio.tenancy.api_keys import KeyRing

SERVER = "main"
OPTIONS = WatchOptions(
    settles=timedelta(0), calm=timedelta(seconds=30), grace=timedelta(seconds=60), housekeeping=timedelta(seconds=3)
)


@dataclass
class Process:
    """What one process knows and does. `told_live` are the incidents that sockets would hear of."""

    board: Board
    rules: Rules
    incidents: Incidents
    ledger: Ledger
    lease: Lease
    talk: TalkHours
    watch: Watch
    log: EventLog
    told_live: list[Incident] = field(default_factory=list)
    is_settled: bool = True


@dataclass
class AlertWorld:
    """`acme` owns `instances`, on one server. `process` watches; `restart` makes another that takes over."""

    post: PostWorld
    database: Database
    clock: TurnableClock
    acme: str
    rival: str
    channel: Channel
    maker: Maker
    process: Process
    options: WatchOptions = OPTIONS

    async def own(self, organization_id: str, *names: str) -> None:
        """The organization has these instances, which are open."""
        for name in names:
            await self.post.directory.assign(name, organization_id, server_id=SERVER, upstream_id=f"id-{name}")
        await self.state(InstanceState.OPEN, *names)

    async def state(self, state: InstanceState, *names: str, reason: int | None = None) -> None:
        """The instances have this state from now on."""
        for name in names:
            await self.post.directory.note(SERVER, name, InstanceChange(state=state, reason=reason))

    def link(self, state: LinkState, *names: str | None) -> None:
        """The links of these instances (None: the global one) have this state from now on."""
        for name in names:
            self.process.board.note_link(LinkStatus(LinkTarget(SERVER, name), state, self.clock()))

    async def rule(self, condition: Condition = Condition.DOWN, owner: str | None = None, **terms: Any) -> AlertRule:
        """A new rule, of acme's unless told otherwise, that tells the channel."""
        organization_id = owner or self.acme
        told = {} if organization_id != self.acme else {"channels": (self.channel.channel_id,)}
        made = RuleTerms(condition, **{**told, **terms})
        return await self.process.rules.create(organization_id, made, self.maker, may_read_content=True)

    async def event(self, instance: str, event: str, data: Any, owner: str | None = None) -> StoredEvent:
        """An event is committed and announced."""
        stored = await self.stored(instance, event, data, owner)
        self.process.board.note_events([stored])
        return stored

    async def stored(self, instance: str, event: str, data: Any, owner: str | None = None) -> StoredEvent:
        """An event is committed, and announced elsewhere."""
        now = self.clock()
        found = self.post.directory.find(SERVER, instance)
        decoded = DecodedEvent(
            target=LinkTarget(SERVER, instance),
            instance=instance,
            event=event,
            data=json.dumps(data).encode(),
            extra=None,
            sender=None,
            date_time=None,
            occurred_at=now,
            received_at=now,
            fingerprint=secrets.token_bytes(32),
        )
        addressed = AddressedEvent(owner or self.acme, found.instance_id if found else "ins_0", decoded)
        (stored,) = (await self.process.log.append([addressed])).stored
        return stored

    async def turns(self, seconds: float, step_s: float = 1.0) -> None:
        """The watch looks again and again while the clock turns."""
        until = self.clock() + timedelta(seconds=seconds)
        while self.clock() < until:
            self.clock.turn(seconds=min(step_s, (until - self.clock()).total_seconds()))
            await self.process.watch.turn()

    async def told(self, organization_id: str | None = None) -> list[Message]:
        """Every message that was handed in, the oldest first."""
        statement = (
            select(deliveries.c.message)
            .where(deliveries.c.organization_id == (organization_id or self.acme))
            .order_by(deliveries.c.created_at, deliveries.c.delivery_id)
        )
        async with self.database.read() as connection:
            return [unpacked(text) for text in (await connection.execute(statement)).scalars()]

    async def kinds(self, organization_id: str | None = None) -> list[str]:
        """What kinds of messages were handed in."""
        return [one.kind for one in await self.told(organization_id)]

    async def incidents(self, organization_id: str | None = None) -> list[Incident]:
        """Every incident, the oldest first."""
        found = await self.process.incidents.list(organization_id or self.acme, only_open=False, limit=200)
        return list(reversed(found))

    async def timeline(self, incident: Incident) -> list[str]:
        """What happened to it."""
        _, entries = await self.process.incidents.get(incident.organization_id, incident.incident_id)
        return [one.kind.value for one in entries]

    async def restart(self, *, orderly: bool = True) -> Process:
        """Another process takes over; it knows nothing of links until it is told."""
        if orderly:
            await self.process.watch.close()
        self.process = process_of(self.post, self.options)
        return self.process


def process_of(post: PostWorld, options: WatchOptions) -> Process:
    """One more process over the same database."""
    database, clock = post.database, post.clock
    talk, log = TalkHours(database), EventLog(database, clock)
    board = Board(talk, clock)
    told_live: list[Incident] = []
    ledger = Ledger(
        database, post.office.deliveries, Wording("https://ponteio.example", lambda _: "Main"), told_live.append
    )
    rules, incidents = Rules(database, post.office.channels, clock), Incidents(database, clock)
    lease = Lease(database, "alerts", clock)
    flags: list[Process] = []
    needs = WatchNeeds(
        board=board,
        rules=rules,
        incidents=incidents,
        ledger=ledger,
        lease=lease,
        talk=talk,
        makers=Makers(database, KeyRing(database, clock)),
        memory=WatchMemory(database, log, post.directory, board),
        directory=post.directory,
        counters=post.counters,
        is_settled=lambda: flags[0].is_settled,
    )
    watch = Watch(needs, options, clock)
    made = Process(board, rules, incidents, ledger, lease, talk, watch, log, told_live)
    flags.append(made)
    return made


@asynccontextmanager
async def alert_world(database: Database, *names: str, options: WatchOptions = OPTIONS) -> AsyncIterator[AlertWorld]:
    """A world over an empty database, in which acme has these instances, all open and linked to."""
    async with post_world(database) as post:
        post.directory._clock = post.clock
        await post.directory.ensure_server(SERVER, "http://evolution.example")
        await post.directory.load()
        channel, _ = await post.webhook("https://hooks.example/acme")
        maker = Maker(await post.person("ana", Role.ADMIN), is_key=False)
        process = process_of(post, options)
        world = AlertWorld(
            post,
            database,
            post.clock,
            post.organization_id,
            post.other_id,
            channel,
            maker,
            process,
            options,
        )
        await world.own(world.acme, *names)
        world.link(LinkState.CONNECTED, *names)
        yield world
