"""Evolution servers over REST: the key goes in and never comes out."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.rest_client import code
from tests.support.tenant_desk import tenant_desk

from ponteio.model.rights import Role

KEY = "a-global-key-of-evolution-0042"
NEW = {"url": "https://evo.example/", "key": KEY, "label": "second", "global_events": True}


async def test_a_server_is_added_changed_and_removed(tmp_path: Path) -> None:
    async with tenant_desk(tmp_path, started=False) as here:
        here.desk.api_keys.append(KEY)  # no answer may hold it
        operator = here.operators[0].caller
        made = await operator.post("/api/servers", json=NEW)
        assert made.status_code == 201
        server = made.json()
        assert (server["url"], server["key_last4"], server["label"]) == ("https://evo.example", "0042", "second")
        assert not server["allow_private"]
        path = f"/api/servers/{server['id']}"
        changed = (
            await operator.call("PATCH", path, json={"label": "other", "key": "another-key-of-evolution"})
        ).json()
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
async def test_what_is_no_server_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    async with tenant_desk(tmp_path, started=False) as here:
        refused = await here.operators[0].caller.post("/api/servers", json={**NEW, **change})
        assert code(refused) == "invalid_request"
