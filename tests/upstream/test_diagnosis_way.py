"""The way to the server: what each kind of failure is called."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.diagnosis_rig import certificate, subject, tls_proxy

from ponteio.model.diagnosis import Asked, Finding, Language
from ponteio.outbound.address_policy import AddressPolicy
from ponteio.outbound.connector import STRANGERS_WORD, Connector
from ponteio.upstream import diagnosis_way as way
from ponteio.upstream.diagnosis_walk import Subject, Walk


async def taken(step: Callable[[Walk], Awaitable[Finding]], about: Subject, **asked: Any) -> Finding:
    walk = Walk(about, Asked(**asked))
    walk.addresses = ["127.0.0.1"]
    try:
        return await step(walk)
    finally:
        await walk.close()


def reasons(found: Finding) -> set[str]:
    return {f"{found.verdict}"} | {each.partition(".")[2] for each in found.evidence}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://evo.example", {"ok", "traditional"}),
        ("https://evo.example/base", {"ok", "traditional", "path_kept"}),
        ("https://evo.example/socket.io", {"warn", "traditional", "path_odd"}),
        ("https://evo.example/evo/Manager", {"warn", "traditional", "path_odd"}),
        ("https://evo.example/Loja%20Centro", {"warn", "traditional", "path_odd"}),
        ("https://user@evo.example", {"fail", "bad_address"}),
        ("ftp://evo.example", {"fail", "bad_address"}),
        ("https://", {"fail", "bad_address"}),
    ],
)
async def test_the_form_of_the_address(url: str, expected: set[str]) -> None:
    found = await taken(way.settings, subject(url), instance="a", own_names=["Loja Centro"])
    assert reasons(found) == expected


async def test_key_and_mode_are_looked_at() -> None:
    assert reasons(await taken(way.settings, subject("https://evo.example", key=""))) == {"fail", "no_key"}
    public = subject("https://evo.example", key="429683C4C977415CAAFCCE10F7D57E11", global_events=True)
    found = await taken(way.settings, public)
    assert reasons(found) == {"warn", "public_key", "global"}
    assert "EVOLUTION_API_KEY" in str(found.told(Language.EN).action)
    added = replace(public, is_from_environment=False, server_id="srv_1")
    assert "PATCH /api/servers/srv_1" in str((await taken(way.settings, added)).told(Language.EN).action)


async def test_a_private_address_is_refused_where_nobody_allowed_it() -> None:
    found = await taken(way.address, subject("http://127.0.0.1:8080", STRANGERS_WORD))
    assert (found.verdict, found.reason, found.actions) == ("fail", "refused", ("address.allow",))
    assert "127.0.0.1" not in repr(found)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(socket.gaierror(-2, "x"), "unknown"), (UnicodeError("x"), "unknown"), (TimeoutError(), "silent")],
)
async def test_a_name_that_leads_nowhere(error: Exception, reason: str) -> None:
    async def resolver(_host: str, _port: int) -> list[str]:
        raise error

    found = await taken(way.address, subject("http://evo:8080", Connector(AddressPolicy(allow_private=True), resolver)))
    assert (found.verdict, found.reason) == ("fail", reason)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ConnectionRefusedError(), "refused"), (TimeoutError(), "silent"), (OSError(101, "x"), "unreachable")],
)
async def test_a_port_that_nobody_answers_at(error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_arguments: object) -> socket.socket:
        raise error

    monkeypatch.setattr(Connector, "open_socket", fail)
    found = await taken(way.tcp, subject("http://127.0.0.1:8080"))
    assert (found.verdict, found.reason, found.private) == ("fail", reason, ("tcp.shown",))


async def test_plain_http_is_a_warning_only_in_public() -> None:
    assert reasons(await taken(way.tls, subject("http://evo"))) == {"ok", "plain_private"}
    walk = Walk(subject("http://evo"), Asked())
    walk.addresses = ["10.0.0.1", "8.8.8.8"]
    assert reasons(await way.tls(walk)) == {"warn", "plain_public"}
    await walk.close()


async def test_an_issuer_that_nobody_knows_and_a_handshake_that_breaks(tmp_path: Path) -> None:
    issuer = certificate(tmp_path, "issuer.example")
    pair = certificate(tmp_path, issuer=issuer)

    async def nobody(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        raise AssertionError("nothing is passed on")

    server = await asyncio.start_server(nobody, "127.0.0.1", 0)
    async with tls_proxy(server.sockets[0].getsockname()[1], pair) as url:
        about = subject(url)
        found = await taken(way.tls, about)
        assert (found.reason, found.actions) == ("unknown_issuer", ("tls.chain",))
    server.close()

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    rude = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with rude:
        port = rude.sockets[0].getsockname()[1]
        found = await taken(way.tls, subject(f"https://localhost:{port}"))
    assert reasons(found) == {"fail", "broken"}


def test_what_openssl_says_has_a_name() -> None:
    assert {text for text, _ in way._CERTIFICATES.values()} <= {
        *("tls.not_yet", "tls.expired", "tls.self_signed", "tls.unknown_issuer", "tls.wrong_host")
    }
    assert ssl.VerifyMode.CERT_REQUIRED
