"""Tricks with what stands around a request: credentials, headers, addresses and other people's servers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.security.operations import soon
from tests.support.people_world import PASSWORD
from tests.support.two_tenants import TwoTenants, two_tenants

from ponteio.model.rights import Role


@pytest.fixture
async def here(tmp_path: Path, database_url: str) -> AsyncIterator[TwoTenants]:
    async with two_tenants(tmp_path, database_url, global_events=True) as opened:
        yield opened


async def test_a_credential_that_is_no_good_is_not_made_good_by_another(here: TwoTenants) -> None:
    """One credential counts, the first in a fixed order; two of a kind, or one in a strange form, are none."""
    acme, beta = here.acme, here.beta
    good, other = acme.keys["all"].secret, beta.keys["all"].secret
    cookie = acme.admin.headers["Cookie"]
    none_at_all = [
        {"Authorization": "Bearer pnt_" + "A" * 43, "apikey": good},
        {"Authorization": "Bearer pnt_" + "A" * 43, "Cookie": cookie},
        {"apikey": "pnt_" + "A" * 43, "Cookie": cookie},
        {"Authorization": f"Basic {good}"},
        {"Authorization": f"Bearer {good} {good}"},
        {"Authorization": f"Bearer {good}\u00ff"},
        {"Authorization": good},
        {"Cookie": f"ponteio={good}"},
        {"Cookie": f"PONTEIO={acme.admin.secret}"},
        {"X-Api-Key": good, "X-User": "admin", "X-Forwarded-User": "admin", "X-Organization": acme.organization_id},
        {"apikey": "x" * 20_000},
    ]
    for headers in none_at_all:
        sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        answer = await here.http.get(here.url + "/api/members", headers=sent)
        assert answer.status_code in (401, 431, 400), f"{list(headers)}: {answer.text}"
    for query in (f"apikey={good}", f"token={good}", f"access_token={good}", f"organization={acme.organization_id}"):
        assert (await here.ask(None, "GET", f"/api/members?{query}")).status_code == 401
    both = {"Authorization": f"Bearer {good}", "apikey": other, "Cookie": beta.admin.headers["Cookie"]}
    answer = await here.http.get(here.url + "/api/session", headers=both)
    assert answer.json()["code"] == "forbidden"  # a key is no person, whoever's cookie comes with it
    seen = (await here.http.get(here.url + "/api/instances", headers=both)).json()["instances"]
    assert {one["name"] for one in seen} == set(acme.instances)


async def test_headers_that_say_what_a_request_is_are_not_believed(here: TwoTenants) -> None:
    """Other methods, addresses and hosts than those of the request itself."""
    acme = here.acme
    path = f"/api/keys/{acme.keys['reader'].credential_id}"
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        for method in ("GET", "POST"):
            answer = await soon(here, acme.admin, method, path, headers={name: "DELETE"})
            assert answer.status_code == 405
    assert (await here.ask(acme.keys["reader"], "GET", "/api/events")).status_code == 200
    for name in ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Path", "X-Forwarded-Prefix"):
        answer = await soon(here, acme.people[Role.VIEWER], "GET", "/healthz", headers={name: "/api/users"})
        assert answer.json() == (await here.ask(None, "GET", "/healthz")).json()
    for headers in (
        {"Host": "evil.test"},
        {"Host": "127.0.0.1.evil.test"},
        {"Host": "evil.test@127.0.0.1"},
        {"Host": ""},
    ):
        answer = await soon(here, acme.admin, "GET", "/api/events", headers=headers)
        assert answer.status_code in (400, 421), headers
    for name in ("X-Forwarded-Host", "Forwarded", "X-Host"):
        made = await soon(
            here, acme.admin, "POST", "/api/invitations", json={"role": "viewer"}, headers={name: "evil.test"}
        )
        assert made.status_code == 201
        assert "evil.test" not in made.text


async def test_an_address_that_a_stranger_claims_is_not_written_down(tmp_path: Path, sqlite_file_url: str) -> None:
    """Only proxies that the operator names are believed; of what they say, the part that they saw themselves."""
    for proxies, expected in (("192.0.2.7", "127.0.0.1"), ("127.0.0.1", "203.0.113.9")):
        folder = tmp_path / expected
        folder.mkdir()
        url = f"sqlite:///{folder / 'test.db'}"
        async with two_tenants(folder, url, trusted_proxies=proxies) as here:
            headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9", "X-Real-IP": "198.51.100.2"}
            body = {"email": "nobody@acme.test", "password": "a wrong password"}
            await here.ask(None, "POST", "/api/session", json=body, headers=headers)
            (entry,) = await here.base.audit.list(None, limit=1)
            assert entry.actor.address == expected


async def test_addresses_that_look_like_others(here: TwoTenants) -> None:
    """No spelling of an address leads past the question who asks, or to what is the operator's."""
    viewer = here.acme.people[Role.VIEWER]
    for path in (
        *("/api//users", "//api/users", "/api/./users", "/api/users/", "/API/USERS", "/api/users%2f", "/api/%75sers"),
        *("/api/instances/..%2f..%2fapi%2fusers", "/api/instances/../users", "/api/users;x=1", "/api/users.json"),
        *("/healthz/../api/users", "/healthz/..%2fapi/users", "/socket.io/../api/users", "/api/users?x=/healthz"),
        *("/openapi.json/../api/users", "/api/instances/%2e%2e/users", "/api/users%00", "/api/users%20"),
    ):
        for who in (None, viewer):
            answer = await raw_get(here, path, {} if who is None else who.headers)
            assert answer[0] in (400, 401, 403, 404, 405), f"{path}: {answer}"
            assert here.acme.admin.email not in answer[1]


async def raw_get(here: TwoTenants, path: str, headers: Any) -> tuple[int, str]:
    """The answer to exactly this address: no client tidies it up first."""
    where = urlsplit(here.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    async with asyncio.timeout(10):
        answer = (await reader.read()).decode("latin-1")
    writer.close()
    return int(answer.split(" ", 2)[1]), answer


SPELLINGS = [
    *("http://127.0.0.1:{port}", "http://localhost:{port}", "http://[::ffff:127.0.0.1]:{port}", "http://127.1:{port}"),
    *("http://2130706433:{port}", "http://0x7f000001:{port}", "http://0177.0.0.1:{port}", "http://[::1]:{port}"),
    *("http://0.0.0.0:{port}", "http://127.0.0.1.:{port}", "http://[::]:{port}", "http://[64:ff9b::7f00:1]:{port}"),
    *(
        "http://ⓛocalhost:{port}",
        "http://127。0。0。1:{port}",
        "http://LOCALHOST:{port}",
        "http://[0:0:0:0:0:ffff:7f00:1]:{port}",
    ),
]
"""This machine, in every spelling."""
METADATA = ["http://169.254.169.254", "http://[::ffff:a9fe:a9fe]", "http://[fd00:ec2::254]", "http://0xa9fea9fe"]


async def test_a_server_may_not_be_this_machine_unless_the_operator_says_so(here: TwoTenants) -> None:
    """SSRF: whatever the spelling, nobody connects; a metadata service is never one, whatever anybody says."""
    calls: list[object] = []

    async def called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(reader)
        writer.close()

    both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    trap, port = await asyncio.start_server(called, sock=both), both.getsockname()[1]
    urls = [(spelling.format(port=port), False) for spelling in SPELLINGS] + [(url, True) for url in METADATA]
    try:
        for url, allow_private in urls:
            body = {"url": url, "key": "a-key-of-another-server", "allow_private": allow_private}
            answer = await soon(here, here.operator, "POST", "/api/servers", json=body)
            assert answer.status_code in (201, 422), url
            if answer.status_code == 201:
                server = answer.json()["id"]
                named = {"name": "x", "integration": "EVOLUTION", "server": server}
                made = await here.ask(here.acme.admin, "POST", "/api/instances", json=named)
                assert made.status_code in (404, 422, 502, 504), f"{url}: {made.text}"
                await here.ok(here.operator, "DELETE", f"/api/servers/{server}")
        assert calls == []
        allowed = {"url": f"http://127.0.0.1:{port}", "key": "a-key-of-another-server", "allow_private": True}
        await here.ok(here.operator, "POST", "/api/servers", allowed)
        async with asyncio.timeout(10):
            while not calls:
                await asyncio.sleep(0.01)
        for who in (here.acme.admin, here.acme.keys["all"], None):
            refused = await soon(here, who, "POST", "/api/servers", json=allowed)
            assert refused.status_code in (401, 403)
    finally:
        trap.close()


async def test_passwords_are_not_to_be_guessed(here: TwoTenants) -> None:
    """From one address, at one account: after a few tries nobody is told any more whether a password is right."""
    email = here.acme.people[Role.VIEWER].email
    codes = []
    for number in range(14):
        body = {"email": email, "password": f"a wrong password {number}"}
        codes.append((await here.ask(None, "POST", "/api/session", json=body)).json()["code"])
    right = await here.ask(None, "POST", "/api/session", json={"email": email, "password": PASSWORD})
    assert codes[0] == "login_failed"
    assert codes[-1] == right.json()["code"] == "login_throttled"
    assert int(right.headers["retry-after"]) > 0
