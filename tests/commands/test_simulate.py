"""The simulator by itself."""

from __future__ import annotations

import asyncio

import pytest

from ponteio.commands import simulate
from ponteio.model.outcome import INVALID_REQUEST, RefusalError


async def test_prints_the_lines_for_env(capsys: pytest.CaptureFixture[str]) -> None:
    stop = asyncio.Event()
    wanted = simulate.options(2, 0.0, True, "", "America/Sao_Paulo", 1)
    assert len(wanted.api_key or "") == 32
    task = asyncio.create_task(simulate.simulate(wanted, "127.0.0.1", 0, stop))
    said = ""
    while "WEBSOCKET_GLOBAL_EVENTS=true" not in said:
        await asyncio.sleep(0.02)
        said += capsys.readouterr().out
    assert f"EVOLUTION_API_KEY={wanted.api_key}" in said
    assert "EVOLUTION_API_URL=http://127.0.0.1:" in said
    stop.set()
    await asyncio.wait_for(task, 10)


async def test_one_thing_can_be_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    stop = asyncio.Event()
    stop.set()
    wanted = simulate.options(1, 0.0, True, "", "UTC", 1)
    await simulate.simulate(wanted, "127.0.0.1", 0, stop, "not_global")
    assert "WEBSOCKET_GLOBAL_EVENTS=true" in capsys.readouterr().out
    with pytest.raises(RefusalError) as refused:
        await simulate.simulate(wanted, "127.0.0.1", 0, stop, "?")
    assert refused.value.outcome is INVALID_REQUEST
    assert "not_global" in refused.value.detail
