"""A phone is connected over REST, in traditional mode, from nothing to `open`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from tests.support.house import holds, house
from tests.support.js_client import js_client
from tests.support.simulator import running_simulator

from ponteio.simulator import Simulator


async def made_on_evolution(simulator: Simulator, name: str) -> None:
    """A new instance without a phone, whose websocket was never set, made by somebody else."""
    async with httpx2.AsyncClient(headers={"apikey": simulator.api_key}) as http:
        body = {"instanceName": name, "integration": "WHATSAPP-BAILEYS"}
        answer = await http.post(f"{simulator.url}/instance/create", json=body)
        assert answer.status_code == 201, answer.text


@pytest.mark.node
@pytest.mark.parametrize(
    ("dialect", "name"),
    [("sqlite", "Loja São José / 2"), pytest.param("postgresql", "nova", marks=pytest.mark.postgres)],
)
async def test_connecting_gives_the_code_joins_the_namespace_and_follows_the_scan(
    tmp_path: Path, database_url: str, name: str
) -> None:
    async with (
        running_simulator(global_events=False, instance_events=False, instances=0) as simulator,
        house(tmp_path, database_url, url=simulator.url, key=simulator.api_key, global_events=False) as gateway,
    ):
        await made_on_evolution(simulator, name)
        assert simulator.instance(name).websocket is None
        tenant, other = await gateway.tenant("acme", name), await gateway.tenant("beta")
        await gateway.start()
        path = f"instances/{quote(name, safe='')}"
        async with (
            js_client(gateway.url, tenant.key) as heard,
            js_client(gateway.url, other.key) as stranger,
        ):
            refused = await gateway.call("POST", f"{path}/connect", other.key)
            assert refused.status_code == 404
            assert simulator.instance(name).websocket is None

            connected = await gateway.post(f"{path}/connect", tenant.key)
            websocket = simulator.instance(name).websocket
            assert websocket is not None
            assert websocket.enabled
            assert connected["qr_code"].startswith("2@")
            assert connected["qr_image"].startswith("data:image/png;base64,")
            assert connected["link"]["mode"] == "instance"
            await gateway.is_linked(tenant.key, name)

            await simulator.scan(name)
            await holds(
                "the client is told that the phone is connected",
                lambda: heard.named("instance-status") and heard.named("instance-status")[-1]["state"] == "open",
                why=lambda: heard.notices,
            )
            assert heard.named("instance-status")[-1]["instance"] == name
            await heard.has(1)
            assert [(told["event"], told["data"]["state"]) for told in heard.events][-1] == (
                "connection.update",
                "open",
            )
            assert (await gateway.get(path, tenant.key))["state"] == "open"

            again = await gateway.post(f"{path}/connect", tenant.key)
            assert (again["state"], again["qr_code"]) == ("open", None)
            assert stranger.events == stranger.named("instance-status") == []
