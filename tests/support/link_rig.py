"""Links for a test: quick retries, a sink that keeps everything, gaps in a real database."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.databases import migrated, sqlite_url
from tests.support.list_sink import ListSink
from tests.support.simulator import until

from ponteio.eventlog.gaps import GapLog
from ponteio.model.link import Gap, GapKind, LinkState, LinkStatus, LinkTarget
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters
from ponteio.storage.database import Database
from ponteio.upstream.backoff import RetryPolicy
from ponteio.upstream.dial_turns import DialTurns
from ponteio.upstream.link import Link, LinkContext, LinkOptions
from ponteio.upstream.link_failure import LinkFailure
from ponteio.upstream.link_gaps import GapKeeper
from ponteio.upstream.link_machine import Chance
from ponteio.upstream.socketio_connection import ConnectionOptions, SocketIOConnection
from ponteio.upstream.socketio_protocol import Packet
from ponteio.upstream.websocket_transport import key_header

SERVER = "main"
QUICK = RetryPolicy(
    base_s=0.02,
    cap_s=0.1,
    auth_base_s=0.05,
    auth_cap_s=0.2,
    pending_base_s=0.02,
    pending_cap_s=0.05,
    handshake_s=2.0,
    steady_s=0.5,
)
QUICK_OPTIONS = LinkOptions(retry=QUICK, dials_per_second=500)


def target(instance: str | None) -> LinkTarget:
    return LinkTarget(SERVER, instance)


@dataclass
class LinkRig:
    """Everything that a link talks to."""

    database: Database
    gap_log: GapLog
    keeper: GapKeeper
    sink: ListSink
    options: ConnectionOptions
    retry: RetryPolicy
    key: str
    turns: DialTurns = field(default_factory=lambda: DialTurns(500))
    counters: Counters = field(default_factory=Counters)
    statuses: list[LinkStatus] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)

    def link(self, url: str, instance: str | None = None, adopted: GapKind | None = None) -> Link:
        """A link to `url` that nobody wants yet."""

        def connect(on_packet: Callable[[Packet], None], on_lost: Callable[[LinkFailure], None]) -> SocketIOConnection:
            return SocketIOConnection(
                url, headers=key_header(self.key), on_packet=on_packet, on_lost=on_lost, options=self.options
            )

        context = LinkContext(
            connect=connect,
            turns=self.turns,
            sink=self.sink,
            gaps=self.keeper,
            counters=self.counters,
            on_status=self.statuses.append,
            clock=utc_now,
            chance=Chance(self.retry, random.Random(5)),
        )
        link = Link(target(instance), context, adopted)
        self.links.append(link)
        return link

    async def gaps(self) -> list[Gap]:
        """Every gap written so far, oldest first."""
        await self.keeper.settled()
        return list(reversed(await self.gap_log.list(SERVER, 1000)))


@asynccontextmanager
async def link_rig(
    folder: Path,
    *,
    key: str = "",
    full_at: int | None = None,
    max_frame_bytes: int = 64 * 1024 * 1024,
    retry: RetryPolicy = QUICK,
) -> AsyncIterator[LinkRig]:
    """A rig on a database in `folder`; its links are down and closed afterwards."""
    async with migrated(sqlite_url(folder)) as database:
        gap_log, counters = GapLog(database), Counters()
        keeper = GapKeeper(gap_log, counters)
        keeper.start()
        options = ConnectionOptions(max_frame_bytes=max_frame_bytes)
        rig = LinkRig(database, gap_log, keeper, ListSink(full_at), options, retry, key, counters=counters)
        try:
            yield rig
        finally:
            for link in rig.links:
                link.unwant()
                await link.wait_closed()
            await keeper.stop(2.0)


async def reaches(link: Link, *states: LinkState, timeout_s: float = 10.0) -> LinkStatus:
    """The link's status, once it is in one of `states`."""
    await until(lambda: link.status().state in states, timeout_s=timeout_s)
    return link.status()
