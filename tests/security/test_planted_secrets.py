"""Every secret that exists in a run of the whole house, searched for in everything that it wrote, answered and sent."""

from __future__ import annotations

import base64
import json
import re
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import jwt
import pytest
from sqlalchemy import select
from tests.oracle.traffic import busy, message, rouse
from tests.support.databases import opened
from tests.support.decode_frames import golden
from tests.support.house import House, Tenant, holds, separate_house
from tests.support.plain_socket import PlainSocket, own_page, plain_socket
from tests.support.simulator import running_simulator

from ponteio.simulator import Simulator
from ponteio.storage.tables import metadata
from ponteio.tenancy.user_sessions import csrf_token

OWN, NOBODYS = ("loja-01", "loja-02"), "loja-03"
PASSWORD, NEW_PASSWORD, RESET_PASSWORD = "correct horse battery", "a better horse battery", "the best horse battery"
WRONG_PASSWORD, TYPED_AS_EMAIL = "hunter2 typed by mistake", "my-password-in-the-wrong-field"
SIGNING_SECRET = "the signing secret of acme, which is long enough"
SECOND_KEY = "the-key-of-a-second-server-0123456789"
WRONG_TOKEN = "9D3A7C50-0000-4000-8000-A-WRONG-TOKEN"
UNKNOWN_KEY = "a-key-that-was-never-met-0123456789"
NEW_TOKEN = "5E1F0C2B-1111-4000-8000-TOKEN-OF-A-NEW-ONE"

SHOWN_ONCE = {
    "API key": "POST /api/keys",
    "ticket": "POST /api/tickets",
    "invitation": "POST /api/invitations",
    "password reset": "POST /api/users/{user_id}/password-reset",
    "session": "POST /api/session",
}
"""What the gateway makes and must tell somebody: the one answer in which each stands."""


@dataclass
class Searched:
    """Everything that left: each answer with the route that gave it, each frame. And what must not be in it."""

    gateway: House
    http: httpx2.AsyncClient
    answers: list[tuple[str, str]] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    secrets: dict[str, list[str]] = field(default_factory=dict)

    def keep(self, kind: str, *values: str) -> None:
        """These are secrets from now on; `kind` says of what sort."""
        self.secrets.setdefault(kind, []).extend(values)

    async def call(self, route: str, headers: dict[str, str], body: Any = None, **names: str) -> httpx2.Response:
        """`route` is a method and a path with `{names}`."""
        method, _, path = route.partition(" ")
        options = {} if body is None else {"json": body}
        url = self.gateway.url + path.format(**names)
        answer = await self.http.request(method, url, headers=headers, **options)
        self.http.cookies.clear()
        self.answers.append((route, f"{answer.text} {list(answer.headers.multi_items())}"))
        return answer

    async def ok(self, route: str, headers: dict[str, str], body: Any = None, **names: str) -> Any:
        answer = await self.call(route, headers, body, **names)
        assert answer.status_code in (200, 201), f"{route}: {answer.text}"
        return answer.json()

    def hear(self, client: PlainSocket) -> None:
        self.frames += client.texts


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def log_in(it: Searched, email: str, password: str) -> dict[str, str]:
    """The headers of a new session."""
    answer = await it.call("POST /api/session", {}, {"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    token = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
    it.keep("session", token)
    return {"Cookie": f"ponteio={token}", "X-CSRF-Token": csrf_token(token)}


async def people(it: Searched, acme: Tenant, operator: str) -> dict[str, str]:
    """Invited, logged in, changed and reset; and everything typed into the wrong place. The headers of an admin."""
    made = await it.ok("POST /api/invitations", bearer(acme.key), {"role": "admin", "email": "ana@acme.test"})
    it.keep("invitation", made["token"])
    it.keep("password", PASSWORD, NEW_PASSWORD, RESET_PASSWORD, WRONG_PASSWORD, TYPED_AS_EMAIL)
    await it.ok("POST /api/invitations/look", {}, {"token": made["token"]})
    account = {"email": "ana@acme.test", "name": "Ana", "password": PASSWORD}
    joined = await it.ok("POST /api/invitations/accept", {}, {"token": made["token"], **account})
    admin = await log_in(it, "ana@acme.test", PASSWORD)
    await it.ok("PUT /api/account/password", admin, {"current": PASSWORD, "new": NEW_PASSWORD})
    reset = await it.ok("POST /api/users/{user_id}/password-reset", bearer(operator), user_id=joined["user"]["id"])
    it.keep("password reset", reset["token"])
    await it.ok("POST /api/account/reset", {}, {"token": reset["token"], "password": RESET_PASSWORD})
    admin = await log_in(it, "ana@acme.test", RESET_PASSWORD)
    for email, password in (("ana@acme.test", WRONG_PASSWORD), (TYPED_AS_EMAIL, PASSWORD), (WRONG_PASSWORD, "x")):
        await it.call("POST /api/session", {}, {"email": email, "password": password})
    await it.call("PUT /api/account/password", admin, {"current": WRONG_PASSWORD, "new": "short"})
    await it.call("POST /api/invitations/look", {}, {"token": reset["token"]})
    return admin


async def machines(it: Searched, acme: Tenant, admin: dict[str, str]) -> list[dict[str, Any]]:
    """Keys, tickets and tokens. Ways to open a socket, good ones and bad ones."""
    made = await it.ok("POST /api/keys", admin, {"label": "of a test"})
    it.keep("API key", made["api_key"])
    it.keep("given key", acme.key)
    tickets = [(await it.ok("POST /api/tickets", bearer(made["api_key"]), {}))["ticket"] for _ in range(2)]
    it.keep("ticket", *tickets)
    it.keep("signing secret", SIGNING_SECRET)
    await it.ok("PUT /api/token-signer", admin, {"secret": SIGNING_SECRET})
    now = int(datetime.now(UTC).timestamp())
    claims = {"iss": acme.organization_id, "aud": "ponteio", "sub": "bia", "iat": now, "exp": now + 200}
    token = jwt.encode(claims, SIGNING_SECRET, algorithm="HS256")
    forged = jwt.encode(claims, SIGNING_SECRET[::-1], algorithm="HS256")
    it.keep("signed token", token, forged)
    await it.ok("GET /api/instances", bearer(token))
    garbage = ["pnt_" + "G" * 43, forged, SIGNING_SECRET]
    it.keep("garbage", *garbage)
    for each in (*garbage, tickets[0]):
        assert (await it.call("GET /api/events", bearer(each))).status_code == 401
    await it.call("GET /api/events?token={token}&apikey={token}", {}, token=made["api_key"])
    good = [{"token": made["api_key"]}, {"token": tickets[0]}, {"token": token}]
    page = {"headers": own_page(it.gateway.url, admin["Cookie"])}
    return [*good, page, *({"token": each} for each in (*garbage, tickets[0], admin["Cookie"]))]


async def servers(it: Searched, operator: str, admin: dict[str, str], simulator: Simulator, other: Simulator) -> None:
    """A second server, claims, and an instance that is made with a token."""
    it.keep("server's key", simulator.api_key, other.api_key, SECOND_KEY)
    it.keep("instance's token", *(one.token for world in (simulator, other) for one in world.world if one.token))
    added = {"url": other.url, "key": other.api_key, "label": "second", "allow_private": True, "global_events": True}
    server = await it.ok("POST /api/servers", bearer(operator), added)
    await it.call("POST /api/servers", bearer(operator), {**added, "key": SECOND_KEY, "url": "nonsense"})
    await it.ok("PATCH /api/servers/{server_id}", bearer(operator), {"label": "2"}, server_id=server["id"])
    own = str(other.instance("loja-02").token)
    claim = {"name": "loja-02", "server": server["id"]}
    it.keep("typed token", WRONG_TOKEN, NEW_TOKEN)
    assert (await it.call("POST /api/instances/claim", admin, {**claim, "token": WRONG_TOKEN})).status_code == 403
    assert (await it.call("POST /api/instances/claim", admin, {**claim, "token": own})).status_code in (200, 409)
    for typed in (it.secrets["garbage"][0], it.secrets["API key"][0]):
        await it.call("POST /api/instances/claim", admin, {"name": typed, "token": WRONG_TOKEN, "server": "main"})
    made = {"name": "brand new", "integration": "EVOLUTION", "token": NEW_TOKEN, "server": "main"}
    await it.ok("POST /api/instances", admin, made)
    for key in (SECOND_KEY, other.api_key):
        await it.call("PATCH /api/servers/{server_id}", bearer(operator), {"key": key}, server_id=server["id"])


def plant(it: Searched, simulator: Simulator) -> None:
    """Secrets of Evolution where they have no business, and all that was recorded of a real one."""
    it.keep("unknown key", UNKNOWN_KEY)
    known = [simulator.api_key, *(one.token for one in simulator.world if one.token)]
    for number, secret in enumerate(known):
        for name in (*OWN, NOBODYS):
            data = message(name, number, f"my token is {secret}, canary")
            data["context"] = {
                "apikey": UNKNOWN_KEY,
                "url": f"https://crm.test/?apikey={quote(secret)}",
                secret: secret,
            }
            simulator.emit(name, "messages.upsert", data, webhook={"token": secret})
        simulator.emit_raw([f'2["messages.upsert",{{"apikey":"{secret}","instance":["{secret}'])
        simulator.emit_raw([f'2["{secret}",{{"instance":"loja-01","event":"{secret}","data":"{secret}"}}]'])
    for file in ("events_global.jsonl", "events_ns.jsonl", "baileys.jsonl", "catalogue.jsonl"):
        for line in golden(file):
            if line.attachments or line.event in ("instance.delete", "remove.instance", "logout.instance"):
                continue
            token = line.envelope.get("apikey")
            if token and token != "Apikey not found" and token not in it.secrets.get("recorded token", ()):
                it.keep("recorded token", token)
            for instance in (line.envelope["instance"], "loja-01"):
                told = json.dumps([line.event, {**line.envelope, "instance": instance}, *line.args[1:]])
                simulator.emit_raw([f"2{told}"])


async def look_everywhere(it: Searched, callers: list[dict[str, str]]) -> None:
    """Every answer that can be had without doing harm."""
    schema = (await it.ok("GET /openapi.json", {}))["paths"]
    for headers in callers:
        for path, methods in schema.items():
            if "get" in methods:
                await it.call("GET " + re.sub(r"{\w+}", "loja-01", path), headers)
        for action in ("connect", "restart"):
            await it.call("POST /api/instances/loja-02/" + action, headers)
        await it.call("POST /api/websocket/test/loja-01", headers)
        after = "0"
        while after:
            answer = await it.call("GET /api/events?limit=500&after={after}", headers, after=after)
            page = answer.json()
            after = page["next"] if answer.status_code == 200 and page["more"] else ""


async def rows(database_url: str) -> str:
    """Everything that is in the database, as text; of bytes their text, where they are one."""
    found = []
    async with opened(database_url) as database, database.read() as connection:
        for table in metadata.sorted_tables:
            for row in await connection.execute(select(table)):
                found += [part.decode(errors="replace") if isinstance(part, bytes) else str(part) for part in row]
    return "\n".join(found)


def spellings(secret: str) -> Iterator[str]:
    """A secret as it may stand somewhere: as it is, in an address, in base64, and its own part alone."""
    yield secret
    yield quote(secret, safe="")
    yield base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]
    if secret[:4] in ("pnt_", "ptk_", "pns_", "pni_"):
        yield secret[16:]


def found_in(text: str, secret: str) -> bool:
    return any(spelling in text for spelling in spellings(secret))


@pytest.mark.timeout(180)
async def test_no_secret_is_in_database_log_answer_or_frame(tmp_path: Path, database_url: str) -> None:
    """I5: what came in and what we made ourselves, at the most talkative log level; each of our own secrets stands in
    the one answer that gave it, and nowhere else.
    """
    async with (
        running_simulator(instances=3, expose_apikey=True) as simulator,
        running_simulator(instances=2, expose_apikey=True, seed=2) as other,
        separate_house(
            simulator,
            tmp_path,
            database_url,
            log_level="debug",
            log_format="json",
        ) as gateway,
        httpx2.AsyncClient(timeout=30) as http,
    ):
        acme, operator = await gateway.tenant("acme", *OWN), await gateway.operator()
        it = Searched(gateway, http)
        it.keep("given key", operator)
        await gateway.start()
        await gateway.is_linked(acme.key)
        rouse(simulator, (*OWN, NOBODYS))
        admin = await people(it, acme, operator)
        ways = await machines(it, acme, admin)
        await servers(it, operator, admin, simulator, other)
        clients = [plain_socket(gateway.url, **way) for way in ways]
        sockets = [await client.__aenter__() for client in clients]
        try:
            await busy(simulator, OWN, scenes=60, burst=10)
            plant(it, simulator)
            other.emit(
                "loja-02", "messages.upsert", message("loja-02", 1, f"mine is {other.instance('loja-02').token}")
            )
            simulator.emit("loja-02", "messages.upsert", message("loja-02", 99, "the last canary"))
            await holds("the last one is heard", lambda: any("the last canary" in told for told in sockets[0].events))
            await look_everywhere(it, [bearer(acme.key), bearer(operator), admin, {}])
            await it.ok("DELETE /api/session", admin)
        finally:
            for client, socket in zip(clients, sockets, strict=True):
                it.hear(socket)
                await client.__aexit__(None, None, None)
        await gateway.stop()
        sealing = (tmp_path / "secret.keys").read_text().split()
        assert stat.S_IMODE((tmp_path / "secret.keys").stat().st_mode) == 0o600
        it.keep("sealing key", *sealing)
    kept = await rows(database_url)
    kept += "".join(path.read_bytes().decode("latin-1") for path in tmp_path.glob("test.db*"))
    judge(it, kept)


def judge(it: Searched, kept: str) -> None:
    assert "my token is [redacted], canary" in kept
    assert any("my token is [redacted], canary" in told for told in it.frames)
    assert any("my token is [redacted], canary" in told for _, told in it.answers)
    assert len(it.gateway.log_lines) > 50
    assert len(it.secrets) >= 14
    log = "".join(it.gateway.log_lines)
    frames = "\n".join(it.frames)
    for kind, secrets in it.secrets.items():
        assert secrets, kind
        for secret in secrets:
            assert not found_in(kept, secret), f"a {kind} is in the database"
            assert not found_in(log, secret), f"a {kind} is in the log"
            assert not found_in(frames, secret), f"a {kind} was sent to a socket"
            shown = Counter(route for route, told in it.answers if found_in(told, secret))
            expected = {SHOWN_ONCE[kind]: 1} if kind in SHOWN_ONCE else {}
            assert shown == expected, f"a {kind} was shown by {shown}"
