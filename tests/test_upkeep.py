"""What the house does for itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ponteio import upkeep
from ponteio.config import Settings
from ponteio.foundation import Foundation
from ponteio.storage.errors import StorageUnavailableError


async def test_a_failing_look_ends_neither_the_watch_nor_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "WATCH_S", 0.001)
    base = await Foundation.open(Settings(data_dir=tmp_path, _env_file=None), checkpoints=True)
    looked = asyncio.Event()
    looks = 0

    async def fail() -> None:
        raise StorageUnavailableError("away")

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks > 2:
            looked.set()

    task = asyncio.create_task(upkeep.Upkeep([fail, look], base.events).watch())
    await asyncio.wait_for(looked.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await base.close()


async def test_pruning_survives_a_closed_database(tmp_path: Path) -> None:
    base = await Foundation.open(Settings(data_dir=tmp_path, _env_file=None), checkpoints=True)
    await base.close()
    task = asyncio.create_task(upkeep.Upkeep([], base.events).prune())
    await asyncio.sleep(0)
    done, _ = await asyncio.wait({task}, timeout=0.2)
    assert not done
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
