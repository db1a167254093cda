"""Who owns an instance: claimed, given, moved, taken; and what is done to one is written down."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.rest_client import code, encoded
from tests.support.rest_fleet import on_a_fleet, token_of
from tests.support.rest_house import ON_EACH_DATABASE
from tests.support.tenant_desk import TenantDesk

from ponteio.api.rate_limits import CLAIMS_PER_MINUTE
from ponteio.model.rights import Role

INSTANCES = "/api/instances"


@pytest.fixture
async def stray(here: TenantDesk) -> AsyncIterator[TenantDesk]:
    """`rival` has lost loja-03, which is nobody's; instances can be claimed."""
    async with on_a_fleet(here):
        answer = await here.operators[0].caller.post(f"{INSTANCES}/loja-03/unassign")
        assert answer.json()["organization"] is None
        yield here


async def actions(here: TenantDesk, *, of: str | None = None) -> list[tuple[str, str | None]]:
    """What was done to what, newest first."""
    about = {} if of is None else {"organization": of}
    entries = (await here.operators[0].caller.get("/api/audit", params=about)).json()["entries"]
    return [(entry["action"], entry["target"]) for entry in entries]


@ON_EACH_DATABASE
async def test_who_proves_the_token_of_what_nobody_owns_has_it_from_then_on(stray: TenantDesk) -> None:
    """I4: a wrong token, a name that nobody has and what somebody owns are refused alike, and all is written down."""
    acme, rival = stray.acme.people[Role.ADMIN].caller, stray.rival.keys["manager"].caller
    simulator = stray.desk.house.simulator
    token = token_of(simulator, "loja-03")
    tries = [("loja-03", "a token that nobody has"), ("nobody", token), ("loja-03", token_of(simulator, "loja-01"))]
    refused = [await acme.post(f"{INSTANCES}/claim", json={"name": name, "token": it}) for name, it in tries]
    claimed = await acme.post(f"{INSTANCES}/claim", json={"name": "loja-03", "token": token, "server": "main"})
    assert (claimed.status_code, claimed.json()["organization"]) == (200, stray.acme.organization_id)
    refused.append(await rival.post(f"{INSTANCES}/claim", json={"name": "loja-03", "token": token}))
    assert {(one.status_code, one.content) for one in refused} == {(403, refused[0].content)}
    assert code(refused[0]) == "claim_refused"
    assert code(await rival.get(f"{INSTANCES}/loja-03")) == "instance_not_found"
    assert (await acme.get(f"{INSTANCES}/loja-03")).status_code == 200
    done = await actions(stray, of="acme")
    names = [name for name, _ in reversed(tries)]
    assert done[:4] == [("instance.claimed", "loja-03"), *(("instance.claim_refused", name) for name in names)]
    done = await actions(stray, of="rival")
    assert done[:2] == [("instance.claim_refused", "loja-03"), ("instance.unassigned", "loja-03")]


async def test_tokens_cannot_be_guessed_by_the_dozen(stray: TenantDesk) -> None:
    guess = {"name": "loja-03", "token": "a token that nobody has"}
    callers = [stray.acme.people[Role.ADMIN].caller, stray.acme.keys["manager"].caller, stray.acme.keys["all"].caller]
    for number in range(CLAIMS_PER_MINUTE):
        answer = await callers[number % 3].post(f"{INSTANCES}/claim", json=guess)
        assert code(answer) == "claim_refused"
    for caller in callers:
        refused = await caller.post(f"{INSTANCES}/claim", json=guess)
        assert (refused.status_code, code(refused)) == (429, "rate_limited")
        told = (await stray.acme.people[Role.ADMIN].caller.get("/api/limits")).json()["reached"]
        assert [one["code"] for one in told] == ["rate_limited"]
        assert int(refused.headers["retry-after"]) > 0
    assert code(await stray.rival.keys["all"].caller.post(f"{INSTANCES}/claim", json=guess)) == "claim_refused"
    operator = stray.operators[0].caller
    assert code(await operator.post(f"{INSTANCES}/claim", json=guess)) == "organization_only"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "loja-03"},
        {"token": "x"},
        {"name": "", "token": "x"},
        {"name": "loja-03", "token": ""},
        {"name": "loja-03", "token": "x" * 1025},
        {"name": "loja-03", "token": "x", "organization": "rival"},
    ],
)
async def test_what_is_no_claim_is_refused(here: TenantDesk, body: dict[str, str]) -> None:
    assert code(await here.acme.keys["all"].caller.post(f"{INSTANCES}/claim", json=body)) == "invalid_request"


@ON_EACH_DATABASE
async def test_the_operator_gives_what_nobody_owns_and_moves_what_somebody_does(stray: TenantDesk) -> None:
    operator, acme, rival = stray.operators[0].caller, stray.acme.organization_id, stray.rival.organization_id
    path = f"{INSTANCES}/loja-03/assign"
    nobodys = (await operator.get("/api/quarantine/instances")).json()["instances"]
    assert [(one["name"], one["server"], one["quarantined"]) for one in nobodys] == [("loja-03", "main", 0)]
    assert code(await operator.post(path, json={"organization": "nobody"})) == "organization_not_found"
    assert code(await operator.post(f"{INSTANCES}/none/assign", json={"organization": acme})) == "instance_not_found"
    given = await operator.post(path, json={"organization": "acme"})
    assert (given.status_code, given.json()["organization"]) == (200, acme)
    assert (await operator.get("/api/quarantine/instances")).json()["instances"] == []
    for _ in range(2):
        refused = await operator.post(path, json={"organization": rival})
        assert code(refused) == "invalid_request"
        assert "move" in refused.json()["detail"]
        assert stray.desk.house.instance("loja-03").organization_id == acme
        assert (await operator.post(path, json={"organization": acme})).status_code == 200
    moved = await operator.post(path, json={"organization": rival, "move": True})
    assert moved.json()["organization"] == rival
    assert code(await stray.acme.keys["all"].caller.get(f"{INSTANCES}/loja-03")) == "instance_not_found"
    assert (await actions(stray, of="rival"))[0] == ("instance.assigned", "loja-03")
    assert (await actions(stray, of="acme"))[:2] == [
        ("instance.unassigned", "loja-03"),
        ("instance.assigned", "loja-03"),
    ]


@ON_EACH_DATABASE
async def test_a_new_owner_gets_nothing_of_before_and_a_former_one_keeps_it(stray: TenantDesk) -> None:
    """I4: an event is its owner's of the moment in which it came."""
    house, operator = stray.desk.house, stray.operators[0].caller
    await house.store(stray.desk.rival_scope, "loja-03", "messages.upsert", b'{"canary":"of rival"}')
    await operator.post(f"{INSTANCES}/loja-03/assign", json={"organization": "acme"})
    await house.store(stray.desk.acme_scope, "loja-03", "messages.upsert", b'{"canary":"of acme"}')
    seen = (await stray.acme.keys["all"].caller.get("/api/events", params={"instance": "loja-03"})).text
    assert ("of acme" in seen, "of rival" in seen) == (True, False)
    kept = (await stray.rival.keys["all"].caller.get("/api/events", params={"instance": "loja-03"})).text
    assert ("of acme" in kept, "of rival" in kept) == (False, True)


async def test_names_that_look_like_routes_are_names(here: TenantDesk) -> None:
    """I4: nothing in a name leads to another instance, or to another route."""
    acme, operator = here.acme.keys["all"].caller, here.operators[0].caller
    for name in ("claim", "assign", "x/assign", "assign/unassign", "loja-01/assign", "loja-03/connect", "claim/assign"):
        made = await acme.post(INSTANCES, json={"name": name, "integration": "EVOLUTION"})
        assert made.status_code == 201, made.text
        path = f"{INSTANCES}/{encoded(name)}"
        assert (await acme.get(path)).json()["name"] == name
        moved = await operator.post(f"{path}/assign", json={"organization": "rival", "move": True})
        assert (moved.json()["name"], moved.json()["organization"]) == (name, here.rival.organization_id)
        assert code(await acme.post(f"{path}/restart")) == "instance_not_found"
        freed = await operator.post(f"{path}/unassign")
        assert (freed.json()["name"], freed.json()["organization"]) == (name, None)
        assert (await operator.delete(path)).json()["name"] == name
    owners = {name: here.desk.house.instance(name).organization_id for name in ("loja-01", "loja-02", "loja-03")}
    assert owners == dict(zip(owners, [*[here.acme.organization_id] * 2, here.rival.organization_id], strict=True))


async def test_whoever_is_shown_a_code_is_written_down(here: TenantDesk) -> None:
    """A QR code is a way into somebody's phone: who saw it can be told."""
    agent, admin = here.acme.people[Role.AGENT].caller, here.acme.people[Role.ADMIN].caller
    assert (await admin.post(f"{INSTANCES}/loja-01/logout")).status_code == 200
    shown = (await agent.post(f"{INSTANCES}/loja-01/connect")).json()
    assert shown["qr_code"]
    assert (await agent.post(f"{INSTANCES}/loja-02/connect")).json()["qr_code"] is None
    entries = (await admin.get("/api/audit", params={"action": "pairing.revealed"})).json()["entries"]
    assert [(one["target"], one["actor_label"]) for one in entries] == [("loja-01", "agent@acme.example")]
    assert shown["qr_code"] not in str(entries)


async def test_what_is_done_to_an_instance_is_written_down(here: TenantDesk) -> None:
    admin = here.acme.people[Role.ADMIN].caller
    await admin.post(INSTANCES, json={"name": "phone"})
    for verb in ("restart", "logout"):
        await admin.post(f"{INSTANCES}/loja-01/{verb}")
    await admin.delete(f"{INSTANCES}/phone")
    done = [entry for entry in await actions(here, of="acme") if entry[0].startswith("instance.")]
    assert done[:4] == [
        ("instance.deleted", "phone"),
        ("instance.logged_out", "loja-01"),
        ("instance.restarted", "loja-01"),
        ("instance.created", "phone"),
    ]
