"""One who does not read, and one event that is far too large: nobody else waits."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from tests.oracle.model import Ledger, as_json, dense, fact, same, told_fact
from tests.oracle.traffic import say
from tests.support.house import House, house, separate_house
from tests.support.js_client import JsClient, js_client
from tests.support.simulator import running_simulator

from ponteio.simulator import Simulator

MIB = 1024 * 1024
FLOOD = 6_400
FLOOD_BYTES = 10_000
GROWTH_MIB = 32
LATE = timedelta(seconds=2)


def resident_mib(gateway: House) -> float:
    """Memory of the gateway's process."""
    assert gateway.process is not None
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@pytest.mark.node
async def test_client_that_stops_reading_costs_bounded_memory_and_delays_nobody(
    tmp_path: Path, sqlite_file_url: str
) -> None:
    """I7: 64 MB pass by one that stands still; another hears them as they come; the first catches up to the last."""
    async with (
        running_simulator(instances=1) as simulator,
        separate_house(
            simulator,
            tmp_path,
            sqlite_file_url,
        ) as gateway,
    ):
        tenant = await gateway.tenant("acme", "loja-01")
        await gateway.start()
        await gateway.is_linked(tenant.key)
        async with (
            js_client(gateway.url, tenant.key, name="fast", transports=["websocket"]) as fast,
            js_client(gateway.url, tenant.key, name="slow", transports=["websocket"]) as slow,
        ):
            await simulator.flood("loja-01", 500, size=FLOOD_BYTES)
            await fast.has(500)
            await slow.has(500)
            before = resident_mib(gateway)
            slow.stop_reading()
            for part in range(1, 9):
                await simulator.flood("loja-01", FLOOD // 8, size=FLOOD_BYTES)
                await fast.has(500 + part * FLOOD // 8)
            assert resident_mib(gateway) - before < GROWTH_MIB
            await quick_answers(simulator, fast)
            assert len(slow.events) < len(fast.events)
            slow.read_on()
            await slow.has(len(fast.events))
            same(fast.seqs, slow.seqs)
            same([told["cursor"] for told in fast.events], [told["cursor"] for told in slow.events])
        dense(fast.events, organization_id=tenant.organization_id)
        same([told_fact(told) for told in fast.events], [told_fact(told) for told in slow.events])


async def quick_answers(simulator: Simulator, fast: JsClient) -> None:
    """One event at a time arrives at once, though a socket of the same room stands still."""
    ledger = Ledger(simulator, "loja-01")
    for number in range(20):
        say(simulator, "loja-01", number)
        await fast.has(len(fast.events) + 1)
        assert fast.arrivals[-1] - ledger.emitted_at(simulator.emitted[-1]) < timedelta(seconds=1)


@pytest.mark.node
@pytest.mark.parametrize("mode", ["global", "traditional"])
async def test_event_of_twenty_megabytes_delays_nobody_and_is_fetched_on_its_own(
    tmp_path: Path, sqlite_file_url: str, mode: str
) -> None:
    """I7: it is told without its data, which waits at `data_href`; what comes before and after is there in time."""
    total, names = mode == "global", ("loja-01", "loja-04")
    async with (
        running_simulator(instances=4, global_events=total, emitted_limit=None) as simulator,
        house(tmp_path, sqlite_file_url, url=simulator.url, key=simulator.api_key, global_events=total) as gateway,
    ):
        tenant = await gateway.tenant("acme", *names)
        await gateway.start()
        for name in names:
            say(simulator, name, 0, "first")
        await gateway.is_linked(tenant.key, *(() if total else names))
        async with js_client(gateway.url, tenant.key) as heard:
            ledger = Ledger(simulator, *names)
            ledger.begin()
            for number in range(1, 61):
                say(simulator, names[number % 2], number)
                if number == 20:
                    simulator.emit_big("loja-01", 20)
                await asyncio.sleep(0.02)  # a pace, not a wait
            await ledger.all_out()
            await heard.has(61)
            sent = {fact(one.envelope): ledger.emitted_at(one) for one in ledger.emitted()}
            large = [told for told in heard.events if "data_href" in told]
            for told, arrived in zip(heard.events, heard.arrivals, strict=True):
                assert told in large or arrived - sent[told_fact(told)] < LATE, "an event waited for the large one"
        (told,) = large
        whole = await gateway.get(told["data_href"].removeprefix("/api/"), tenant.key)
        assert told["data"] is None
        assert told["data_bytes"] > 20_000_000
        assert len(orjson.dumps(whole["data"])) == told["data_bytes"]
        (emitted,) = [one for one in ledger.emitted() if "imageMessage" in one.envelope["data"].get("message", {})]
        assert whole["data"] == as_json(emitted.envelope["data"])
        assert {**whole, "data": None} == {name: told[name] for name in told if name not in ("data_bytes", "data_href")}
        log = await gateway.whole_log(tenant.key)
        dense(log, organization_id=tenant.organization_id)
        assert ledger.lost(log) == []
