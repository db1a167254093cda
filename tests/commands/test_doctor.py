"""`ponteio doctor` as a whole: with nothing there, against a simulator, beside a running gateway."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.diagnosis_rig import RIGHT
from tests.support.simulator import running_simulator, until
from tests.test_cli import ponteio

from ponteio.app import Gateway
from ponteio.commands.doctor import DoctorOptions, doctor
from ponteio.commands.office import office
from ponteio.config import GatewaySettings, load_gateway_settings
from ponteio.model.diagnosis import HOUSE_STEPS, STEPS
from ponteio.simulator import Simulator


@pytest.fixture(autouse=True)
def _listening_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ponteio.upstream.diagnosis_events.LISTEN_S", 0.05)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with running_simulator(instances=2, global_events=True, **RIGHT) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without settings."""
    for name in ("EVOLUTION_API_URL", "EVOLUTION_API_KEY", "WEBSOCKET_ENABLED", "WEBSOCKET_GLOBAL_EVENTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PONTEIO_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("PONTEIO_PORT", "0")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_settings(place: Path, simulator: Simulator, **more: str) -> None:
    lines = {
        "EVOLUTION_API_URL": simulator.url,
        "EVOLUTION_API_KEY": simulator.api_key,
        "WEBSOCKET_GLOBAL_EVENTS": "true",
        **more,
    }
    (place / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))


async def run(capsys: pytest.CaptureFixture[str], **options: Any) -> tuple[int, dict[str, Any], str]:
    status = await doctor(DoctorOptions(as_json=True, **options))
    out = capsys.readouterr().out
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return status, {each["step"]: each for each in lines if "step" in each} | {"end": lines[-1]}, out


async def test_without_settings_every_fault_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, steps, _ = await run(capsys)
    assert status == 1
    assert steps["own_settings"]["verdict"] == "fail"
    assert "EVOLUTION_API_URL: is required" in steps["own_settings"]["evidence"]
    assert steps["database"]["reason"] == "absent"
    assert steps["servers"]["reason"] == "none"
    assert list(place.iterdir()) == []


async def test_settings_that_cannot_be_read_at_all(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PONTEIO_DATABASE_URL", "mysql://x")
    status, steps, _ = await run(capsys)
    assert status == 1
    assert set(steps) == {"own_settings", "end"}


async def test_before_the_first_start_the_way_is_walked_and_nothing_is_made(
    place: Path, simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    write_settings(place, simulator)
    status, steps, out = await run(capsys, instance="loja-02", lang="pt")
    assert status == 0
    assert steps["end"] == {"ok": True, "verdict": "warn"}
    assert [step for step in steps if step in STEPS] == list(STEPS)
    assert steps["namespace"]["reason"] == "root"
    assert steps["frames"]["reason"] == "unknown"
    assert simulator.api_key not in out
    assert [each.name for each in place.iterdir()] == [".env"]


async def test_a_server_that_is_away_is_a_failure(
    place: Path, simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    write_settings(place, simulator)
    await simulator.go_down()
    status, steps, _ = await run(capsys)
    assert (status, steps["tcp"]["reason"], steps["instance"]["reason"]) == (1, "refused", "not_tried")


async def test_beside_a_running_gateway_a_test_event_is_found_in_its_log(
    place: Path, simulator: Simulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_settings(place, simulator)
    settings: GatewaySettings = load_gateway_settings()
    gateway = Gateway(settings)
    await gateway.start()
    monkeypatch.setenv("PONTEIO_URL", gateway.url)
    try:
        async with office(settings) as here:
            await until(lambda: len(here.directory.all_instances()) >= 0)
            made = await here.directory.create_organization("Acme")
            await here.directory.assign("loja-02", made.organization_id)
        status, steps, _ = await run(capsys, instance="loja-02", round_trip=True)
        assert status == 0
        assert steps["gateway"]["reason"] == "ready"
        assert steps["round_trip"]["reason"] == "stored", steps["round_trip"]
        assert steps["organizations"]["reason"] == "empty"
        assert {step for step in steps if step in HOUSE_STEPS} == set(HOUSE_STEPS) - {"servers"}
    finally:
        await gateway.stop()


async def test_other_servers_are_walked_too_and_one_can_be_named(
    place: Path, simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    write_settings(place, simulator)
    settings = load_gateway_settings()
    async with running_simulator(instances=1, **RIGHT) as second:
        async with office(settings) as here:
            server = await here.servers.add(second.url, second.api_key, allow_private=True)
        _, _, out = await run(capsys)
        assert {json.loads(line).get("server") for line in out.splitlines()} == {None, "main", server.server_id}
        _, steps, out = await run(capsys, server=server.server_id)
        assert {json.loads(line).get("server") for line in out.splitlines()} == {None, server.server_id}
        assert steps["key"]["reason"] == "global"
        status, steps, _ = await run(capsys, server="srv_nothing")
        assert (status, steps["servers"]["reason"]) == (1, "none")
        settings.secret_file.unlink()
        status, steps, _ = await run(capsys)
        assert (status, steps["secret_key"]["reason"]) == (1, "lost")


async def test_an_instance_is_looked_for_where_it_is(
    place: Path, simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    write_settings(place, simulator)
    settings = load_gateway_settings()
    async with running_simulator(instances=3, **RIGHT) as second:
        async with office(settings) as here:
            server = await here.servers.add(second.url, second.api_key, allow_private=True)
            made = await here.directory.create_organization("Acme")
            await here.directory.assign("loja-03", made.organization_id, server_id=server.server_id)
        _, steps, out = await run(capsys, instance="loja-03")
        assert {json.loads(line).get("server") for line in out.splitlines()} == {None, server.server_id}
        assert steps["instance"]["verdict"] == "ok"


async def test_a_key_that_cannot_be_opened_is_named(
    place: Path, simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    from ponteio.storage.vault import Vault

    write_settings(place, simulator)
    settings = load_gateway_settings()
    async with office(settings) as here:
        server = await here.servers.add("https://evo.example", "another-key-of-evolution", allow_private=True)
    settings.secret_file.write_text(Vault.new_key() + "\n")
    status, steps, _ = await run(capsys, server=server.server_id)
    assert (status, steps["servers"]["reason"]) == (1, "unreadable")


def test_the_command_line_knows_it(tmp_path: Path) -> None:
    done = ponteio(tmp_path, "doctor", "--lang", "pt", PONTEIO_URL="http://127.0.0.1:1", PONTEIO_PORT="0")
    assert done.returncode == 1
    assert "EVOLUTION_API_URL: is required" in done.stdout.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert io.StringIO(done.stdout).readline() == "\n"
