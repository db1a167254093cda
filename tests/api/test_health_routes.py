"""Health, in good and bad times."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.rest_client import code, rest_desk

from ponteio.tenancy.directory import Directory


async def test_both_answer_without_a_key(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        for path in ("/healthz", "/readyz"):
            assert (await desk.nobody.get(path)).json() == {"status": "ok"}


async def test_without_its_database_the_process_is_healthy_but_not_ready(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        async with desk.house.database.write() as connection:
            await connection.exec_driver_sql("DROP TABLE directory_version")
        assert (await desk.nobody.get("/healthz")).status_code == 200
        answer = await desk.nobody.get("/readyz")
        assert (answer.status_code, code(answer)) == (503, "not_ready")
        assert answer.json()["retry"] is True


async def test_a_database_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ponteio.api.health_routes.READY_S", 0.05)
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        waiting = Directory(desk.house.database)
        async with waiting._changing:
            desk.app.state.services = replace(desk.services, directory=waiting)
            async with asyncio.timeout(5):
                assert code(await desk.nobody.get("/readyz")) == "not_ready"
