"""Channels over REST: secrets go in, or come out once, and never again."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.rest_client import Caller, code
from tests.support.rest_house import ON_EACH_DATABASE
from tests.support.tenant_desk import TenantDesk
from tests.support.webhook_receiver import answering, receiver

from ponteio.model.rights import Role

SECRETS = ("a-secret-path", "header-secret-value", "a-secret-topic")
HOOK = {
    "kind": "webhook",
    "name": "n8n",
    "url": "https://n8n.example/webhook/a-secret-path",
    "header": {"name": "X-N8n", "value": "header-secret-value"},
}


@pytest.fixture
def admin(here: TenantDesk) -> Caller:
    here.desk.api_keys.extend(SECRETS)  # no answer may hold them
    return here.acme.people[Role.ADMIN].caller


async def made(admin: Caller, **body: Any) -> dict[str, Any]:
    answer = await admin.post("/api/channels", json={**HOOK, **body})
    assert answer.status_code == 201, answer.text
    channel: dict[str, Any] = answer.json()["channel"]
    return channel


@ON_EACH_DATABASE
async def test_a_webhook_is_made_changed_and_removed(here: TenantDesk, admin: Caller) -> None:
    answer = await admin.post("/api/channels", json=HOOK)
    assert answer.status_code == 201
    channel, secret = answer.json()["channel"], answer.json()["secret"]
    here.desk.api_keys.append(secret)
    assert secret.startswith("whsec_")
    assert (channel["address"], channel["header"], channel["enabled"]) == ("https://n8n.example/…", "X-N8n", True)
    path = f"/api/channels/{channel['id']}"
    assert (await admin.get(path)).json() == channel
    viewer = here.acme.people[Role.VIEWER].caller
    listed = (await viewer.get("/api/channels")).json()
    assert listed["channels"][1:] == [channel], "the first is the desk's own"
    assert {one["kind"]: one["installed"] for one in listed["kinds"]} == {
        "web_push": True, "webhook": True, "apprise": True,
    }  # fmt: skip
    change = {"name": "other", "url": "http://n8n.example", "header": None, "enabled": False}
    changed = (await admin.call("PATCH", path, json=change)).json()
    assert (changed["name"], changed["address"], changed["header"]) == ("other", "http://n8n.example", None)
    assert (changed["enabled"], changed["disabled_reason"]) == (False, "by_hand")
    assert (await admin.call("PATCH", path, json={"enabled": True})).json()["enabled"]
    rotated = (await admin.post(f"{path}/secret", json={"overlap_s": 60})).json()
    assert rotated["secret"] != secret
    assert rotated["channel"]["old_secret_until"] is not None
    here.desk.api_keys.append(rotated["secret"])
    assert (await admin.delete(path)).status_code == 200
    assert code(await admin.get(path)) == "not_found"
    entries = (await admin.get("/api/audit")).json()["entries"]
    assert [entry["action"] for entry in entries[:5]] == [
        "channel.removed", "channel.secret_made", "channel.changed", "channel.changed", "channel.made",
    ]  # fmt: skip
    assert entries[4]["detail"] == {"kind": "webhook", "address": "https://n8n.example/…"}
    assert entries[3]["detail"]["members"] == ["enabled", "header", "name", "url"]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "sms"},
        {"name": ""},
        {"name": "x" * 101},
        {"url": None},
        {"url": "ftp://a.example/a-secret-path"},
        {"url": "https://a.example/" + "x" * 2_048},
        {"header": {"name": "Host", "value": "header-secret-value"}},
        {"header": {"name": "X", "value": "a\r\nheader-secret-value"}},
        {"users": ["usr_1"]},
        {"enabled": True},
        {"kind": "apprise", "header": None, "url": "json://a-secret-topic"},
    ],
)
async def test_what_cannot_be_is_refused(here: TenantDesk, admin: Caller, change: dict[str, Any]) -> None:
    assert code(await admin.post("/api/channels", json={**HOOK, **change})) == "invalid_request"
    assert len((await admin.get("/api/channels")).json()["channels"]) == 1, "the desk's own"


async def test_an_address_in_numbers_that_is_private_is_refused(here: TenantDesk, admin: Caller) -> None:
    for url in ("http://169.254.169.254/latest", "http://10.0.0.1/", "http://[::1]/"):
        assert code(await admin.post("/api/channels", json={**HOOK, "url": url})) == "address_refused"


@pytest.mark.parametrize(
    "change", [{"name": None}, {"url": None}, {"enabled": None}, {"kind": "apprise"}, {"url": "x"}]
)
async def test_a_change_that_cannot_be(here: TenantDesk, admin: Caller, change: dict[str, Any]) -> None:
    channel = await made(admin)
    path = f"/api/channels/{channel['id']}"
    assert code(await admin.call("PATCH", path, json=change)) == "invalid_request"
    assert (await admin.get(path)).json() == channel


async def test_web_push_goes_to_members_alone(here: TenantDesk, admin: Caller) -> None:
    """I4: a person of another organization is as unknown as nobody."""
    mine, foreign = here.acme.ids["viewer_id"], here.rival.ids["viewer_id"]
    answer = await admin.post("/api/channels", json={"kind": "web_push", "name": "people", "users": [mine]})
    assert answer.json()["channel"]["users"] == [mine]
    assert answer.json()["secret"] is None
    path = f"/api/channels/{answer.json()['channel']['id']}"
    assert (await admin.call("PATCH", path, json={"users": None})).json()["users"] is None
    asked = [{"kind": "web_push", "name": "p", "users": [one]} for one in (foreign, "usr_000000000000000000000000")]
    one, other = [await admin.post("/api/channels", json=body) for body in asked]
    assert code(one) == code(other) == "invalid_request"
    assert one.json()["detail"] == other.json()["detail"]
    assert code(await admin.post(f"{path}/secret", json={})) == "invalid_request"


@ON_EACH_DATABASE
async def test_the_test_button_says_what_happened(here: TenantDesk, admin: Caller) -> None:
    async with receiver() as server:
        answer = await admin.post("/api/channels", json={**HOOK, "url": server.url + "/a-secret-path"})
        channel, secret = answer.json()["channel"], answer.json()["secret"]
        path = f"/api/channels/{channel['id']}"
        good = (await admin.post(f"{path}/test")).json()
        assert (good["delivered"], good["outcome"], good["status"]) == (True, "delivered", 204)
        assert server.calls[0].verified(secret)["type"] == "test"
        assert server.calls[0].headers["x-n8n"] == "header-secret-value"
        server.behave = answering(401, body=b"a-secret-topic")
        bad = (await admin.post(f"{path}/test")).json()
        assert (bad["delivered"], bad["outcome"], bad["status"]) == (False, "rejected", 401)
    viewer = here.acme.people[Role.VIEWER].caller
    found = (await viewer.get(f"{path}/deliveries")).json()["deliveries"]
    assert {(one["outcome"], one["status"], one["attempts"]) for one in found} == {
        ("delivered", 204, 1), ("rejected", 401, 1),
    }  # fmt: skip
    assert len((await viewer.get(f"{path}/deliveries", params={"limit": 1})).json()["deliveries"]) == 1
    assert code(await viewer.get(f"{path}/deliveries", params={"limit": 0})) == "invalid_request"
    assert code(await viewer.post(f"{path}/test")) == "forbidden"
    tested = (await admin.get("/api/audit", params={"action": "channel.tested"})).json()["entries"]
    assert [entry["detail"] for entry in tested] == [{"outcome": "rejected"}, {"outcome": "delivered"}]


async def test_the_limit_is_the_organizations(here: TenantDesk, admin: Caller) -> None:
    await here.desk.house.directory.set_limits(here.acme.organization_id, {"notifications_per_hour": 1})
    async with receiver() as server:
        channel = await made(admin, url=server.url)
        path = f"/api/channels/{channel['id']}/test"
        assert (await admin.post(path)).json()["delivered"]
        assert code(await admin.post(path)) == "too_many_notifications"
        assert len(server.calls) == 1
    limits = (await admin.get("/api/limits")).json()
    assert ("too_many_notifications", 1) in {(one["code"], one["count"]) for one in limits["reached"]}
