from __future__ import annotations

import pytest
from tests.support.simulator import RestClient, running_simulator


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nope?x=1"), ("POST", "/"), ("POST", "/instance/connect/loja-01"), ("GET", "/chat/findMessages/loja-01")],
)
async def test_an_unknown_route_or_method_is_a_json_404_without_a_key(method: str, path: str) -> None:
    async with running_simulator(instances=1) as simulator, RestClient(simulator) as rest:
        status, body = await rest.call(method, path, key="")
        assert (status, body["response"]["message"]) == (404, [f"Cannot {method} {path}"])


async def test_the_root_tells_the_version_to_anybody() -> None:
    async with running_simulator(instances=0) as simulator, RestClient(simulator) as rest:
        status, body = await rest.get("/", key="")
        assert (status, body["version"]) == (200, "2.3.7")
