"""Everything that leaves the house, searched for every secret that came in."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.oracle.model import Ledger
from tests.oracle.traffic import busy, message, rouse, say
from tests.support.house import House, holds, separate_house
from tests.support.js_client import js_client
from tests.support.simulator import running_simulator

from ponteio.simulator import Simulator

#: The key of somebody whom nobody here knows: it goes because of the name of its member.
UNKNOWN_KEY = "a-key-that-was-never-met-0123456789"
OWN, FOREIGN = ("loja-01", "loja-02"), "loja-03"


def planted(simulator: Simulator) -> list[str]:
    """The global key and every instance's token."""
    return [simulator.api_key, *(each.token for each in simulator.world if each.token)]


def plant(simulator: Simulator) -> None:
    """Secrets where they have no business: in texts, names, addresses and JSON within texts; in what nobody owns and in
    what cannot be read.
    """
    for number, secret in enumerate(planted(simulator)):
        for name in (*OWN, FOREIGN):
            data = message(name, number, f"my token is {secret}, canary")
            data["context"] = {
                "apikey": UNKNOWN_KEY,
                "url": f"https://crm.test/?apikey={quote(secret)}",
                "inner": json.dumps({"key": secret}),
                secret: [secret.encode(), {"ApiKey": secret}],
            }
            simulator.emit(name, "messages.upsert", data, webhook={"token": secret})
        simulator.emit_raw([f'2["messages.upsert",{{"apikey":"{secret}","instance":["{secret}'])
        simulator.emit_raw([f'2["{secret}",{{"instance":"loja-01","event":"{secret}","data":"{secret}"}}]'])
        simulator.emit_raw([f'2["messages.upsert",["{secret}"]]'])


async def ask_everything(gateway: House, tenant_key: str, operator: str) -> None:
    """Every answer that may show something of Evolution."""
    for key in (tenant_key, operator):
        for path in ("websocket/status", "websocket/instances", "instances", "instances/loja-01", "gaps"):
            await gateway.call("GET", path, key)
        for path in ("websocket/test/loja-01", "instances/loja-01/connect", "instances/loja-02/restart"):
            await gateway.call("POST", path, key)
    for path in ("quarantine?limit=500", "quarantine/summary"):
        await gateway.get(path, operator)
    await gateway.call("POST", "instances", operator, json={"name": "loja-01"})
    await gateway.whole_log(tenant_key)


@pytest.mark.node
async def test_no_secret_is_in_file_log_answer_or_frame(tmp_path: Path, sqlite_file_url: str) -> None:
    """I5: tokens in envelopes and planted in data, at the most talkative log level, with every route asked."""
    async with (
        running_simulator(instances=3, expose_apikey=True) as simulator,
        separate_house(
            simulator,
            tmp_path,
            sqlite_file_url,
            log_level="debug",
            log_format="json",
        ) as gateway,
    ):
        tenant, operator = await gateway.tenant("acme", *OWN), await gateway.operator()
        await gateway.start()
        await gateway.is_linked(tenant.key)
        rouse(simulator, (*OWN, FOREIGN))
        await gateway.knows(operator, *OWN, FOREIGN)
        async with js_client(gateway.url, tenant.key) as heard:
            await busy(simulator, OWN, scenes=100, burst=10)
            plant(simulator)
            say(simulator, "loja-01", 99, "the last canary")
            last = json.dumps("the last canary 99")
            await holds("the last one is heard", lambda: heard.events and last in json.dumps(heard.events[-1]))
            await asyncio.gather(ask_everything(gateway, tenant.key, operator), simulator.restart(0.1))
            await gateway.is_linked(tenant.key)
            await gateway.stop()
            said = [*heard.lines, *gateway.said]
        rows = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("test.db"))
        assert b"my token is [redacted], canary" in rows
        assert any("my token is [redacted], canary" in text for text in said)
        assert len(gateway.log_lines) > 100
        assert len(Ledger(simulator, *OWN).handed()) > 100
        for secret in (*planted(simulator), UNKNOWN_KEY, tenant.key, operator):
            assert secret.encode() not in rows
            assert not [line for line in gateway.log_lines if secret in line]
            assert not [text for text in said if secret in text]
