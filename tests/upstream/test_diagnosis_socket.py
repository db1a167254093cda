"""Knocking at Socket.IO: what each answer is taken for. The rest is in test_diagnosis.py, over real sockets."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest
from tests.support.diagnosis_rig import Answer, Given, always, answering, broken, said, subject
from tests.support.raw_websocket import OPEN, RawSocket, raw_server

from ponteio.model.diagnosis import Asked
from ponteio.model.link import LinkState, LinkStatus, LinkTarget
from ponteio.observe.clock import utc_now
from ponteio.upstream import diagnosis_socket as socketio
from ponteio.upstream.diagnosis_records import Seen, SeenEvent
from ponteio.upstream.diagnosis_rest import InstanceRow
from ponteio.upstream.diagnosis_walk import Walk
from ponteio.upstream.evolution_answers import WebsocketSettings

REFUSED = {"code": 4, "message": "Invalid global token"}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (always(400, json={"code": 0, "message": "Transport unknown"}), "ok:on"),
        (always(404, json={"response": {"message": ["Cannot GET /socket.io/?EIO=4"]}}), "fail:off"),
        (always(404, html="<html>"), "fail:kept_back"),
        (broken(httpx2.ReadError("x")), "fail:broken"),
    ],
)
async def test_whether_there_is_socketio(answer: Answer, expected: str) -> None:
    async with answering(answer) as walk:
        assert said(await socketio.websocket(walk)) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (always(403, json=REFUSED), "fail:key_refused"),
        (always(400, json={"code": 3}), "warn:other"),
        (always(200, content=b'0{"sid":"x","pingInterval":25000}'), "ok:opened"),
        (always(200, content=b'0{"sid":"x","pingInterval":"?"}'), "ok:opened"),
    ],
)
async def test_a_handshake_over_plain_http(answer: Answer, expected: str) -> None:
    async with answering(answer) as walk:
        assert said(await socketio.polling(walk)) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (always(403, json=REFUSED), "ok:closed"),
        (always(502, html=""), "skipped:untold"),
        (always(200, content=b'0{"sid":"x"}'), "warn:listed"),
    ],
)
async def test_who_has_no_key(answer: Answer, expected: str) -> None:
    async with answering(answer) as walk:
        assert said(await socketio.open_door(walk)) == expected


async def test_a_websocket_that_fails_where_nothing_else_works_either() -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.request()

    async with raw_server(serve) as url:
        walk = Walk(subject(url), Asked("a"))
        assert said(await socketio.upgrade(walk)) == "fail:failed"
        await walk.close()


async def test_a_websocket_over_which_nobody_speaks_socketio() -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.upgrade()
        peer.text("garbage")
        await peer.hang()

    async with raw_server(serve) as url:
        walk = Walk(subject(url), Asked("a"))
        walk.polling_works = True
        assert said(await socketio.upgrade(walk)) == "fail:stripped"
        await walk.close()


@pytest.mark.parametrize(
    ("messages", "global_events", "expected"),
    [
        (['44/a,{"message":"go away"}'], False, "fail:refused"),
        (["1"], False, "fail:lost"),
        (["40/a,"], False, "ok:joined"),
        (['44{"message":"go away"}'], True, "fail:refused"),
        (["1"], True, "fail:lost"),
    ],
)
async def test_joining(messages: list[str], global_events: bool, expected: str) -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.upgrade()
        for message in (OPEN, *messages):
            peer.text(message)
        await peer.hang()

    async with raw_server(serve) as url:
        walk = Walk(subject(url, global_events=global_events), Asked("a"))
        assert said(await socketio.upgrade(walk)) == "ok:opened"
        assert said(await socketio.namespace(walk)) == expected
        await walk.close()


async def test_a_comma_is_no_namespace() -> None:
    walk = Walk(subject("http://evo"), Asked("a,b"))
    assert said(await socketio.namespace(walk)) == "fail:comma"
    await walk.close()


ON, OFF = WebsocketSettings(True, ("CALL",)), WebsocketSettings(False, ())
HEARD = Seen(True, events=(SeenEvent("call", None, utc_now(), None),))


@pytest.mark.parametrize(
    ("row", "seen", "expected"),
    [
        (InstanceRow("a", "WHATSAPP-BAILEYS", None, OFF), HEARD, "warn:pending_off"),
        (InstanceRow("a", "WHATSAPP-BAILEYS", None, None), HEARD, "warn:pending_off"),
        (InstanceRow("a", "EVOLUTION", None, ON), HEARD, "warn:pending_restart"),
        (InstanceRow("a", "EVOLUTION", None, ON), Seen(), "warn:pending_quiet"),
        (InstanceRow("a", "WHATSAPP-BAILEYS", None, ON), Seen(), "warn:pending_new"),
        (None, Seen(), "warn:pending_new"),
    ],
)
async def test_why_a_namespace_is_not_there_yet(row: InstanceRow | None, seen: Seen, expected: str) -> None:
    async with answering(always(200), records=Given(seen)) as walk:
        walk.row = row
        assert said(await socketio._pending(walk)) == expected
        assert walk.is_pending


@pytest.mark.parametrize(
    ("ago", "expected"),
    [(timedelta(minutes=1), "ok:on"), (timedelta(hours=1), "skipped:quiet"), (None, "skipped:quiet")],
)
async def test_the_root_is_known_to_speak_when_it_did_so_lately(
    ago: timedelta | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socketio, "GLOBAL_LISTEN_S", 0.01)
    heard_at = None if ago is None else utc_now() - ago
    status = LinkStatus(LinkTarget("main"), LinkState.CONNECTED, utc_now(), last_event_at=heard_at)
    walk = Walk(subject("http://evo", global_events=True, status_of=lambda _target: status), Asked("a"))
    assert said(await socketio.global_mode(walk)) == expected
    await walk.close()


async def test_without_a_gateway_only_what_is_heard_now_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socketio, "GLOBAL_LISTEN_S", 0.01)
    walk = Walk(subject("http://evo", global_events=True), Asked("a"))
    assert said(await socketio.global_mode(walk)) == "skipped:quiet"
    walk.ear.namespaces["/"].count = 1
    assert said(await socketio.global_mode(walk)) == "ok:on"
    assert replace(walk.subject, global_events=False).global_events is False
    await walk.close()
