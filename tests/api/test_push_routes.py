from __future__ import annotations

from typing import Any

import pytest
from tests.support.push_endpoint import unpadded
from tests.support.rest_client import code
from tests.support.rest_house import ON_EACH_DATABASE
from tests.support.tenant_desk import TenantDesk

from ponteio.model.rights import Role
from ponteio.notify.push_crypto import VapidPair

PAIR = VapidPair.new()
SUBSCRIPTION: dict[str, Any] = {
    "endpoint": "https://127.0.0.1:9/an-endpoint-that-is-a-secret",
    "expirationTime": None,
    "keys": {"p256dh": PAIR.public, "auth": unpadded(b"0123456789abcdef")},
    "label": "Firefox on Linux",
}


@ON_EACH_DATABASE
async def test_ones_own_browsers(here: TenantDesk) -> None:
    here.desk.api_keys.extend(["an-endpoint-that-is-a-secret", SUBSCRIPTION["keys"]["auth"]])
    agent, other = here.acme.people[Role.AGENT].caller, here.acme.people[Role.ADMIN].caller
    key = (await agent.get("/api/push/key")).json()["key"]
    assert key == (await other.get("/api/push/key")).json()["key"]
    assert len(key) == 87
    made = await agent.post("/api/push/subscriptions", json=SUBSCRIPTION)
    assert made.status_code == 201
    device = made.json()
    assert (device["label"], device["service"]) == ("Firefox on Linux", "127.0.0.1:9")
    assert (await agent.get("/api/push/subscriptions")).json()["devices"] == [device]
    assert (await other.get("/api/push/subscriptions")).json()["devices"] == []
    path = f"/api/push/subscriptions/{device['id']}"
    assert code(await other.delete(path)) == "not_found"
    (trial,) = (await agent.post("/api/push/test")).json()["devices"]
    assert (trial["id"], trial["delivered"]) == (device["id"], False)
    assert trial["outcome"] == "unreachable"
    assert (await other.post("/api/push/test")).json()["devices"] == []
    assert (await agent.delete(path)).status_code == 200
    assert code(await agent.delete(path)) == "not_found"
    entries = (await other.get("/api/audit")).json()["entries"]
    assert [entry["action"] for entry in entries[:2]] == ["device.removed", "device.added"]


async def test_it_is_for_people(here: TenantDesk) -> None:
    for label in ("all", "reader"):
        key = here.acme.keys[label].caller
        assert code(await key.get("/api/push/key")) == "forbidden"
        assert code(await key.post("/api/push/subscriptions", json=SUBSCRIPTION)) == "forbidden"
    operator = here.operators[0].caller
    assert (await operator.post("/api/push/subscriptions", json=SUBSCRIPTION)).status_code == 201
    assert code(await here.desk.nobody.get("/api/push/key")) == "auth_required"


async def test_a_browser_of_somebody_else_moves(here: TenantDesk) -> None:
    first, second = here.acme.people[Role.AGENT].caller, here.rival.people[Role.AGENT].caller
    await first.post("/api/push/subscriptions", json=SUBSCRIPTION)
    await second.post("/api/push/subscriptions", json=SUBSCRIPTION)
    assert (await first.get("/api/push/subscriptions")).json()["devices"] == []
    assert len((await second.get("/api/push/subscriptions")).json()["devices"]) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "http://push.example/x"},
        {"endpoint": "x"},
        {"endpoint": "https://push.example/" + "x" * 2_048},
        {"keys": {"p256dh": "A" * 87, "auth": "A" * 22}},
        {"keys": {"p256dh": PAIR.public, "auth": "A" * 21}},
        {"keys": {"p256dh": PAIR.public}},
        {"label": "x" * 101},
        {"user": "usr_1"},
    ],
)
async def test_what_is_no_subscription(here: TenantDesk, change: dict[str, Any]) -> None:
    caller = here.acme.people[Role.AGENT].caller
    assert code(await caller.post("/api/push/subscriptions", json={**SUBSCRIPTION, **change})) == "invalid_request"


async def test_what_a_browser_itself_gives_is_taken(here: TenantDesk) -> None:
    caller = here.acme.people[Role.AGENT].caller
    given = {name: SUBSCRIPTION[name] for name in ("endpoint", "expirationTime", "keys")}
    assert (await caller.post("/api/push/subscriptions", json=given)).status_code == 201
