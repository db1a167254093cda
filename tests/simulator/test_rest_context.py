"""The guards: existence before the key, the key, and what the query does behind their back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from tests.support.simulator import RestClient, running_simulator

from ponteio.simulator import Simulator


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with running_simulator(instances=2) as running:
        yield running


@pytest.fixture
async def rest(simulator: Simulator) -> AsyncIterator[RestClient]:
    async with RestClient(simulator) as client:
        yield client


async def test_an_unknown_instance_is_told_to_anybody(rest: RestClient) -> None:
    for key in (None, "", "wrong"):
        status, body = await rest.get("/instance/connectionState/nobody", key=key)
        assert (status, body["response"]["message"]) == (404, ['The "nobody" instance does not exist'])


async def test_only_the_global_key_and_the_own_token_pass(simulator: Simulator, rest: RestClient) -> None:
    path = "/instance/connectionState/loja-01"
    own, foreign = (simulator.instance(name).token for name in ("loja-01", "loja-02"))
    assert [(await rest.get(path, key=key))[0] for key in (None, own, foreign, "wrong", "")] == [
        200,
        200,
        401,
        401,
        401,
    ]


async def test_the_querys_instance_name_acts_behind_the_guards(simulator: Simulator, rest: RestClient) -> None:
    own = simulator.instance("loja-01").token
    status, body = await rest.get("/instance/connectionState/loja-01?instanceName=loja-02", key=own)
    assert (status, body["instance"]["instanceName"]) == (200, "loja-02")


@pytest.mark.parametrize(
    ("name", "path"), [("a/b", "a%2Fb"), ("a?b", "a%3Fb"), ("ação", "a%C3%A7%C3%A3o"), ("a b", "a%20b"), ("%", "%25")]
)
async def test_odd_names_are_reached_encoded(simulator: Simulator, rest: RestClient, name: str, path: str) -> None:
    simulator.world.add(simulator.maker.make(name, "EVOLUTION"))
    status, body = await rest.get(f"/instance/connectionState/{path}")
    assert (status, body) == (200, {"instance": {"instanceName": name}})
    assert (await rest.get(f"/instance/connectionState/{path}/"))[0] == 200


async def test_a_bare_slash_is_another_path(rest: RestClient) -> None:
    status, body = await rest.get("/instance/connectionState/a/b")
    assert (status, body["response"]["message"]) == (404, ["Cannot GET /instance/connectionState/a/b"])


async def test_refused_keys_are_refused_here_too(simulator: Simulator, rest: RestClient) -> None:
    simulator.refuse_key()
    assert (await rest.get("/instance/connectionState/loja-01"))[0] == 401
    assert (await rest.get("/instance/fetchInstances"))[0] == 401


async def test_rest_can_be_made_late_and_wrong(simulator: Simulator, rest: RestClient) -> None:
    simulator.chaos.rest_error = True
    assert await rest.get("/instance/fetchInstances") == (200, {"error": True, "message": "[object Object]"})
    simulator.chaos.rest_error, simulator.chaos.rest_latency_s = False, 0.05
    started = asyncio.get_running_loop().time()
    await rest.get("/instance/fetchInstances")
    assert asyncio.get_running_loop().time() - started >= 0.05


async def test_a_body_that_is_not_json_by_its_type_is_no_body(simulator: Simulator) -> None:
    async with (
        aiohttp.ClientSession(headers={"apikey": simulator.api_key}) as session,
        session.post(f"{simulator.url}/chat/findMessages/loja-02", data=b"{oops") as answer,
    ):
        assert answer.status == 200


async def test_a_client_that_leaves_in_the_middle_of_a_body_disturbs_nobody(
    simulator: Simulator, rest: RestClient
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
    writer.write(b"POST /webhook/evolution HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await rest.get("/"))[0] == 200
