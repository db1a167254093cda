"""Evolution servers over REST: the key goes in and never comes out."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.rest_client import code
from tests.support.rest_fleet import another_server, on_a_fleet, token_of
from tests.support.rest_house import ON_EACH_DATABASE
from tests.support.simulator import running_simulator, until
from tests.support.tenant_desk import TenantDesk

from ponteio.fleet import Fleet
from ponteio.model.link import LinkState, LinkTarget
from ponteio.model.rights import Role
from ponteio.model.server_url import PUBLIC_DEFAULT_KEYS
from ponteio.simulator import Simulator

KEY = "a-global-key-of-evolution-0042"
NEW = {"url": "https://evo.example/", "key": KEY, "label": "second", "global_events": True}


@ON_EACH_DATABASE
async def test_a_server_is_added_changed_and_removed(here: TenantDesk) -> None:
    here.desk.api_keys.append(KEY)  # no answer may hold it
    operator = here.operators[0].caller
    made = await operator.post("/api/servers", json=NEW)
    assert made.status_code == 201
    server = made.json()
    assert (server["url"], server["key_last4"], server["label"]) == ("https://evo.example", "0042", "second")
    assert not server["allow_private"]
    path = f"/api/servers/{server['id']}"
    changed = (await operator.call("PATCH", path, json={"label": "other", "key": "another-key-of-evolution"})).json()
    assert (changed["label"], changed["key_last4"]) == ("other", "tion")
    listed = {one["id"]: one for one in (await operator.get("/api/servers")).json()["servers"]}
    assert listed["main"]["is_from_environment"]
    assert listed["main"]["instances"] == 3
    assert listed["main"]["key_last4"] is None
    choices = (await here.acme.people[Role.ADMIN].caller.get("/api/servers/choices")).json()["servers"]
    assert choices == [{"id": "main", "label": ""}, {"id": server["id"], "label": "other"}]
    assert (await operator.delete(path)).status_code == 200
    assert code(await operator.delete(path)) == "server_not_found"
    assert code(await operator.call("PATCH", path, json={"label": "x"})) == "server_not_found"
    assert code(await operator.delete("/api/servers/main")) == "invalid_request"
    audit = (await operator.get("/api/audit")).json()["entries"]
    assert [entry["action"] for entry in audit[:3]] == ["server.removed", "server.changed", "server.added"]


@pytest.mark.parametrize(
    "change",
    [
        {"url": "ftp://evo.example"},
        {"url": "https://user:pw@evo.example"},
        {"url": "https://evo.example?apikey=x"},
        {"key": ""},
        {"key": "ke\ny"},
        {"label": "x" * 101},
        {"is_from_environment": True},
    ],
)
async def test_what_is_no_server_is_refused(here: TenantDesk, change: dict[str, object]) -> None:
    refused = await here.operators[0].caller.post("/api/servers", json={**NEW, **change})
    assert code(refused) == "invalid_request"


# Several servers.


@pytest.fixture
async def second() -> AsyncIterator[Simulator]:
    """Another Evolution, whose instances have the names of the first one's."""
    async with running_simulator(instances=3, seed=2, api_key="the-key-of-the-second-server") as started:
        yield started


@pytest.fixture
async def fleet(here: TenantDesk) -> AsyncIterator[Fleet]:
    async with on_a_fleet(here) as running:
        yield running


@ON_EACH_DATABASE
async def test_a_server_that_is_added_is_linked_to_at_once_and_no_more_when_it_is_removed(
    here: TenantDesk, fleet: Fleet, second: Simulator
) -> None:
    operator = here.operators[0].caller
    added = await another_server(here, second, global_events=True)
    assert added in [station.server_id for station in fleet.stations()]
    links = fleet.station(added).links
    await until(lambda: links.status(LinkTarget(added)).state is LinkState.CONNECTED)
    await until(lambda: here.desk.house.directory.find(added, "loja-01"))
    listed = {one["id"]: one for one in (await operator.get("/api/servers")).json()["servers"]}
    assert (listed[added]["is_usable"], listed[added]["instances"]) == (True, 3)
    await operator.delete(f"/api/servers/{added}")
    assert [station.server_id for station in fleet.stations()] == ["main"]
    everything = (await operator.get("/api/instances")).json()["instances"]
    assert {one["server"] for one in everything} == {"main"}
    status = await operator.get("/api/websocket/status", params={"server": added})
    assert (status.status_code, code(status)) == (404, "server_not_found")


async def test_namesakes_on_two_servers_are_told_apart(here: TenantDesk, fleet: Fleet, second: Simulator) -> None:
    """I4: of an organization's own there is one; the operator says which is meant."""
    operator, acme = here.operators[0].caller, here.acme.people[Role.ADMIN].caller
    added = await another_server(here, second)
    await until(lambda: len(here.desk.house.directory.namesakes("loja-01")) == 2)
    assert (await acme.get("/api/instances/loja-01")).json()["server"] == "main"
    assert code(await acme.get("/api/instances/loja-01", params={"server": added})) == "instance_not_found"
    assert code(await operator.get("/api/instances/loja-01")) == "invalid_request"
    for server in ("main", added):
        found = await operator.get("/api/instances/loja-01", params={"server": server})
        assert found.json()["server"] == server
    assert code(await operator.get("/api/instances/loja-01", params={"server": "srv_none"})) == "instance_not_found"
    given = await operator.post(
        "/api/instances/loja-03/assign", json={"organization": "acme"}, params={"server": added}
    )
    assert (given.json()["server"], given.json()["organization"]) == (added, here.acme.organization_id)
    assert here.desk.house.instance("loja-03").organization_id == here.rival.organization_id
    assert (await acme.get("/api/instances/loja-03")).json()["server"] == added
    taken = await operator.post(
        "/api/instances/loja-01/assign", json={"organization": "acme"}, params={"server": added}
    )
    assert (taken.status_code, code(taken)) == (409, "name_taken")
    claim = {"name": "loja-02", "token": token_of(second, "loja-02"), "server": added}
    assert code(await acme.post("/api/instances/claim", json=claim)) == "name_taken"


async def test_all_links_are_those_of_every_server_or_of_the_one_that_is_named(
    here: TenantDesk, fleet: Fleet, second: Simulator
) -> None:
    operator, acme = here.operators[0].caller, here.acme.people[Role.ADMIN].caller
    added = await another_server(here, second)
    await until(lambda: here.desk.house.directory.find(added, "loja-03"))
    await here.desk.house.directory.assign("loja-03", here.acme.organization_id, server_id=added)
    answer = (await acme.post("/api/websocket/disconnect/all")).json()["links"]
    mine = {("main", "loja-01"), ("main", "loja-02"), (added, "loja-03")}
    assert {(one["server"], one["instance"]) for one in answer} == mine
    limits = (await acme.get("/api/limits")).json()["limits"]
    assert {one["name"]: one["used"] for one in limits}["links"] == 0
    answer = (await acme.post("/api/websocket/connect/all", params={"server": added})).json()["links"]
    assert [(one["server"], one["instance"]) for one in answer] == [(added, "loja-03")]
    await until(lambda: fleet.station(added).links.status(LinkTarget(added, "loja-03")).state is not LinkState.OFF)
    limits = (await acme.get("/api/limits")).json()["limits"]
    assert {one["name"]: one["used"] for one in limits}["links"] == 1
    for path in ("connect/all", "disconnect/all"):
        refused = await acme.post(f"/api/websocket/{path}", params={"server": "srv_none"})
        assert code(refused) == "server_not_found"
    answer = await operator.post("/api/websocket/connect/global", params={"server": added})
    assert (answer.json()["server"], answer.json()["instance"]) == (added, None)
    assert fleet.station("main").links.status(LinkTarget("main")).state is LinkState.OFF
    for server in ("main", added):
        status = (await acme.get("/api/websocket/status", params={"server": server})).json()
        assert (status["global_link"]["server"], status["links"]["total"]) == (server, 3)


async def test_a_key_that_everybody_knows_is_pointed_out(here: TenantDesk, fleet: Fleet) -> None:
    operator = here.operators[0].caller
    async with running_simulator(instances=1, api_key=min(PUBLIC_DEFAULT_KEYS)) as simulator:
        added = await another_server(here, simulator)
        assert fleet.is_reachable(added)
        listed = {one["id"]: one for one in (await operator.get("/api/servers")).json()["servers"]}
        assert listed[added]["key_is_public"]
        assert not listed["main"]["key_is_public"]
        changed = await operator.call("PATCH", f"/api/servers/{added}", json={"key": "a-key-that-nobody-knows"})
        assert not changed.json()["key_is_public"]
