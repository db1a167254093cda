"""The REST client against the simulator (real HTTP on loopback), and against answers that only a script can give."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2
import orjson
import pytest
from tests.support.simulator import running_simulator

from ponteio.model import outcome
from ponteio.model.identity import InstanceState
from ponteio.model.instance_events import NEVER_SET, SentEvents
from ponteio.model.outcome import RefusalError
from ponteio.outbound.http_client import HttpOptions
from ponteio.simulator import Simulator
from ponteio.upstream.evolution_answers import EvolutionRefusalError
from ponteio.upstream.evolution_api import EvolutionApi, NewInstance

KEY = "canary-key-0123456789"
ODD_NAMES = ["Loja Centro", "a/b", "ação", "a?b", "a#b", "a,b", "a%2Fb", "a&instanceName=b", "🍕", "a\\b", "...", "a+b"]


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with running_simulator(instances=2) as running:
        yield running


@pytest.fixture
def secrets() -> list[str]:
    return []


@pytest.fixture
async def api(simulator: Simulator, secrets: list[str]) -> AsyncIterator[EvolutionApi]:
    client = EvolutionApi(simulator.url, simulator.api_key, on_secret=secrets.append)
    yield client
    await client.close()


def scripted(answer: Callable[[httpx2.Request], httpx2.Response], url: str = "http://evolution:8080") -> EvolutionApi:
    return EvolutionApi(url, KEY, options=HttpOptions(transport=httpx2.MockTransport(answer)))


def saying(status: int, content: object, kind: str = "application/json") -> EvolutionApi:
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return scripted(lambda _request: httpx2.Response(status, content=body, headers={"content-type": kind}))


async def test_the_list_of_a_server(api: EvolutionApi, simulator: Simulator, secrets: list[str]) -> None:
    found = await api.fetch_instances()
    assert {it.name for it in found} == {each.name for each in simulator.world}
    assert set(secrets) == {each.token for each in simulator.world}
    assert not any(secret in repr(found) for secret in secrets)


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_odd_names_reach_the_instance_and_no_other(api: EvolutionApi, simulator: Simulator, name: str) -> None:
    await api.create_instance(NewInstance(name, "EVOLUTION"))
    assert simulator.instance(name).name == name
    assert await api.connection_state(name) is InstanceState.OPEN
    found = await api.fetch_instance(name)
    assert found is not None
    assert found.name == name
    settings = await api.set_websocket(name, enabled=True, events=["CALL"])
    assert settings is not None
    assert settings.events == ("CALL",)
    await api.logout(name)
    assert await api.connection_state(name) is InstanceState.CLOSE
    await api.delete(name)
    with pytest.raises(EvolutionRefusalError) as caught:
        await api.connection_state(name)
    assert caught.value.is_absence


@pytest.mark.parametrize("name", ["", ".", "..", "\ud800"])
async def test_a_name_that_would_change_the_address_is_never_sent(name: str) -> None:
    def never(request: httpx2.Request) -> httpx2.Response:
        raise AssertionError(request.url)

    api = scripted(never)
    calls = [
        api.connection_state(name),
        api.connect_instance(name),
        api.restart(name),
        api.logout(name),
        api.delete(name),
        api.find_websocket(name),
        api.set_websocket(name, enabled=True),
        api.fetch_instance(name),
        api.create_instance(NewInstance(name, "EVOLUTION")),
    ]
    for call in calls:
        with pytest.raises(RefusalError) as caught:
            await call
        assert caught.value.outcome is outcome.INVALID_NAME


async def test_addresses_are_built_from_fields_and_keep_the_base_path() -> None:
    """A query in a name must stay in the name: Evolution lets a query override the path after the key was checked."""
    seen: list[str] = []

    def note(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.raw_path.decode())
        return httpx2.Response(200, json={})

    api = scripted(note, "https://host/evolution/")
    await api.connect_instance("a/b?instanceName=c", "5511900000001")
    await api.restart("ação d")
    assert seen == [
        "/evolution/instance/connect/a%2Fb%3FinstanceName%3Dc?number=5511900000001",
        "/evolution/instance/restart/a%C3%A7%C3%A3o%20d",
    ]


async def test_a_new_instance_emits_everything_and_its_token_stays_here(
    api: EvolutionApi, simulator: Simulator, secrets: list[str]
) -> None:
    new = NewInstance("nova", "WHATSAPP-BUSINESS", "109876543210", "EAAG-canary-token", "55555")
    made = await api.create_instance(new)
    assert made.change.integration == "WHATSAPP-BUSINESS"
    assert made.change.upstream_id == simulator.instance("nova").instance_id
    assert "EAAG-canary-token" in secrets
    assert "EAAG" not in repr(new) + repr(made)
    websocket = await api.find_websocket("nova")
    assert websocket is not None
    assert websocket.enabled
    with pytest.raises(RefusalError) as caught:
        await api.create_instance(NewInstance("nova", "EVOLUTION"))
    assert caught.value.outcome is outcome.NAME_TAKEN


async def test_what_evolution_does_not_take_is_refused_with_its_reason(api: EvolutionApi) -> None:
    with pytest.raises(EvolutionRefusalError) as caught:
        await api.create_instance(NewInstance("biz", "WHATSAPP-BUSINESS"))
    assert caught.value.outcome is outcome.UPSTREAM_REFUSED
    assert "token is required" in caught.value.detail
    with pytest.raises(EvolutionRefusalError) as caught:
        await api.set_websocket("loja-01", enabled=True, events=["messages.upsert"])
    assert "not one of enum values" in caught.value.detail


async def test_a_qr_code_comes_from_connect_and_a_second_logout_is_refused(
    api: EvolutionApi, simulator: Simulator
) -> None:
    await api.create_instance(NewInstance("phone", "WHATSAPP-BAILEYS"))
    pairing = await api.connect_instance("phone", "5511900000001")
    assert pairing.state is InstanceState.CONNECTING
    assert pairing.code
    assert pairing.base64
    assert pairing.pairing_code
    await simulator.scan("phone")
    assert (await api.connect_instance("phone")).state is InstanceState.OPEN
    await api.logout("phone")
    with pytest.raises(EvolutionRefusalError) as caught:
        await api.logout("phone")
    assert caught.value.upstream_status == 400


async def test_a_restart_of_a_closed_instance_is_a_failure_that_looks_like_a_success(api: EvolutionApi) -> None:
    await api.create_instance(NewInstance("wired", "EVOLUTION"))
    assert (await api.restart("wired")).state is InstanceState.OPEN
    await api.logout("wired")
    with pytest.raises(EvolutionRefusalError) as caught:
        await api.restart("wired")
    assert (caught.value.outcome, caught.value.upstream_status) == (outcome.UPSTREAM_FAILED, 200)
    assert (await api.connect_instance("wired")).state is None


async def test_a_wrong_key_is_told_apart_from_an_unknown_instance(api: EvolutionApi, simulator: Simulator) -> None:
    assert await api.fetch_instance("nobody") is None
    simulator.refuse_key()
    for call in (api.fetch_instances(), api.fetch_instance("nobody"), api.find_websocket("loja-01")):
        with pytest.raises(EvolutionRefusalError) as caught:
            await call
        assert caught.value.outcome is outcome.UPSTREAM_AUTH_FAILED
    with pytest.raises(EvolutionRefusalError) as caught:
        await api.connection_state("nobody")
    assert caught.value.is_absence


async def test_an_evolution_without_websocket_is_recognised() -> None:
    async with running_simulator(instances=1, websocket_enabled=False) as simulator:
        api = EvolutionApi(simulator.url, simulator.api_key)
        assert await api.find_websocket("loja-01") is None
        assert await api.set_websocket("loja-01", enabled=True) is None
        assert await api.find_events("loja-01") is None
        assert await api.set_events("loja-01", ["CALL"]) is None
        await api.close()


async def test_what_an_instance_sends_is_never_set_set_or_switched_off() -> None:
    async with running_simulator(instances=1, instance_events=False) as simulator:
        api = EvolutionApi(simulator.url, simulator.api_key)
        assert await api.find_events("loja-01") == NEVER_SET
        assert await api.set_events("loja-01", ["CALL"]) == SentEvents(True, ("CALL",))
        everything = await api.set_events("loja-01", [])
        assert everything is not None
        assert len(everything.events) == 31
        assert await api.find_events("loja-01") == everything
        await api.set_websocket("loja-01", enabled=False)
        assert await api.find_events("loja-01") == SentEvents(False, ())
        await api.close()


async def test_an_instance_that_is_not_loaded_yet_has_no_state() -> None:
    async with running_simulator(instances=1, load_s=60.0, loaded=False) as simulator:
        api = EvolutionApi(simulator.url, simulator.api_key)
        assert await api.connection_state("loja-01") is InstanceState.UNKNOWN
        await api.close()


async def test_the_key_is_scrubbed_from_what_a_server_says() -> None:
    """I5: a server that repeats the key in its message does not get it any further."""
    error = {"status": 400, "error": "Bad Request", "response": {"message": [[f"bad key {KEY}"]]}}
    with pytest.raises(EvolutionRefusalError) as caught:
        await saying(400, error).fetch_instances()
    assert caught.value.detail == "Evolution API refused: bad key ***"


async def test_known_secrets_are_scrubbed_too() -> None:
    answer = httpx2.Response(400, json={"response": {"message": "tok-alpha is odd"}})
    transport = httpx2.MockTransport(lambda _request: answer)
    options = HttpOptions(transport=transport)
    api = EvolutionApi("http://x", KEY, scrub=lambda text: text.replace("tok-alpha", "***"), options=options)
    with pytest.raises(EvolutionRefusalError) as caught:
        await api.fetch_instances()
    assert "tok-alpha" not in str(caught.value)


async def test_a_list_of_instances_may_be_larger_than_other_answers() -> None:
    rows = [{"id": str(number), "name": f"n{number}", "Setting": "x" * 3000} for number in range(2000)]
    assert len(await saying(200, rows).fetch_instances()) == 2000
    with pytest.raises(RefusalError) as caught:
        await saying(200, {"instance": {"state": "x" * 5_000_000}}).connection_state("a")
    assert caught.value.outcome is outcome.UPSTREAM_BAD_ANSWER


async def test_a_row_of_another_name_is_not_taken_for_the_one_asked_for() -> None:
    assert await saying(200, [{"id": "1", "name": "other"}]).fetch_instance("mine") is None
