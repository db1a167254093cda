from __future__ import annotations

import asyncio

import aiohttp
import pytest
from tests.live.raw_clients import PATH, raw_websocket
from tests.support.gateway_edge import GatewayEdge, eventually
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from ponteio.live import websocket
from ponteio.live.websocket import DirectWebSocket, text_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 300_000])
def test_a_frame_is_what_the_websockets_library_would_have_written(size: int) -> None:
    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


def test_only_a_bound_send_of_ours_leads_to_a_connection() -> None:
    async def send(_message: object) -> None:
        """Somebody's middleware."""

    assert DirectWebSocket.behind(send) is None
    assert DirectWebSocket.behind(ServerProtocol(state=State.OPEN).send_text) is None


async def test_compression_is_never_negotiated_as_frames_are_shared(gateway: GatewayEdge) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{gateway.url}{PATH}websocket", compress=15) as ws:
        assert ws.compress == 0


async def test_a_refused_handshake_is_no_error_of_ours(gateway: GatewayEdge, caplog: pytest.LogCaptureFixture) -> None:
    """Anybody can be refused at any rate: it is counted, and does not fill the log."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with raw_websocket(gateway.url, Origin="https://evil.example"):
            pass
    assert caught.value.status == 403
    assert gateway.counters.refused == {"origin_refused": 1}
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


async def test_a_peer_that_pings_without_reading_is_cut_off(
    gateway: GatewayEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I7: uvicorn answers pings into a buffer that nothing bounds."""
    monkeypatch.setattr(websocket, "PONG_BUFFER_BYTES", 64 * 1024)
    async with raw_websocket(gateway.url) as client:
        transport = client.ws._response.connection.transport  # type: ignore[union-attr]
        assert transport is not None
        transport.pause_reading()
        flood = Frame(Opcode.PING, b"x" * 125).serialize(mask=True) * 1_000
        while not transport.is_closing() and gateway.leftovers().get("sessions"):
            transport.write(flood)
            await asyncio.sleep(0.001)
    await eventually(lambda: not gateway.leftovers(), why=gateway.leftovers)
