from __future__ import annotations

import asyncio
from typing import Any

from ponteio.simulator.tasks import LifeTasks


async def test_a_name_has_one_task_and_the_newer_ends_the_older() -> None:
    tasks, ended = LifeTasks(), []

    async def work(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(number)

    for number in (1, 2):
        tasks.start("same", work(number))
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ended == [1]
    await tasks.end_all()
    assert ended == [1, 2]
    tasks.end("same")


async def test_a_task_may_end_itself_by_its_name() -> None:
    tasks, reached = LifeTasks(), []

    async def work() -> None:
        tasks.end("self")
        await asyncio.sleep(0)
        reached.append(True)

    tasks.start("self", work())
    for _ in range(3):
        await asyncio.sleep(0)
    assert reached == [True]


async def test_a_failing_task_is_told_to_the_loop() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    tasks = LifeTasks()

    async def work() -> None:
        raise ValueError("broken")

    tasks.start("bad", work())
    for _ in range(3):
        await asyncio.sleep(0)
    assert str(told[0]["exception"]) == "broken"
    await tasks.end_all()
