"""Streams of Server-Sent Events on a real edge: the pump, the limits and the ends of sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.live.conftest import QUICK
from tests.live.test_revocation import BLOWS, Blow
from tests.support.gateway_edge import GatewayEdge, eventually, gateway_edge
from tests.support.sse_reader import SseParser

from ponteio.live.sse_stream import ABORT, SseStream
from ponteio.model.filter import EventFilter
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_tree import EVERY, Filter
from ponteio.model.identity import Principal
from ponteio.model.outcome import RefusalError
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database


@dataclass
class Reader(SseParser):
    """A client of one stream, which reads while it `may_read`."""

    status: int = 0
    is_over: bool = False
    aborted: int = 0
    may_read: asyncio.Event = field(default_factory=asyncio.Event)
    _gone: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        SseParser.__init__(self)
        self.may_read.set()

    async def receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.may_read.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        self.feed(message["body"])
        self.is_over = not message["more_body"]

    def go(self) -> None:
        self._gone.set()

    def abort(self) -> None:
        self.aborted += 1
        self._gone.set()


async def principal_of(gateway: GatewayEdge, name: str = "acme") -> Principal:
    return await gateway.keys.authenticate(gateway.tokens[name])


async def opened(
    gateway: GatewayEdge,
    *,
    principal: Principal | None = None,
    cursor: object = None,
    wanted: Filter = EVERY,
    address: str = "192.0.2.1",
) -> SseStream:
    who = principal or await principal_of(gateway)
    return await gateway.edge.open_stream(who, address=address, cursor=cursor, wanted=wanted)


@asynccontextmanager
async def reading(gateway: GatewayEdge, *, can_abort: bool = False, **terms: Any) -> AsyncIterator[Reader]:
    """A reader of a new stream, who has heard `ready`."""
    stream, reader = await opened(gateway, **terms), Reader()
    scope: dict[str, Any] = {"type": "http", "extensions": {ABORT: reader.abort} if can_abort else {}}
    serving = asyncio.create_task(stream(scope, reader.receive, reader.send))
    try:
        await eventually(lambda: reader.named("ready") or serving.done(), why=lambda: reader.events)
        yield reader
    finally:
        reader.go()
        await asyncio.wait_for(serving, 5)


async def test_replay_and_live_events_come_in_order_with_their_cursors(clean: GatewayEdge) -> None:
    """I3: by the cursor of the last event a reader comes back without loss or repeat."""
    stored = await clean.store("acme", 30)
    async with reading(clean, cursor=str(stored[9].cursor)) as reader:
        assert reader.status == 200
        assert reader.named("ready")[0]["resumed"] is True
        await eventually(lambda: len(reader.seqs) == 20)
        await clean.publish("acme", 5)
        await eventually(lambda: len(reader.seqs) == 25)
        assert reader.seqs == list(range(11, 36))
        place = reader.last_id
    async with reading(clean, cursor=place) as again:
        await clean.publish("acme", 1)
        await eventually(lambda: again.seqs)
        assert again.seqs == [36]


async def test_ready_gives_a_cursor_to_whoever_had_none(clean: GatewayEdge) -> None:
    await clean.store("acme", 3)
    async with reading(clean) as reader:
        assert reader.named("ready")[0]["resumed"] is False
        assert reader.last_id.endswith("-3")
    async with reading(clean, cursor="nonsense") as reader:
        assert reader.named("ready")[0]["reason"] == "invalid_cursor"


async def test_a_filter_is_asked_and_tips_move_on(clean: GatewayEdge) -> None:
    wanted = parse_filter('text:"boleto" inst:one', utc_now())
    async with reading(clean, wanted=wanted) as reader:
        await clean.publish("acme", 1, data=b'{"message":{"conversation":"segue o boleto"}}')
        await clean.publish("acme", 1, data=b'{"message":{"conversation":"bom dia"}}')
        await clean.publish("acme", 1, instance="two", data=b'{"message":{"conversation":"boleto"}}')
        await eventually(lambda: reader.named("tip") and reader.named("tip")[-1]["cursor"].endswith("-3"))
        assert reader.seqs == [1]
        assert reader.last_id.endswith("-3")


async def test_an_event_that_is_too_large_to_keep_is_still_asked_about(clean: GatewayEdge) -> None:
    wanted = parse_filter("data.colour:red", utc_now())
    large = b'{"padding":"%b","colour":"%b"}'
    async with reading(clean, wanted=wanted) as reader:
        for colour in (b"red", b"blue", b"red"):
            await clean.publish("acme", 1, data=large % (b"x" * 300 * 1024, colour))
        await clean.publish("acme", 1, data=b'{"colour":"red"}')
        await eventually(lambda: len(reader.seqs) == 3)
        assert reader.seqs == [1, 3, 4]
        assert [body["data"] is None for body in reader.named("evolution-event")] == [True, True, False]


async def test_quiet_streams_give_a_sign_of_life(sqlite_database: Database) -> None:
    options = replace(QUICK, sse_quiet_s=0.05)
    async with gateway_edge(sqlite_database, options) as gateway, reading(gateway) as reader:
        await eventually(lambda: reader.comments >= 2)


@pytest.mark.parametrize("most", [2, 0])
async def test_streams_count_as_sockets(clean: GatewayEdge, most: int) -> None:
    await clean.limit("acme", sockets=most)
    streams = [await opened(clean) for _ in range(most)]
    assert await refused(clean) == "too_many_sockets"
    give_up(await opened(clean, principal=await principal_of(clean, "beta")), *streams)


def give_up(*streams: SseStream) -> None:
    for stream in streams:
        stream.finish()


async def test_streams_of_one_person_and_of_one_address_are_limited(sqlite_database: Database) -> None:
    options = replace(QUICK, sockets_per_address=3)
    async with gateway_edge(sqlite_database, options) as gateway:
        await gateway.limit("acme", sockets_per_user=1)
        signed = await gateway.authenticator.bearer(await gateway.token("acme"))
        first = await opened(gateway, principal=signed)
        assert await refused(gateway, principal=signed) == "too_many_user_sockets"
        others = [await opened(gateway) for _ in range(2)]
        assert await refused(gateway) == "too_many_address_sockets"
        elsewhere = await opened(gateway, address="192.0.2.2")
        give_up(first, *others, elsewhere)
        await gateway.is_empty()
        assert gateway.counters.refused == {"too_many_user_sockets": 1, "too_many_address_sockets": 1}


async def refused(gateway: GatewayEdge, **terms: Any) -> str:
    with pytest.raises(RefusalError) as caught:
        await opened(gateway, **terms)
    return caught.value.outcome.code


async def test_a_stream_that_nobody_reads_is_given_up(sqlite_database: Database) -> None:
    options = replace(QUICK, auth_deadline_s=0.1)
    async with gateway_edge(sqlite_database, options) as gateway:
        await opened(gateway)
        await gateway.is_empty()


@pytest.mark.parametrize(
    ("kind", "blow", "code", "retry"), [blow for blow in BLOWS if blow[0] == "key"], ids=lambda it: str(it)[:20]
)
async def test_a_right_that_is_taken_away_ends_the_stream(
    clean: GatewayEdge, kind: str, blow: Blow, code: str, retry: bool
) -> None:
    """I10: also in the middle of a replay, and before the first event."""
    await clean.store("acme", 50)
    epoch = clean.scope("acme")
    head = await clean.log.head(epoch)
    async with reading(clean, cursor=str(head.at(0))) as reader:
        await blow(clean, None)  # type: ignore[arg-type]
        await clean.edge.enforce()
        await eventually(lambda: reader.is_over)
        assert reader.events[-1].name == "goodbye"
        assert (reader.named("goodbye")[0]["code"], reader.named("goodbye")[0]["retry"]) == (code, retry)


async def test_a_right_that_ends_before_the_answer_begins_is_a_goodbye(clean: GatewayEdge) -> None:
    """I10."""
    stream, reader = await opened(clean), Reader()
    await clean.keys.revoke(clean.key_ids["acme"])
    await clean.edge.enforce()
    await asyncio.wait_for(stream({"type": "http"}, reader.receive, reader.send), 5)
    assert [event.name for event in reader.events] == ["goodbye"]


@pytest.mark.parametrize("can_abort", [False, True])
async def test_a_reader_that_stands_still_holds_up_nobody(sqlite_database: Database, can_abort: bool) -> None:
    """I7: what waits for it is bounded, and in the end it is let go."""
    options = replace(QUICK, buffer_bytes=20_000, batch_bytes=10_000, stall_s=0.3)
    async with gateway_edge(sqlite_database, options) as gateway:
        async with reading(gateway, can_abort=can_abort) as slow, reading(gateway) as quick:
            slow.may_read.clear()
            for _ in range(40):
                await gateway.publish("acme", 5, data=b'"%b"' % (b"x" * 1_000))
            await eventually(lambda: len(quick.seqs) == 200)
            backlogs = [session.door.backlog for session in gateway.edge._sessions._wheel]  # type: ignore[attr-defined]
            assert max(backlogs) <= 20_000 + 10_000 + 2_000
            await eventually(lambda: len(gateway.edge._sessions) == 1)
            assert gateway.counters.refused == {"slow_consumer": 1}
            assert slow.aborted == int(can_abort)
            assert len(slow.seqs) < 200
        await gateway.is_empty()


async def test_closing_the_edge_says_goodbye(sqlite_database: Database) -> None:
    async with gateway_edge(sqlite_database, QUICK) as gateway, reading(gateway) as reader:
        await gateway.edge.close()
        assert reader.is_over
        assert reader.named("goodbye")[0]["code"] == "shutting_down"
        assert await refused(gateway) == "shutting_down"


async def test_a_fault_of_the_transport_comes_out_and_leaves_nothing(clean: GatewayEdge) -> None:
    stream, reader = await opened(clean), Reader()

    async def failing(_message: Any) -> None:
        raise RuntimeError("no way out")

    with pytest.raises(RuntimeError, match="no way out"):
        await stream({"type": "http"}, reader.receive, failing)


async def test_storm_dampers_hold_streams_of_browsers_too(clean: GatewayEdge) -> None:
    await clean.limit("acme", live_per_minute=3, live_burst=3)
    signed = await clean.authenticator.bearer(await clean.token("acme"))
    async with reading(clean, principal=signed, wanted=Filter.of(EventFilter.of(["one"]))) as reader:
        await clean.publish("acme", 5)
        await eventually(lambda: reader.named("held"))
        assert reader.seqs == [1, 2, 3]
        assert reader.named("held")[0]["count"] == 2
