"""Raw answers, and what they are recognised as."""

from __future__ import annotations

import httpx2
import orjson
import pytest
from tests.support.simulator import running_simulator, until

from ponteio.model import outcome
from ponteio.model.outcome import RefusalError
from ponteio.outbound.connector import OPERATORS_WORD
from ponteio.outbound.http_client import HttpAnswer, HttpOptions
from ponteio.upstream.diagnosis_rest import (
    RestProbe,
    is_cors,
    is_evolutions,
    is_licence,
    json_of,
    segment,
)

OPTIONS = HttpOptions(connector=OPERATORS_WORD)


def answer(status: int, body: bytes) -> HttpAnswer:
    return HttpAnswer(status, "application/json", body)


async def test_tokens_of_rows_go_where_secrets_are_kept_and_nowhere_else() -> None:
    """I5: of the list of instances a diagnosis keeps no token."""
    secrets: list[str] = []
    async with running_simulator(instances=2) as simulator:
        probe = RestProbe(simulator.url, simulator.api_key, OPTIONS, secrets.append)
        found, rows = await probe.rows()
        await probe.close()
        assert found.status == 200
        assert [row.name for row in rows] == ["loja-01", "loja-02"]
        assert [row.integration for row in rows] == ["WHATSAPP-BAILEYS", "EVOLUTION"]
        assert secrets == [each.token for each in simulator.world]
        assert all(str(token) not in repr(rows) for token in secrets)


async def test_a_session_that_was_opened_is_closed_again() -> None:
    async with running_simulator(instances=0) as simulator:
        probe = RestProbe(simulator.url, "", OPTIONS, lambda _secret: None)
        found, handshake = await probe.open_session()
        await probe.close()
        assert found.status == 200
        assert handshake is not None
        assert handshake["upgrades"] == ["websocket"]
        await until(lambda: simulator.summary()["sessions"] == 0)


@pytest.mark.parametrize("body", [b"<html>", b'0{"sid":"', b"0[]", b"1", b'0{"none":1}', b""])
async def test_what_is_no_handshake_is_none(body: bytes) -> None:
    transport = httpx2.MockTransport(lambda _request: httpx2.Response(200, content=body))
    probe = RestProbe("http://evo", "", HttpOptions(transport=transport), lambda _secret: None)
    _, handshake = await probe.open_session()
    assert handshake is None


async def test_odd_rows_are_left_out() -> None:
    rows = [{"name": 1}, None, {"name": "a", "token": 5, "number": ""}, {"integration": "x"}]
    transport = httpx2.MockTransport(lambda _request: httpx2.Response(200, content=orjson.dumps(rows)))
    probe = RestProbe("http://evo", "", HttpOptions(transport=transport), lambda _secret: None)
    _, found = await probe.rows(instanceName="a&b=c")
    assert [(row.name, row.integration, row.number, row.websocket) for row in found] == [("a", "?", None, None)]


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_no_path_carries_is_refused(name: str) -> None:
    with pytest.raises(RefusalError) as refused:
        segment(name)
    assert refused.value.outcome is outcome.INVALID_NAME
    assert segment("a/b ?") == "a%2Fb%20%3F"


def test_answers_are_known_by_their_shape() -> None:
    assert json_of(answer(200, b"[1]")) == [1]
    assert json_of(answer(200, b"<html>")) is None
    assert is_evolutions(answer(404, b'{"status":404,"error":"Not Found","response":{}}'))
    assert not is_evolutions(answer(404, b'{"message":"no"}'))
    assert is_licence(answer(503, b'{"code":"LICENSE_REQUIRED"}'))
    assert not is_licence(answer(503, b"[]"))
    assert is_cors(answer(500, b'{"response":{"message":["Not allowed by CORS"]}}'))
    assert not is_cors(answer(500, b"{}"))
