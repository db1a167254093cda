"""One link against the real Node server and against servers made by hand."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.support.evolution_peer import evolution_peer, recorded_envelopes
from tests.support.link_rig import QUICK, link_rig, reaches, target
from tests.support.raw_websocket import OPEN, RawSocket, frame, http, open_sockets, raw_server
from tests.support.simulator import until

from ponteio.model.event import RawFrame
from ponteio.model.link import GapKind, LinkState
from ponteio.observe.clock import utc_now

CONNECTED, PENDING = LinkState.CONNECTED, LinkState.NAMESPACE_PENDING
UNREACHABLE, AUTH_FAILED = LinkState.UNREACHABLE, LinkState.AUTH_FAILED


@pytest.fixture(autouse=True)
async def _nothing_is_left_open() -> AsyncIterator[None]:
    before, tasks = open_sockets(), len(asyncio.all_tasks())
    yield
    await until(lambda: open_sockets() <= before and len(asyncio.all_tasks()) <= tasks, timeout_s=3)


def whole(raw: RawFrame) -> Any:
    """The event in a frame, with its attachments put back as lists of numbers."""

    def restore(value: Any) -> Any:
        if isinstance(value, list):
            return [restore(each) for each in value]
        if isinstance(value, dict):
            if value.get("_placeholder") is True:
                return {"$bytes": list(raw.attachments[value["num"]])}
            return {name: restore(member) for name, member in value.items()}
        return value

    return restore(json.loads(raw.payload))


def envelope(number: int, instance: str = "alpha") -> dict[str, Any]:
    return {"event": "messages.upsert", "instance": instance, "data": {"number": number}}


def numbers(frames: list[RawFrame]) -> list[int]:
    return [json.loads(each.payload)[1]["data"]["number"] for each in frames]


async def everybody(peer: RawSocket) -> None:
    """Let everyone into whatever they ask for."""
    await peer.join()
    await peer.hang()


# The real server.


@pytest.mark.node
async def test_the_global_link_hears_the_recorded_traffic_of_a_real_evolution(tmp_path: Path) -> None:
    envelopes = recorded_envelopes()
    assert len(envelopes) > 10
    async with evolution_peer(key="right") as peer, link_rig(tmp_path, key="right") as rig:
        link = rig.link(peer.url)
        before = utc_now()
        link.want()
        await reaches(link, CONNECTED)
        for each in envelopes:
            await peer.emit(each)
        await until(lambda: len(rig.sink.frames) == len(envelopes))
        assert [json.loads(each.payload) for each in rig.sink.frames] == [[each["event"], each] for each in envelopes]
        assert all(each.target == target(None) and each.attachments == () for each in rig.sink.frames)
        times = [each.received_at for each in rig.sink.frames]
        assert before <= times[0]
        assert times == sorted(times)
        status = link.status()
        assert (status.events, status.last_event_at) == (len(envelopes), times[-1])
        assert await rig.gaps() == []


@pytest.mark.node
async def test_binary_events_come_whole_on_root_and_namespace(tmp_path: Path) -> None:
    data = {
        "message": {"mediaKey": {"$bytes": "AAEC/w=="}, "empty": {"$bytes": ""}},
        "list": [{"$bytes": "Zm9v"}, None, {"deep": {"thumbnail": {"$bytes": "YmFy"}}}],
        "text": "olá 😀",
    }
    async with evolution_peer() as peer, link_rig(tmp_path) as rig:
        await peer.emit(envelope(0))
        root, alpha = rig.link(peer.url), rig.link(peer.url, "alpha")
        for link in (root, alpha):
            link.want()
            await reaches(link, CONNECTED)
        await peer.emit({"event": "messages.upsert", "instance": "alpha", "data": data})
        await until(lambda: len(rig.sink.frames) == 2)
        for each in rig.sink.frames:
            assert each.attachments == (b"\x00\x01\x02\xff", b"", b"foo", b"bar")
            heard = whole(each)[1]["data"]
            assert heard["message"] == {"mediaKey": {"$bytes": [0, 1, 2, 255]}, "empty": {"$bytes": []}}
            assert heard["list"][2]["deep"]["thumbnail"] == {"$bytes": list(b"bar")}
            assert heard["text"] == "olá 😀"
        assert {each.target for each in rig.sink.frames} == {target(None), target("alpha")}


@pytest.mark.node
async def test_a_namespace_is_pending_until_its_first_event_on_one_transport(tmp_path: Path) -> None:
    """I8: what is lost until the namespace exists is a gap that ends with the join."""
    async with evolution_peer() as peer, link_rig(tmp_path) as rig:
        link = rig.link(peer.url, "alpha")
        link.want()
        status = await reaches(link, PENDING)
        assert status.reason == "invalid_namespace"
        heard = 0
        while heard < 5:
            heard = len((await peer.state())["heard"])
        assert len((await peer.state())["handshakes"]) == 1
        await peer.emit(envelope(1))
        await reaches(link, CONNECTED)
        await peer.emit(envelope(2))
        await until(lambda: rig.sink.frames)
        assert numbers(rig.sink.frames) == [2]
        (gap,) = await rig.gaps()
        assert (gap.kind, gap.target) == (GapKind.NAMESPACE_PENDING, target("alpha"))
        assert gap.to_at is not None
        assert [each.state for each in rig.statuses] == [LinkState.CONNECTING, PENDING, CONNECTED]


@pytest.mark.node
async def test_the_servers_close_of_a_pending_transport_is_quiet(tmp_path: Path) -> None:
    async with evolution_peer(connectTimeout=150) as peer, link_rig(tmp_path) as rig:
        link = rig.link(peer.url, "alpha")
        link.want()
        await reaches(link, PENDING)
        handshakes = 0
        while handshakes < 4:
            handshakes = len((await peer.state())["handshakes"])
        assert [each.state for each in rig.statuses] == [LinkState.CONNECTING, PENDING]
        assert len(await rig.gaps()) == 1
        await peer.emit(envelope(1))
        await reaches(link, CONNECTED)


@pytest.mark.node
async def test_odd_names_are_joined_raw(tmp_path: Path) -> None:
    names = ["Loja Centro", "ação", "a/b", "a?b", "a#b", "a%20b", "emoji😀", "trail ", "UPPER", "upper", "/", '"', "["]
    async with evolution_peer(globalEvents=False) as peer, link_rig(tmp_path) as rig:
        links = [rig.link(peer.url, name) for name in names]
        for name, link in zip(names, links, strict=True):
            await peer.emit(envelope(1, name))
            link.want()
        for name, link in zip(names, links, strict=True):
            await reaches(link, CONNECTED)
            await peer.emit(envelope(2, name))
        await until(lambda: len(rig.sink.frames) == len(names))
        assert [each.target for each in rig.sink.frames] == [target(name) for name in names]


@pytest.mark.parametrize("name", ["a,b", "", "half \ud800"])
async def test_a_name_without_a_namespace_is_unlinkable_and_never_dialled(tmp_path: Path, name: str) -> None:
    visits: list[bytes] = []

    async def serve(peer: RawSocket) -> None:
        visits.append(await peer.request())

    async with raw_server(serve) as url, link_rig(tmp_path) as rig:
        link = rig.link(url, name)
        link.want()
        assert link.status().state is LinkState.UNLINKABLE
        await asyncio.sleep(0.1)
        assert visits == []
        link.unwant()


@pytest.mark.node
async def test_a_restart_loses_only_what_was_emitted_while_down_and_leaves_a_gap(tmp_path: Path) -> None:
    """I8: the outage has a row from what was last heard to the next join."""
    async with evolution_peer() as peer, link_rig(tmp_path) as rig:
        link = rig.link(peer.url)
        link.want()
        await reaches(link, CONNECTED)
        for turn in range(3):
            await peer.emit(envelope(turn))
            await rig.sink.holds(turn + 1)
            last = rig.sink.frames[-1].received_at
            await peer.tell("restart", down_ms=200)
            await reaches(link, CONNECTED)
            gap = (await rig.gaps())[-1]
            assert (gap.kind, gap.from_at) == (GapKind.LINK_DOWN, last)
            assert gap.to_at is not None
            assert gap.to_at - gap.from_at >= timedelta(milliseconds=150)
        assert link.status().reconnects == 3
        assert numbers(rig.sink.frames) == [0, 1, 2]
        assert UNREACHABLE in {each.state for each in rig.statuses}


@pytest.mark.node
async def test_a_namespace_is_taken_again_after_a_restart(tmp_path: Path) -> None:
    async with evolution_peer() as peer, link_rig(tmp_path) as rig:
        await peer.emit(envelope(1))
        link = rig.link(peer.url, "alpha")
        link.want()
        await reaches(link, CONNECTED)
        await peer.tell("restart")
        await reaches(link, PENDING)
        await peer.emit(envelope(2))
        await reaches(link, CONNECTED)
        await peer.emit(envelope(3))
        await until(lambda: rig.sink.frames)
        assert numbers(rig.sink.frames) == [3]
        outage, pending = await rig.gaps()
        assert [outage.kind, pending.kind] == [GapKind.LINK_DOWN, GapKind.NAMESPACE_PENDING]
        assert outage.to_at is not None
        assert abs(pending.from_at - outage.to_at) < timedelta(milliseconds=50)
        assert pending.to_at is not None


@pytest.mark.node
async def test_a_link_kicked_out_of_its_namespace_comes_back_on_the_same_transport(tmp_path: Path) -> None:
    async with evolution_peer() as peer, link_rig(tmp_path) as rig:
        await peer.emit(envelope(1))
        link = rig.link(peer.url, "alpha")
        link.want()
        await reaches(link, CONNECTED)
        for _ in range(3):
            await peer.tell("kick", namespace="/alpha")
            await until(lambda: link.status().reason == "namespace_left")
            await reaches(link, CONNECTED)
        assert len((await peer.state())["handshakes"]) == 1


@pytest.mark.node
async def test_a_wrong_key_says_auth_failed_and_comes_back_when_it_is_right(tmp_path: Path) -> None:
    async with evolution_peer(key="right") as peer, link_rig(tmp_path, key="wrong") as rig:
        link = rig.link(peer.url)
        link.want()
        assert (await reaches(link, AUTH_FAILED)).reason == "key_invalid"
        await until(lambda: link.status().attempts >= 3)
        assert {each.state for each in rig.statuses} == {LinkState.CONNECTING, AUTH_FAILED}
        await peer.tell("set", options={"key": "wrong"})
        await reaches(link, CONNECTED)
        assert link.status().attempts == 0


@pytest.mark.node
async def test_connecting_by_hand_does_not_wait_out_the_back_off(tmp_path: Path) -> None:
    slow = replace(QUICK, auth_base_s=100.0, auth_cap_s=300.0)
    async with evolution_peer(key="right") as peer, link_rig(tmp_path, key="wrong", retry=slow) as rig:
        link = rig.link(peer.url)
        link.want()
        await reaches(link, AUTH_FAILED)
        await peer.tell("set", options={"key": "wrong"})
        link.want()
        await reaches(link, CONNECTED, timeout_s=3)
        link.want()
        assert link.status().state is CONNECTED
        assert len((await peer.state())["handshakes"]) == 2


@pytest.mark.node
async def test_a_server_without_websocket_is_told_from_one_that_is_away(tmp_path: Path) -> None:
    async with evolution_peer(disabled=True) as peer, link_rig(tmp_path) as rig:
        link = rig.link(peer.url)
        link.want()
        status = await reaches(link, LinkState.UPSTREAM_DISABLED)
        assert status.detail is not None
        assert "WEBSOCKET_ENABLED=true" in status.detail
        await peer.tell("down")
        await reaches(link, UNREACHABLE)
        await peer.tell("set", options={"disabled": False})
        await peer.tell("up")
        await reaches(link, CONNECTED)


@pytest.mark.node
async def test_a_frozen_server_is_noticed_and_its_return_too(tmp_path: Path) -> None:
    impatient = replace(QUICK, handshake_s=0.4)
    async with evolution_peer(pingInterval=400, pingTimeout=600) as peer, link_rig(tmp_path, retry=impatient) as rig:
        link = rig.link(peer.url)
        link.want()
        await reaches(link, CONNECTED)
        peer.freeze()
        await until(lambda: link.status().reason == "ping_timeout")
        assert (await reaches(link, UNREACHABLE)).reason == "handshake_timeout"
        peer.thaw()
        await reaches(link, CONNECTED)
        (gap,) = await rig.gaps()
        assert gap.to_at is not None
        assert gap.to_at - gap.from_at >= timedelta(seconds=1)


@pytest.mark.node
async def test_all_that_the_server_ever_hears_is_connect_disconnect_and_pong(tmp_path: Path) -> None:
    """I12: seen from the server, the link joins, answers pings, and says nothing else."""
    async with evolution_peer(pingInterval=100, pingTimeout=2000) as peer, link_rig(tmp_path) as rig:
        link = rig.link(peer.url, "alpha")
        link.want()
        await reaches(link, PENDING)
        await peer.emit(envelope(1))
        await reaches(link, CONNECTED)
        heard: list[dict[str, Any]] = []
        while sum(each["type"] == "pong" for each in heard) < 3:
            heard = (await peer.state())["heard"]
        assert {(each["type"], each["data"]) for each in heard} == {("message", "0/alpha,"), ("pong", None)}
        (handshake,) = (await peer.state())["handshakes"]
        assert handshake["extensions"] is None
        link.unwant()
        await link.wait_closed()
        while (await peer.state())["tcp"]:
            pass


@pytest.mark.node
async def test_a_frame_of_20_mb_and_30000_attachments_pass_and_disturb_no_other_link(tmp_path: Path) -> None:
    async with evolution_peer(globalEvents=False) as peer, link_rig(tmp_path) as rig:
        for name in ("big", "small"):
            await peer.emit(envelope(0, name))
            link = rig.link(peer.url, name)
            link.want()
            await reaches(link, CONNECTED)
        await peer.tell("big", instance="big", bytes=20 * 1024 * 1024)
        await peer.emit(envelope(1, "small"))
        await peer.tell("attachments", instance="big", count=30_000, bytes=32)
        await peer.emit(envelope(2, "small"))
        await until(lambda: len(rig.sink.frames) == 4, timeout_s=30)
        big = [each for each in rig.sink.frames if each.target == target("big")]
        assert [each.size > 20 * 1024 * 1024 for each in big] == [True, False]
        assert len(big[1].attachments) == 30_000
        assert big[1].attachments[300] == bytes([300 % 256]) * 32
        assert numbers([each for each in rig.sink.frames if each.target == target("small")]) == [1, 2]
        assert await rig.gaps() == []


@pytest.mark.node
async def test_an_oversize_frame_is_counted_leaves_a_gap_and_the_link_returns(tmp_path: Path) -> None:
    """I8: a frame that is too large leaves a row of its own kind, and the outage it causes another."""
    async with evolution_peer() as peer, link_rig(tmp_path, max_frame_bytes=100_000) as rig:
        link = rig.link(peer.url)
        link.want()
        await reaches(link, CONNECTED)
        await peer.tell("big", instance="alpha", bytes=200_000)
        await until(lambda: link.status().reconnects == 1)
        assert rig.counters.refused == {"oversize_frame": 1}
        await peer.tell("attachments", instance="alpha", count=30, bytes=5000)
        await peer.emit(envelope(1))
        await until(lambda: rig.sink.frames)
        assert link.status().reconnects == 1
        assert rig.counters.refused == {"oversize_frame": 2}
        kinds = [gap.kind for gap in await rig.gaps()]
        assert kinds == [GapKind.OVERSIZE, GapKind.LINK_DOWN, GapKind.OVERSIZE]


@pytest.mark.node
async def test_a_flood_arrives_complete_and_in_order_through_a_full_sink(tmp_path: Path) -> None:
    """I9: the link reads no further while the sink is full, drops nothing, and order survives."""
    count = 5000
    async with evolution_peer() as peer, link_rig(tmp_path, full_at=200) as rig:
        link = rig.link(peer.url)
        link.want()
        await reaches(link, CONNECTED)
        flood = asyncio.ensure_future(peer.tell("burst", instance="alpha", count=count, size=2000, namespaces=False))
        taken: list[RawFrame] = []
        while len(taken) < count:
            await until(lambda: rig.sink.frames)
            await asyncio.sleep(0.005)
            taken += rig.sink.make_room()
        await flood
        assert numbers(taken) == list(range(1, count + 1))
        assert rig.sink.most < 200 + 300  # what one read of 256 KiB can hold beyond the bound
        assert rig.counters.total("upstream_pauses") > 1
        assert link.status().reconnects == 0


@pytest.mark.node
async def test_a_server_that_loses_patience_with_a_full_sink_leaves_a_gap(tmp_path: Path) -> None:
    """I8: the gap begins when we stopped reading, not when we read on and the kernel's leftovers came out."""
    async with evolution_peer(pingInterval=150, pingTimeout=150) as peer, link_rig(tmp_path, full_at=10) as rig:
        link = rig.link(peer.url)
        link.want()
        await reaches(link, CONNECTED)
        await peer.tell("burst", instance="alpha", count=20, size=10, namespaces=False)
        await until(lambda: rig.sink.waiting)
        paused_at = utc_now()
        while (await peer.joined("/")) > 0:
            pass
        assert link.status().state is CONNECTED
        taken: list[RawFrame] = []
        while link.status().reconnects == 0:
            taken += rig.sink.make_room()
            await asyncio.sleep(0.001)
        assert numbers(taken) == list(range(1, 21))
        (gap,) = await rig.gaps()
        assert gap.kind is GapKind.LINK_DOWN
        assert gap.from_at <= paused_at


async def test_no_step_of_the_loop_passes_between_the_read_and_the_sink(tmp_path: Path) -> None:
    """I9: when the read that brought events returns, all of them are in the sink, with the time of that read."""
    async with raw_server(everybody) as url, link_rig(tmp_path) as rig:
        link = rig.link(url)
        link.want()
        await reaches(link, CONNECTED)
        assert link._connection is not None
        before = utc_now()
        link._connection._transport.data_received(b"".join(frame(0x1, b'42["e",%d]' % each) for each in range(100)))
        assert [each.payload for each in rig.sink.frames] == [b'["e",%d]' % each for each in range(100)]
        (received_at,) = {each.received_at for each in rig.sink.frames}
        assert before <= received_at <= utc_now()


# Servers that no library would make.


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (http("502 Bad Gateway", b"<html>"), UNREACHABLE, "http_502"),
        (b"garbage\r\n", UNREACHABLE, "not_http"),
        (b"", UNREACHABLE, "connection_reset"),
        (http("400 Bad Request", b"apiKey is required"), AUTH_FAILED, "key_required"),
    ],
)
async def test_garbage_is_survived_and_the_link_comes_up_once_it_ends(
    tmp_path: Path, answer: bytes, state: LinkState, reason: str
) -> None:
    visits = 0

    async def serve(peer: RawSocket) -> None:
        nonlocal visits
        visits += 1
        if visits < 4:
            await peer.request()
            peer.send(answer)
        else:
            await peer.join()
            await peer.hang()

    async with raw_server(serve) as url, link_rig(tmp_path) as rig:
        link = rig.link(url)
        link.want()
        assert (await reaches(link, state)).reason == reason
        await reaches(link, CONNECTED)
        assert visits == 4


@pytest.mark.parametrize(
    "messages",
    [
        ["0not json"],
        ["0{}"],
        ["2"],
        [OPEN, "x"],
        [OPEN, "45?-[]"],
        ['0{"sid":"a","pingInterval":-1,"pingTimeout":1}'],
    ],
)
async def test_malformed_handshakes_are_survived(tmp_path: Path, messages: list[str]) -> None:
    visits = 0

    async def serve(peer: RawSocket) -> None:
        nonlocal visits
        visits += 1
        if visits < 3:
            await peer.upgrade(then=b"".join(frame(0x1, each.encode()) for each in messages))
        else:
            await peer.join()
        await peer.hang()

    async with raw_server(serve) as url, link_rig(tmp_path) as rig:
        link = rig.link(url)
        link.want()
        assert (await reaches(link, UNREACHABLE)).reason == "protocol_fault"
        await reaches(link, CONNECTED)


@pytest.mark.parametrize("stage", ["accept", "upgrade", "open"])
async def test_a_server_that_stops_answering_is_given_up_in_time_and_dialled_again(tmp_path: Path, stage: str) -> None:
    visits = 0

    async def serve(peer: RawSocket) -> None:
        nonlocal visits
        visits += 1
        if visits > 1:
            await peer.join()
        elif stage == "upgrade":
            await peer.upgrade()
        elif stage == "open":
            await peer.open()
        await peer.hang()

    async with raw_server(serve) as url, link_rig(tmp_path, retry=replace(QUICK, handshake_s=0.3)) as rig:
        link = rig.link(url)
        link.want()
        assert (await reaches(link, UNREACHABLE)).reason == "handshake_timeout"
        await reaches(link, CONNECTED)


async def test_a_reset_in_the_middle_of_a_frame_is_survived(tmp_path: Path) -> None:
    visits = 0

    async def serve(peer: RawSocket) -> None:
        nonlocal visits
        visits += 1
        await peer.join()
        peer.text('42["whole"]')
        peer.send(frame(0x1, b'42["half"]')[:6])
        await peer.writer.drain()
        if visits < 3:
            await asyncio.sleep(0.02)
            peer.reset()
        await peer.hang()

    async with raw_server(serve) as url, link_rig(tmp_path) as rig:
        link = rig.link(url)
        link.want()
        await until(lambda: link.status().reconnects == 2)
        await until(lambda: len(rig.sink.frames) == 3)
        assert {each.payload for each in rig.sink.frames} == {b'["whole"]'}


async def test_packets_of_foreign_namespaces_are_counted_and_go_nowhere(tmp_path: Path) -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.join()
        for message in ('42/beta,["e"]', '42["root"]', "41/beta,", "40/beta,{}", '42/alpha,["mine"]'):
            peer.text(message)
        await peer.hang()

    async with raw_server(serve) as url, link_rig(tmp_path) as rig:
        link = rig.link(url, "alpha")
        link.want()
        await until(lambda: rig.sink.frames)
        assert [each.payload for each in rig.sink.frames] == [b'["mine"]']
        assert rig.counters.total("upstream_stray_packets") == 4
        assert link.status().state is CONNECTED


@pytest.mark.parametrize("moment", range(6))
async def test_a_link_that_is_not_wanted_any_more_leaves_nothing_whenever_that_is(tmp_path: Path, moment: int) -> None:
    async with raw_server(everybody) as url, link_rig(tmp_path) as rig:
        link = rig.link(url)
        link.want()
        for _ in range(moment * 3):
            await asyncio.sleep(0)
        link.unwant()
        assert link.status().state is LinkState.OFF
        await link.wait_closed()
        assert link.is_closed
        heard = len(rig.statuses)
        await asyncio.sleep(0.05)
        assert len(rig.statuses) == heard
        link.want()
        await reaches(link, CONNECTED)


async def test_a_stop_of_the_gateway_leaves_a_gap_that_the_next_one_closes(tmp_path: Path) -> None:
    async with raw_server(everybody) as url, link_rig(tmp_path) as rig:
        first = rig.link(url)
        first.want()
        await reaches(first, CONNECTED)
        first.halt()
        await first.wait_closed()
        (open_gap,) = await rig.gaps()
        assert (open_gap.kind, open_gap.to_at) == (GapKind.LINK_DOWN, None)
        second = rig.link(url, adopted=GapKind.LINK_DOWN)
        second.want()
        await reaches(second, CONNECTED)
        (closed,) = await rig.gaps()
        assert closed.from_at == open_gap.from_at
        assert closed.to_at is not None


async def test_the_log_tells_of_the_link_and_never_of_content(tmp_path: Path) -> None:
    visits = 0

    async def serve(peer: RawSocket) -> None:
        nonlocal visits
        visits += 1
        await peer.join()
        peer.text('42/alpha,["tok-canary"]')
        if visits > 1:
            await peer.hang()

    logging.getLogger("ponteio").setLevel(logging.DEBUG)
    try:
        with structlog.testing.capture_logs() as lines:
            async with raw_server(serve) as url, link_rig(tmp_path, key="s3cret") as rig:
                link = rig.link(url, "alpha")
                link.want()
                await until(lambda: link.status().reconnects == 1)
    finally:
        logging.getLogger("ponteio").setLevel(logging.NOTSET)
    told = [line["event"] for line in lines]
    assert {"link connected", "event received", "link error"} <= set(told)
    for line in lines:
        assert (line["instance"], line["link"]) == ("alpha", "instance")
    (error,) = (line for line in lines if line["event"] == "link error")
    assert {"organization", "attempt", "duration_s", "reason", "detail"} <= set(error)
    assert "tok-canary" not in repr(lines)
    assert "s3cret" not in repr(lines)
