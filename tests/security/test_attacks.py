"""Attacks on the whole house by what is in a request: bombs, odd texts, members that nobody offered, words that are no
secrets, and heavy questions.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.oracle.traffic import message, say
from tests.security.operations import Operation, able, bodies_of, filled, operations, soon
from tests.support.house import logged_to
from tests.support.route_rights import ANYBODY
from tests.support.two_tenants import UNOWNED, TwoTenants, described_api, two_tenants

CPU_S = 0.15
"""Of one processor, for one request and its client."""
JSON_TYPE = {"Content-Type": "application/json"}

ODD_TEXTS = [
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff\ud800",
    "\u202egnp.exe",
    "\ufeff",
    "\u2028",
    "\ufb00 \u0130 \u0131 \u1e9e",
    "e\u0301" * 60,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 20,
    "\U0010ffff",
    "'; DROP TABLE events; --",
    "%' OR '1'='1",
    "${jndi:ldap://x}{{7*7}}<script>alert(1)</script>",
    "../../etc/passwd",
    "\r\nSet-Cookie: ponteio=x",
    "x" * 70_000,
    " ",
]
"""Texts that somebody's database, terminal, template or alphabet stumbles over."""

ODD_PATHS = [
    *("%00", "a%00b", "%ff", "%ed%a0%80", "%c0%ae%c0%ae", "%f4%90%80%80", "%e2%80%ae", "%0d%0aX:%20y", "%25%30%30"),
    *("%2e%2e%2f%2e%2e", "..%5c..", "%20", "%27%3b--", "*", "%F0%9F%8D%95", "0", "-1", "null", "undefined", "{x}"),
    *("9" * 400, "a" * 4_000, "org_%00", "%EF%BC%91", "a;b=c", "a%3Fb", "a%23b", "@", "%ef%bf%bf"),
]
"""One part of an address, as it stands on the wire."""


def bombs() -> Iterator[bytes]:
    """Bodies of JSON, or not, that are expensive, broken or ambiguous."""
    yield b""
    yield b"[" * 100_000
    yield b'{"a":' * 50_000
    yield b"[" * 400_000 + b"]" * 400_000
    yield b'{"label":' + b"9" * 900_000 + b"}"
    yield b'{"label":1e400,"limit":-1e400}'
    yield b'{"label":NaN,"name":Infinity}'
    yield b'{"label":"x","label":{"a":1}}'
    yield b"\xef\xbb\xbf{}"
    yield '{"label":"x"}'.encode("utf-16")
    yield b'{"label":"\xff\xfe"}'
    yield b'{"label":"\\ud800"}'
    yield b'{"name":"' + b"x" * 900_000 + b'"}'
    yield b"{" + b",".join(b'"k%d":1' % number for number in range(60_000)) + b"}"
    yield b"[" + b"1," * 400_000 + b"1]"
    yield b'"x"'
    yield b"null"
    yield b"-"
    yield b"{}" + b" " * 1_100_000


SLIPPED = frozenset(
    {
        *("organization_id", "organization", "user_id", "is_operator", "role", "rights", "scopes", "sight", "allowed"),
        *(
            "created_by",
            "disabled_at",
            "revoked_at",
            "expires_at",
            "password_hash",
            "key_hash",
            "sealed_key",
            "__proto__",
        ),
    }
)
"""Members that would give somebody more, if a form took them."""

on_sqlite = pytest.mark.parametrize("dialect", ["sqlite"])
"""Where no part of what is asked gets as far as the database."""


@pytest.fixture
async def here(tmp_path: Path, database_url: str) -> AsyncIterator[TwoTenants]:
    """A house that says no word of an error while it is attacked."""
    with logged_to(tmp_path / "gateway.log"):
        async with two_tenants(tmp_path, database_url, global_events=True) as opened:
            await opened.house.is_linked(opened.operator_key.secret)
            yield opened
    told = [json.loads(line) for line in (tmp_path / "gateway.log").read_text().splitlines()]
    assert not [line for line in told if line["level"] in ("error", "critical")]


def with_bodies() -> list[Operation]:
    return [it for it in operations(described_api()) if it.body is not None]


@on_sqlite
async def test_bombs_for_a_body(here: TwoTenants) -> None:
    """Everybody is answered at once, and whoever has no credential is refused before anything is read."""
    assert len(with_bodies()) > 15
    for it in with_bodies():
        for body in bombs():
            for who in (None, able(here, it)):
                answer = await soon(here, who, it.method, filled(it), content=body, headers=JSON_TYPE)
                assert answer.status_code >= 400 or len(body) < 50, f"{it.name} took {body[:50]!r}"
                if who is None and it.need != ANYBODY and len(body) < 1_000_000:
                    assert answer.status_code == 401, f"{it.name}: {answer.text}"


@on_sqlite
async def test_what_a_stranger_sends_costs_little(here: TwoTenants) -> None:
    """P5: where nobody has to prove who they are, a request costs a bounded time of the processor, client included."""
    strangers = [it for it in with_bodies() if it.need == ANYBODY]
    assert len(strangers) >= 4
    for it in strangers:
        for body in bombs():
            began = time.process_time()
            await soon(here, None, it.method, filled(it), content=body, headers=JSON_TYPE)
            assert time.process_time() - began < CPU_S, f"{it.name}: {body[:50]!r}"


@on_sqlite
async def test_bodies_of_other_kinds(here: TwoTenants) -> None:
    """What a form of another page could send is no JSON, whatever it looks like."""
    kinds = [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/html"),
        *("application/xml", "x", ""),
    ]
    made = json.dumps({"label": "made by a form"}).encode()
    for kind in kinds:
        for who in (here.acme.admin, here.acme.keys["all"]):
            answer = await soon(here, who, "POST", "/api/keys", content=made, headers={"Content-Type": kind})
            assert answer.status_code in (415, 422), f"{kind}: {answer.text}"
    for coding in ("gzip", "br", "deflate, gzip"):
        headers = {**JSON_TYPE, "Content-Encoding": coding}
        answer = await soon(
            here, here.acme.admin, "POST", "/api/keys", content=b"\x1f\x8b\x08" + b"x" * 50, headers=headers
        )
        assert answer.status_code in (400, 415, 422)
    keys = await here.ok(here.acme.admin, "GET", "/api/keys")
    assert "made by a form" not in json.dumps(keys)


async def test_odd_texts_in_names_and_ids_of_an_address(here: TwoTenants) -> None:
    """In every path and every query: never a fault of ours, and nothing is found by them."""
    found = [it for it in operations(described_api()) if it.parameters]
    for it in found:
        if "{" not in it.path:
            continue
        for part in ODD_PATHS:
            options = {} if it.body is None else {"json": it.body}
            answer = await soon(here, able(here, it), it.method, filled(it, part), **options)
            assert answer.status_code >= 400, f"{it.name} found {part}"
    for it in found:
        if it.method != "GET":
            continue
        for place in it.parameters:
            name = place.removeprefix("query:")
            for part in ODD_PATHS if place.startswith("query:") else ():
                await soon(here, able(here, it), "GET", f"{it.path}?{name}={part}")


FORMS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("POST", "/api/keys", "label", {}),
    ("POST", "/api/keys", "instances", {"label": "x"}),
    ("POST", "/api/keys", "events", {"label": "x"}),
    ("POST", "/api/tickets", "user_label", {}),
    ("POST", "/api/tickets", "instances", {}),
    ("PUT", "/api/token-signer", "audience", {"secret": "a shared secret of more than thirty-two bytes"}),
    ("PUT", "/api/token-signer", "secret", {}),
    ("POST", "/api/instances/claim", "name", {"token": "a token that nobody has"}),
    ("POST", "/api/invitations", "email", {"role": "viewer"}),
    ("POST", "/api/invitations/look", "token", {}),
    ("PATCH", "/api/account", "name", {}),
    ("PUT", "/api/account/password", "current", {"new": "another long password"}),
    ("PUT", "/api/session/organization", "organization", {}),
    ("POST", "/api/session", "email", {"password": "x"}),
    ("POST", "/api/session", "password", {"email": "nobody@acme.test"}),
    ("POST", "/api/instances", "name", {"integration": "EVOLUTION"}),
    ("POST", "/api/instances", "server", {"name": "x", "integration": "EVOLUTION"}),
]
OPERATORS_FORMS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("POST", "/api/organizations", "name", {}),
    ("POST", "/api/servers", "url", {"key": "a-key-of-another-server"}),
    ("POST", "/api/servers", "key", {"url": "https://192.0.2.1"}),
    ("POST", "/api/servers", "label", {"url": "https://192.0.2.1", "key": "a-key-of-another-server"}),
    ("POST", "/api/instances/loja-05/assign", "organization", {}),
]


async def test_odd_texts_in_a_body(here: TwoTenants) -> None:
    """Refused, or kept and told as they were; nothing of them becomes a header, and the audit log can be read."""
    forms = [(here.acme.admin, *form) for form in FORMS] + [(here.operator, *form) for form in OPERATORS_FORMS]
    for who, method, path, member, rest in forms:
        for text in ODD_TEXTS:
            said = json.dumps({**rest, member: [text] if member in ("instances", "events") else text}).encode()
            answer = await soon(here, who, method, path, content=said, headers=JSON_TYPE)
            assert "ponteio=x" not in str(answer.headers)
    for who in (here.acme.admin, here.operator):
        for path in ("/api/audit?limit=500", "/api/keys", "/api/invitations", "/api/account", "/api/instances"):
            assert (await soon(here, who, "GET", path)).status_code == 200


@on_sqlite
async def test_nothing_can_be_set_that_a_form_does_not_offer(here: TwoTenants) -> None:
    """Mass assignment: no form takes a member that it does not describe, least of all these."""
    schema = described_api().openapi()
    asked = 0
    for it in with_bodies():
        own = {place.removeprefix("body:") for place in it.parameters if place.startswith("body:")}
        assert all(body.get("additionalProperties") is False for body in bodies_of(schema, it)), it.name
        who = able(here, it)
        part = UNOWNED if who is here.operator else here.acme.instances[0]
        for name in sorted(SLIPPED - own):
            answer = await soon(here, who, it.method, filled(it, part), json={**(it.body or {}), name: "x"})
            assert answer.status_code in (403, 422), f"{it.name} takes {name}: {answer.text}"
            asked += answer.status_code == 422
    assert asked > 200
    user = await here.base.accounts.by_email(here.acme.admin.email)
    assert user is not None
    assert not user.is_operator


async def test_a_word_that_somebody_calls_a_token_is_taken_from_nobody(here: TwoTenants) -> None:
    """P4: what one organization types as a token changes no event of another: only what Evolution knows is a secret."""
    acme, beta = here.tenants
    words = ["obrigado", "5511911111111@s.whatsapp.net", "the order is ready for you"]
    for word in words:
        claim = {"name": "no-such-instance", "token": word}
        assert (await here.ask(beta.admin, "POST", "/api/instances/claim", json=claim)).status_code == 403
    for word in words:
        made = {"name": "chosen", "integration": "EVOLUTION", "token": word}
        assert (await here.ask(beta.admin, "POST", "/api/instances", json=made)).status_code == 422
    say(here.simulator, acme.instances[0], 1, f"{words[0]}, {words[2]}")
    await here.all_stored(acme, 1)
    (told,) = await here.whole_log(acme.keys["all"])
    assert told["data"] == {**message(acme.instances[0], 1, f"{words[0]}, {words[2]}"), **extras(told["data"])}


def extras(data: dict[str, Any]) -> dict[str, Any]:
    """Members that the simulator adds by itself."""
    return {name: value for name, value in data.items() if name not in ("key", "message", "messageType")}


async def test_heavy_questions_are_bounded(here: TwoTenants) -> None:
    """Filters and pages as large as can be asked for."""
    for number in range(50):
        say(here.simulator, here.acme.instances[0], number, "x")
    await here.all_stored(here.acme, 50)
    many = "&".join(f"instance=unheard-{number}" for number in range(500))
    families = "&".join(f"event=family{number}.*" for number in range(500))
    for query in (many, families, f"{many}&{families}"):
        answer = await soon(here, here.acme.admin, "GET", f"/api/events?{query}&limit=500")
        assert answer.status_code in (200, 400, 414, 422, 431), answer.text
    for query in ("limit=501", "limit=0", "limit=-1", "limit=9999999999999999999999", "after=" + "a" * 9_000):
        assert (await soon(here, here.acme.admin, "GET", f"/api/events?{query}")).status_code in (400, 422)
    for path in ("audit", "gaps"):
        assert (await soon(here, here.acme.admin, "GET", f"/api/{path}?limit=100000")).status_code == 422
    for path in ("audit", "quarantine"):
        for before in (2**63, -1, 0, 10**30):
            assert (await soon(here, here.operator, "GET", f"/api/{path}?before={before}")).status_code == 422
