"""The table of who may connect, on both transports, against a running simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from tests.support.simulator import raw_client, running_simulator
from websockets.exceptions import InvalidStatus

from ponteio.simulator import Simulator
from ponteio.simulator.handshake import parse_allowed_hosts

KEY_REQUIRED, KEY_INVALID = "apiKey is required", "Invalid global token"


@pytest.fixture
async def strict() -> AsyncIterator[Simulator]:
    """A simulator that does not know our address, so that a key is looked at."""
    async with running_simulator(allowed_hosts="10.9.9.9", instances=2) as simulator:
        yield simulator


@pytest.fixture
async def lenient() -> AsyncIterator[Simulator]:
    async with running_simulator(instances=1) as simulator:
        yield simulator


async def poll(
    simulator: Simulator, query: str = "", headers: dict[str, str] | None = None, method: str = "GET", eio: str = "4"
) -> tuple[int, str]:
    url = f"{simulator.url}/socket.io/?EIO={eio}&transport=polling{query}"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers) as answer,
    ):
        return answer.status, await answer.text()


async def refusal_on_websocket(simulator: Simulator, query: str = "", headers: dict[str, str] | None = None) -> str:
    with pytest.raises(InvalidStatus) as refusal:
        async with raw_client(simulator, query=query, headers=headers):
            pass
    response = refusal.value.response
    assert (response.status_code, response.headers["content-type"]) == (400, "text/html")
    return bytes(response.body or b"").decode()


@pytest.mark.parametrize("query", ["", "&apikey=wrong", "&apikey="])
async def test_an_allowed_host_connects_whatever_its_key(lenient: Simulator, query: str) -> None:
    assert (await poll(lenient, query))[0] == 200
    async with raw_client(lenient, query=query) as client:
        assert (await client.join()).startswith('40{"sid":')


@pytest.mark.parametrize(
    ("query", "headers", "message"),
    [
        ("", {}, KEY_REQUIRED),
        ("&apikey=", {}, KEY_REQUIRED),
        ("", {"apikey": ""}, KEY_REQUIRED),
        ("&apikey=wrong", {}, KEY_INVALID),
        ("", {"apikey": "wrong"}, KEY_INVALID),
        ("&apikey=wrong", {"apikey": "GLOBAL"}, KEY_INVALID),
        ("", {"authorization": "Bearer GLOBAL"}, KEY_REQUIRED),
    ],
)
async def test_a_refusal_is_json_on_polling_and_bare_text_on_websocket(
    strict: Simulator, query: str, headers: dict[str, str], message: str
) -> None:
    real = {name: value.replace("GLOBAL", strict.api_key) for name, value in headers.items()}
    assert await poll(strict, query, real) == (403, f'{{"code":4,"message":"{message}"}}')
    assert await refusal_on_websocket(strict, query, real) == message


async def test_the_global_key_and_any_instances_token_open_root_and_every_namespace(strict: Simulator) -> None:
    strict.emit("loja-01", "call", {})
    token = strict.instance("loja-02").token
    for key in (strict.api_key, token):
        assert (await poll(strict, f"&apikey={key}"))[0] == 200
        async with raw_client(strict, query=f"&apikey={key}") as client:
            assert (await client.join()).startswith("40{")
            assert (await client.join("/loja-01")).startswith("40/loja-01,{")


async def test_the_querys_key_wins_over_the_headers(strict: Simulator) -> None:
    async with raw_client(strict, query=f"&apikey={strict.api_key}", headers={"apikey": "wrong"}) as client:
        assert (await client.join()).startswith("40{")


async def test_the_key_in_the_connect_packet_is_not_read(strict: Simulator) -> None:
    assert await refusal_on_websocket(strict) == KEY_REQUIRED


async def test_a_deleted_instances_token_opens_nothing_but_its_open_socket_stays(strict: Simulator) -> None:
    token = strict.instance("loja-02").token
    async with raw_client(strict, headers={"apikey": str(token)}) as client:
        await client.join()
        strict.world.remove("loja-02")
        assert await refusal_on_websocket(strict, headers={"apikey": str(token)}) == KEY_INVALID
        strict.emit("loja-01", "call", {})
        await client.frame(lambda frame: frame.startswith('42["call"'))


async def test_refused_keys_shut_the_door_for_everybody(lenient: Simulator) -> None:
    lenient.refuse_key()
    assert await refusal_on_websocket(lenient, f"&apikey={lenient.api_key}") == KEY_INVALID
    lenient.refuse_key(False)
    assert (await poll(lenient))[0] == 200


@pytest.mark.parametrize(
    ("query", "method", "eio", "status", "body"),
    [
        ("", "GET", "3", 400, '{"code":5,"message":"Unsupported protocol version"}'),
        ("&sid=unknown", "GET", "4", 400, '{"code":1,"message":"Session ID unknown"}'),
        ("", "POST", "4", 400, '{"code":2,"message":"Bad handshake method"}'),
    ],
)
async def test_engine_io_refuses_what_is_no_handshake(
    lenient: Simulator, query: str, method: str, eio: str, status: int, body: str
) -> None:
    assert await poll(lenient, query, method=method, eio=eio) == (status, body)


@pytest.mark.parametrize(
    ("transport", "body"),
    [("smoke", '{"code":0,"message":"Transport unknown"}'), ("websocket", '{"code":3,"message":"Bad request"}')],
)
async def test_a_wrong_transport_is_refused(lenient: Simulator, transport: str, body: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{lenient.url}/socket.io/?EIO=4&transport={transport}") as answer,
    ):
        assert (answer.status, await answer.text()) == (400, body)


async def test_protocol_three_is_refused_on_websocket_too(lenient: Simulator) -> None:
    with pytest.raises(InvalidStatus):
        async with raw_client(lenient, eio="3"):
            pass


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("", {"127.0.0.1", "::1", "::ffff:127.0.0.1"}),
        (" , ", {"127.0.0.1", "::1", "::ffff:127.0.0.1"}),
        ("10.0.0.1 , 10.0.0.2", {"10.0.0.1", "10.0.0.2"}),
        ("*", {"*"}),
        ("localhost", {"localhost"}),
    ],
)
def test_allowed_hosts_are_exact_texts(text: str, hosts: set[str]) -> None:
    assert parse_allowed_hosts(text) == hosts


@pytest.mark.parametrize(("hosts", "status"), [("*", 200), ("localhost", 403), ("127.0.0.0/8", 403)])
async def test_only_the_peers_own_address_or_a_star_matches(hosts: str, status: int) -> None:
    async with running_simulator(allowed_hosts=hosts, instances=0) as simulator:
        headers = {"x-forwarded-for": "10.9.9.9"}
        assert (await poll(simulator, headers=headers))[0] == status
