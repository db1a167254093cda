"""Both kinds of link at once, and what people want of links by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.oracle.matrix import in_both_modes
from tests.oracle.model import Ledger, dense, same
from tests.oracle.traffic import busy, rouse, say
from tests.support.evolution_peer import evolution_peer
from tests.support.house import holds, house
from tests.support.js_client import js_client
from tests.support.simulator import running_simulator

NAMES = ("loja-01", "loja-02", "loja-03")


@pytest.mark.node
@in_both_modes
async def test_event_heard_over_both_links_is_stored_and_told_once(
    tmp_path: Path, database_url: str, mode: str
) -> None:
    """I3: Evolution in global mode sends everything twice to who listens at both places."""
    async with (
        running_simulator(global_events=True, instances=3) as simulator,
        house(
            tmp_path, database_url, url=simulator.url, key=simulator.api_key, global_events=mode == "global"
        ) as gateway,
    ):
        tenant, operator = await gateway.tenant("acme", *NAMES), await gateway.operator()
        await gateway.start()
        rouse(simulator, NAMES)
        await gateway.post("websocket/connect/global", operator)
        for name in NAMES:
            await gateway.post(f"websocket/connect/instance/{name}", tenant.key)
        await gateway.is_linked(tenant.key)

        async def all_joined() -> bool:
            by_state = (await gateway.get("websocket/status", tenant.key))["links"]["by_state"]
            return bool(by_state == {"connected": 3})

        await holds("every link of its own has joined", all_joined)
        ledger = Ledger(simulator, *NAMES)
        ledger.begin()
        async with js_client(gateway.url, tenant.key) as heard:
            await busy(simulator, NAMES, scenes=200, burst=100)
            await ledger.all_out()
            await heard.has(len([one for one in ledger.emitted() if one.root_recipients]) - 3)
            log = await gateway.whole_log(tenant.key)
            dense(log, organization_id=tenant.organization_id)
            assert ledger.lost(log) == []
            same(log[-len(heard.events) :], heard.events)
        assert ledger.repeats() > 400
        duplicates = 0

        async def all_recognised() -> bool:
            nonlocal duplicates
            duplicates = (await gateway.get("websocket/status", operator))["events"]["duplicates"]
            return bool(duplicates == ledger.repeats())

        await holds(
            "the second copy of each was recognised", all_recognised, why=lambda: (duplicates, ledger.repeats())
        )


async def test_what_was_disconnected_by_hand_stays_so_over_a_restart(tmp_path: Path, database_url: str) -> None:
    async with (
        running_simulator(global_events=False, instances=3) as simulator,
        house(tmp_path, database_url, url=simulator.url, key=simulator.api_key, global_events=False) as gateway,
    ):
        tenant, operator = await gateway.tenant("acme", *NAMES), await gateway.operator()
        await gateway.start()
        rouse(simulator, NAMES)
        await gateway.is_linked(tenant.key, *NAMES)
        await gateway.post("websocket/disconnect/instance/loja-02", tenant.key)
        await gateway.stop()
        await gateway.start()
        await gateway.is_linked(tenant.key, "loja-01", "loja-03")
        assert (await gateway.links(tenant.key))["loja-02"] == "off"
        for name in NAMES:
            say(simulator, name, 1)
        await holds("two are heard", lambda: len_of(gateway.whole_log(tenant.key), 2))
        assert {told["instance"] for told in await gateway.whole_log(tenant.key)} == {"loja-01", "loja-03"}

        await gateway.post("websocket/connect/instance/loja-02", tenant.key)
        await gateway.is_linked(tenant.key, *NAMES)
        await gateway.post("websocket/disconnect/all", operator)
        await gateway.stop()
        await gateway.start()
        assert set((await gateway.links(tenant.key)).values()) == {"off"}
        await gateway.post("websocket/connect/all", operator)
        await gateway.is_linked(tenant.key, *NAMES)


async def len_of(log: object, amount: int) -> bool:
    return len(await log) == amount  # type: ignore[misc]


@pytest.mark.node
async def test_switched_off_it_dials_nothing_and_says_what_to_change(tmp_path: Path, sqlite_file_url: str) -> None:
    async with (
        evolution_peer(key="a-key") as peer,
        house(
            tmp_path, sqlite_file_url, url=peer.url, key="a-key", global_events=True, WEBSOCKET_ENABLED=False
        ) as gateway,
    ):
        tenant, operator = await gateway.tenant("acme", "alpha"), await gateway.operator()
        await gateway.start()
        for path in (
            *("connect/global", "disconnect/global", "connect/all", "disconnect/all"),
            *("connect/instance/alpha", "disconnect/instance/alpha"),
        ):
            answer = await gateway.call("POST", f"websocket/{path}", operator)
            assert (answer.status_code, answer.json()["code"]) == (409, "websocket_disabled"), path
            assert "WEBSOCKET_ENABLED=true" in answer.json()["detail"]
        steps = (await gateway.call("POST", "websocket/test/alpha", operator)).json()["steps"]
        told = next(it for it in steps if it["verdict"] == "fail")
        assert told["step"] == "settings"
        assert "WEBSOCKET_ENABLED=true" in told["action"]
        status = await gateway.get("websocket/status", tenant.key)
        assert (status["enabled"], status["global_link"]["state"]) == (False, "off")
        assert (await peer.state())["handshakes"] == []
