"""Keys, tickets and signers over REST: shown once, narrowed, revoked."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from tests.support.rest_client import Caller, code, rest_desk
from tests.support.rest_house import ON_EACH_DATABASE
from tests.support.tenant_desk import TenantDesk

from ponteio.model.rights import Role

SECRET = "a shared secret of more than thirty-two bytes"


@ON_EACH_DATABASE
async def test_a_key_is_made_used_listed_and_revoked(here: TenantDesk) -> None:
    admin = here.acme.people[Role.ADMIN].caller
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    wanted = {"label": "crm", "scopes": ["events:read"], "instances": ["loja-01"], "events": ["messages.*"]}
    made = await admin.post("/api/keys", json={**wanted, "expires_at": soon, "live_per_minute": 50})
    assert made.status_code == 201
    key, secret = made.json()["key"], made.json()["api_key"]
    assert (key["scopes"], key["instances"], key["events"]) == (["events:read"], ["loja-01"], ["messages.*"])
    assert (key["live_per_minute"], key["created_by"]) == (50, here.acme.ids["admin_id"])
    here.desk.api_keys.append(secret)
    caller = Caller(here.desk, secret)
    assert (await caller.get("/api/events")).status_code == 200
    assert code(await caller.get("/api/keys")) == "forbidden"
    seen = (await caller.get("/api/instances")).json()["instances"]
    assert [one["name"] for one in seen] == ["loja-01"]
    listed = {one["id"]: one for one in (await admin.get("/api/keys")).json()["keys"]}
    assert listed[key["id"]]["prefix"] == secret[:12]
    assert listed[key["id"]]["revoked_at"] is None
    assert code(await here.rival.people[Role.ADMIN].caller.delete(f"/api/keys/{key['id']}")) == "not_found"
    assert (await admin.delete(f"/api/keys/{key['id']}")).json() == {"ok": True}
    assert code(await caller.get("/api/events")) == "auth_invalid"
    listed = {one["id"]: one for one in (await admin.get("/api/keys")).json()["keys"]}
    assert listed[key["id"]]["revoked_at"]
    audit = (await admin.get("/api/audit")).json()["entries"]
    assert [entry["action"] for entry in audit[:2]] == ["key.revoked", "key.made"]
    assert audit[0]["actor_label"] == "admin@acme.example"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"scopes": []}, "invalid_request"),
        ({"scopes": ["everything"]}, "invalid_request"),
        ({"events": ["mess*"]}, "invalid_filter"),
        ({"events": ["\ud800"]}, "invalid_filter"),
        ({"instances": ["loja-01", "\udfff"]}, "invalid_filter"),
        ({"instances": []}, "invalid_request"),
        ({"label": "x" * 150}, "invalid_name"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "invalid_request"),
        ({"expires_at": "2090-01-01T00:00:00"}, "invalid_request"),
        ({"live_per_minute": -1}, "invalid_request"),
    ],
)
async def test_what_is_no_key_is_refused(here: TenantDesk, body: dict[str, object], expected: str) -> None:
    sent = {"content": json.dumps(body), "headers": {"Content-Type": "application/json"}}
    admin = here.acme.people[Role.ADMIN].caller
    before = (await admin.get("/api/keys")).json()
    assert code(await admin.post("/api/keys", **sent)) == expected
    assert (await admin.get("/api/keys")).json() == before


@ON_EACH_DATABASE
async def test_the_operator_makes_keys_for_itself_and_for_organizations(here: TenantDesk) -> None:
    for operator in here.operators:
        own = await operator.caller.post("/api/keys", json={"label": "ops"})
        here.desk.api_keys.append(own.json()["api_key"])
        assert own.json()["key"]["organization"] is None
        assert (await Caller(here.desk, own.json()["api_key"]).get("/api/organizations")).status_code == 200
        refused = await operator.caller.post("/api/keys", json={"scopes": ["events:read"]})
        assert code(refused) == "invalid_request"
        theirs = await operator.caller.post("/api/keys", json={}, params={"organization": "acme"})
        here.desk.api_keys.append(theirs.json()["api_key"])
        assert theirs.json()["key"]["organization"] == here.acme.organization_id
        unknown = await operator.caller.get("/api/keys", params={"organization": "nobody"})
        assert code(unknown) == "organization_not_found"


@ON_EACH_DATABASE
async def test_a_ticket_gives_no_more_than_its_key(here: TenantDesk) -> None:
    reader, narrowed = here.acme.keys["reader"].caller, here.acme.keys["narrowed"].caller
    made = await reader.post("/api/tickets", json={"instances": ["loja-01"], "user_label": "ana", "valid_s": 5})
    assert made.status_code == 201
    assert made.json()["ticket"].startswith("ptk_")
    assert made.json()["url"] is None
    principal = await here.desk.services.authenticator.handshake(made.json()["ticket"])
    assert principal.user == "ana"
    assert principal.scope is not None
    assert principal.scope.allowed.instances == frozenset({"loja-01"})
    assert not principal.scope.sight.pairing
    assert code(await reader.post("/api/tickets", json={"pairing": True})) == "forbidden"
    assert code(await narrowed.post("/api/tickets", json={"instances": ["loja-02"]})) == "forbidden"
    assert code(await here.acme.people[Role.ADMIN].caller.post("/api/tickets", json={})) == "forbidden"
    bodies: list[dict[str, object]] = [{"valid_s": 0}, {"valid_s": 61}, {"events": []}]
    for body in bodies:
        assert code(await reader.post("/api/tickets", json=body)) == "invalid_request"
    assert code(await Caller(here.desk, made.json()["ticket"]).get("/api/events")) == "auth_invalid"


@ON_EACH_DATABASE
async def test_an_organization_signs_its_own_tokens(here: TenantDesk) -> None:
    admin = here.acme.people[Role.ADMIN].caller
    assert code(await admin.get("/api/token-signer")) == "not_found"
    both: dict[str, object] = {"secret": SECRET, "jwks": {"keys": []}}
    bad: list[dict[str, object]] = [{}, both, {"secret": "short"}, {"jwks": {"keys": []}}]
    for body in bad:
        assert code(await admin.call("PUT", "/api/token-signer", json=body)) == "invalid_request"
    put = await admin.call("PUT", "/api/token-signer", json={"secret": SECRET})
    assert put.json()["issuer"] == here.acme.organization_id
    assert SECRET not in put.text
    now_s = int(time.time())
    claims = {"iss": here.acme.organization_id, "aud": "ponteio", "sub": "ana", "iat": now_s, "exp": now_s + 60}
    token = jwt.encode(claims, SECRET, algorithm="HS256")
    assert (await Caller(here.desk, token).get("/api/events")).status_code == 200
    assert code(await Caller(here.desk, token).get("/api/keys")) == "forbidden"
    foreign = jwt.encode({**claims, "iss": here.rival.organization_id}, SECRET, algorithm="HS256")
    assert code(await Caller(here.desk, foreign).get("/api/events")) == "auth_invalid"
    assert (await admin.delete("/api/token-signer")).status_code == 200
    assert code(await Caller(here.desk, token).get("/api/events")) == "auth_invalid"
    assert code(await admin.delete("/api/token-signer")) == "not_found"
    audit = (await admin.get("/api/audit")).json()["entries"]
    assert [entry["action"] for entry in audit[:2]] == ["signer.removed", "signer.set"]
    assert audit[1]["detail"] == {"algorithms": ["HS256", "HS384", "HS512"]}


async def test_browsers_are_told_where_the_gateway_is(tmp_path: Path) -> None:
    public = {"public_url": "https://events.example", "allowed_hosts": ("gateway",)}
    async with rest_desk(tmp_path, instances=3, started=False, web=public) as desk:
        made = await desk.acme.post("/api/tickets", json={})
        assert made.json()["url"] == "https://events.example"


async def test_a_key_cannot_make_one_that_may_do_more(here: TenantDesk) -> None:
    """I10: who is limited to an instance, or to metadata, cannot lift that limit."""
    for label in ("reader", "linker", "manager", "narrowed", "metadata"):
        refused = await here.acme.keys[label].caller.post("/api/keys", json={"label": "more", "scopes": ["admin"]})
        assert code(refused) == "forbidden", label
        refused = await here.acme.keys[label].caller.call("PUT", "/api/token-signer", json={"secret": SECRET})
        assert code(refused) == "forbidden", label


@ON_EACH_DATABASE
async def test_public_keys_sign_and_private_ones_are_not_taken(here: TenantDesk) -> None:
    admin = here.acme.people[Role.ADMIN].caller
    private = ec.generate_private_key(ec.SECP256R1())
    public: dict[str, object] = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    secret: dict[str, object] = ECAlgorithm.to_jwk(private, as_dict=True)
    refused = await admin.call("PUT", "/api/token-signer", json={"jwks": {"keys": [{**secret, "kid": "one"}]}})
    assert code(refused) == "invalid_request"
    assert str(secret["d"]) not in refused.text
    jwks = {"keys": [{**public, "kid": "one"}]}
    put = await admin.call("PUT", "/api/token-signer", json={"jwks": jwks, "audience": "crm"})
    assert (put.status_code, put.json()["audience"]) == (200, "crm")
    assert (await admin.get("/api/token-signer")).json() == put.json()
    now_s = int(time.time())
    claims = {"iss": here.acme.organization_id, "aud": "crm", "sub": "ana", "iat": now_s, "exp": now_s + 60}
    good = jwt.encode(claims, private, algorithm="ES256", headers={"kid": "one"})
    assert (await Caller(here.desk, good).get("/api/events")).status_code == 200
    other = jwt.encode({**claims, "aud": "ponteio"}, private, algorithm="ES256", headers={"kid": "one"})
    assert code(await Caller(here.desk, other).get("/api/events")) == "auth_invalid"
