"""The connection test against the simulator in every state that a real server gets into, with the real probe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from tests.support.rest_house import rest_house
from tests.support.simulator import until

from ponteio.model.link import CheckStep
from ponteio.outbound.connector import STRANGERS_WORD
from ponteio.outbound.http_client import HttpOptions
from ponteio.upstream.connection_test import STEPS, ConnectionTest
from ponteio.upstream.evolution_api import EvolutionApi

KEY = "canary-key-0123456789"


def verdicts(steps: Sequence[CheckStep]) -> dict[str, bool | None]:
    assert tuple(step.step for step in steps) == STEPS
    assert all(step.detail for step in steps)
    return {step.step: step.ok for step in steps}


def step(steps: Sequence[CheckStep], name: str) -> CheckStep:
    return next(each for each in steps if each.step == name)


ALL_OK: dict[str, bool | None] = dict.fromkeys(STEPS, True)


async def test_a_working_server_passes_every_step_and_keeps_no_connection(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1, started=False) as house:
        house.simulator.emit("loja-01", "chats.update", {})
        steps = await house.test.run("loja-01")
        assert verdicts(steps) == ALL_OK
        assert "2.3.7" in step(steps, "server").detail
        await until(lambda: house.simulator.summary()["sessions"] == 0)
        assert house.sink.frames == []
        assert house.simulator.client_events == []


async def test_a_pending_namespace_is_fine_and_says_so(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=3, started=False) as house:
        quiet = next(each.name for each in house.simulator.world if each.integration == "EVOLUTION")
        await house.simulator.restart(down_s=0)
        steps = await house.test.run(quiet)
        assert verdicts(steps) == ALL_OK
        assert "Pending" in step(steps, "namespace").detail


async def test_global_mode_tries_the_root_namespace(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1, global_events=True, started=False) as house:
        steps = await house.test.run("a,b")
        assert verdicts(steps) == ALL_OK
        assert "Pending" not in step(steps, "namespace").detail


async def test_a_name_with_a_comma_has_no_namespace_of_its_own(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1, started=False) as house:
        steps = await house.test.run("a,b")
        assert verdicts(steps) == {**ALL_OK, "namespace": False}
        assert "global mode" in (step(steps, "namespace").hint or "")


async def test_a_wrong_key_is_named_and_the_rest_is_tried_all_the_same(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1, started=False, key="wrong", allowed_hosts="10.0.0.1") as house:
        steps = await house.test.run("loja-01")
        assert verdicts(steps) == {**ALL_OK, "key": False, "handshake": False, "namespace": None}
        assert "AUTHENTICATION_API_KEY" in (step(steps, "key").hint or "")


async def test_an_instance_that_evolution_does_not_have_is_pointed_out(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1, started=False) as house:
        steps = await house.test.run("nobody")
        assert step(steps, "key").ok
        assert "no instance of this name" in step(steps, "key").detail


async def test_an_evolution_without_websocket_ends_the_test_there(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1, started=False, websocket_enabled=False) as house:
        steps = await house.test.run("loja-01")
        assert verdicts(steps) == {**ALL_OK, "websocket": False, "handshake": None, "namespace": None}
        assert "WEBSOCKET_ENABLED=true" in (step(steps, "websocket").hint or "")


async def test_nothing_that_listens_ends_the_test_at_the_server(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1, started=False) as house:
        await house.simulator.go_down()
        steps = await house.test.run("loja-01")
        expected: dict[str, bool | None] = dict.fromkeys(STEPS)
        assert verdicts(steps) == {**expected, "address": True, "server": False}


async def never(_namespace: str) -> Sequence[CheckStep]:
    raise AssertionError("not reached")


async def passing(_namespace: str) -> Sequence[CheckStep]:
    return [CheckStep("handshake", True, "yes"), CheckStep("namespace", True, "yes")]


@pytest.mark.parametrize(
    "url", ["http://no-such-host.invalid", "nonsense", "http://", "http://x:99999", "http://me:pw@evo"]
)
async def test_an_address_that_leads_nowhere_is_the_first_failure(url: str) -> None:
    steps = await ConnectionTest(EvolutionApi(url, KEY), probe=never).run("a")
    assert verdicts(steps) == {**dict.fromkeys(STEPS), "address": False}
    assert "EVOLUTION_API_URL" in step(steps, "address").detail


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"])
async def test_an_address_that_may_not_be_reached_is_not_even_tried(host: str) -> None:
    api = EvolutionApi(f"http://{host}:9", KEY, options=HttpOptions())
    steps = await ConnectionTest(api, probe=never, connector=STRANGERS_WORD).run("a")
    assert verdicts(steps) == {**dict.fromkeys(STEPS), "address": False}
    assert "may not be reached" in step(steps, "address").detail
    assert host not in step(steps, "address").detail


@asynccontextmanager
async def answering(status: int, body: bytes, kind: str, delay_s: float = 0.0) -> AsyncIterator[EvolutionApi]:
    async def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/":
            await asyncio.sleep(delay_s)
        return httpx2.Response(status, content=body, headers={"content-type": kind})

    options = HttpOptions(total_s=0.1, transport=httpx2.MockTransport(answer))
    yield EvolutionApi("http://127.0.0.1:9", KEY, options=options)


async def test_a_stranger_at_the_address_ends_the_test_at_the_server() -> None:
    async with answering(200, b"<html>", "text/html") as api:
        steps = await ConnectionTest(api, probe=never).run("a")
    assert verdicts(steps) == {**dict.fromkeys(STEPS), "address": True, "server": False}
    assert "HTML" in step(steps, "server").detail


async def test_a_start_page_that_hangs_does_not_hide_a_server_that_answers() -> None:
    """Evolution's start page waits for WhatsApp's site, which a closed network never reaches."""
    async with answering(400, b'{"code":0,"message":"Transport unknown"}', "application/json", 60) as api:
        steps = await ConnectionTest(api, probe=passing).run("a")
    assert verdicts(steps) == {**ALL_OK, "key": False}


async def test_a_server_that_hangs_altogether_is_a_failure() -> None:
    async def hang(_request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(60)
        raise AssertionError("not reached")

    options = HttpOptions(total_s=0.05, transport=httpx2.MockTransport(hang))
    steps = await ConnectionTest(EvolutionApi("http://127.0.0.1:9", KEY, options=options), probe=never).run("a")
    assert verdicts(steps) == {**dict.fromkeys(STEPS), "address": True, "server": False}


async def test_a_proxy_that_keeps_socketio_back_is_named() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/socket.io/":
            return httpx2.Response(404, html="<h1>nginx</h1>")
        return httpx2.Response(200, json={"version": "2.3.7"} if request.url.path == "/" else [])

    options = HttpOptions(transport=httpx2.MockTransport(answer))
    steps = await ConnectionTest(EvolutionApi("http://127.0.0.1:9", KEY, options=options), probe=never).run("a")
    assert step(steps, "websocket").ok is False
    assert "/socket.io/" in (step(steps, "websocket").hint or "")


async def test_a_probe_that_breaks_is_a_failed_step_and_no_exception() -> None:
    async def broken(_namespace: str) -> Sequence[CheckStep]:
        raise RuntimeError("boom")

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/socket.io/":
            return httpx2.Response(400, json={"code": 0})
        return httpx2.Response(200, json={"version": "2.3.7"} if request.url.path == "/" else [])

    options = HttpOptions(transport=httpx2.MockTransport(answer))
    steps = await ConnectionTest(EvolutionApi("http://127.0.0.1:9", KEY, options=options), probe=broken).run("a")
    assert verdicts(steps) == {**ALL_OK, "handshake": False, "namespace": None}
    assert "boom" not in step(steps, "handshake").detail


async def test_a_name_server_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_arguments: object, **_options: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hang)
    monkeypatch.setattr("ponteio.upstream.connection_test.RESOLVE_S", 0.01)
    steps = await ConnectionTest(EvolutionApi("http://evolution", KEY), probe=never).run("a")
    assert verdicts(steps) == {**dict.fromkeys(STEPS), "address": False}


async def test_no_step_holds_the_key_or_an_address(tmp_path: Path) -> None:
    """I5: whoever may test their instance need not know where the server is."""
    async with rest_house(tmp_path, instances=1, started=False) as house:
        runs = [await house.test.run("loja-01")]
        await house.simulator.go_down()
        runs.append(await house.test.run("loja-01"))
        shown = repr(runs)
        assert house.simulator.api_key not in shown
        assert "127.0.0.1" not in shown
