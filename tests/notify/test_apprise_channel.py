from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
from tests.support.post_world import refused
from tests.support.webhook_receiver import answering, receiver, silent

from ponteio.model.outcome import INVALID_REQUEST, NOT_INSTALLED
from ponteio.notify.apprise_channel import FIXED, HOSTED, SCHEMES, AppriseSender, scheme_of, shown
from ponteio.notify.attempt import Attempt, Ending
from ponteio.notify.channel import Message

MESSAGE = Message("org_1", "loja-01 is down", "Since 14:05.", "tag", content="Olá")
GOTIFY = "gotify://{}/AbCdEfGhIjKlMnO"
PRIVATE = ("127.0.0.1",)


async def sent(url: str, hosts: tuple[str, ...] = PRIVATE, **options: float) -> Attempt:
    return await AppriseSender(hosts, **options).send(url, MESSAGE)  # type: ignore[arg-type]


async def test_a_message_goes_out_in_a_process_of_its_own() -> None:
    async with receiver() as server:
        server.behave = answering(200, body=b"{}")
        assert (await sent(GOTIFY.format(f"127.0.0.1:{server.port}"))).is_delivered
        (call,) = server.calls
    assert call.path == "/message"
    assert call.json["title"] == "loja-01 is down"
    assert call.json["message"] == "Since 14:05.\nOlá"


async def test_what_the_service_answers_is_told_and_nothing_else() -> None:
    async with receiver() as server:
        server.behave = answering(401, body=b"a secret answer")
        attempt = await sent(GOTIFY.format(f"127.0.0.1:{server.port}"))
        assert (attempt.ending, attempt.status, attempt.retry) == (Ending.REJECTED, 401, True)
        assert attempt.detail == "The service answered 401."
    attempt = await sent(GOTIFY.format(f"127.0.0.1:{server.port}"))
    assert (attempt.ending, attempt.retry) == (Ending.UNREACHABLE, True)


@pytest.mark.parametrize("hosts", [(), ("other.example",), ("127.0.0.1:9",)])
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_private_addresses_are_out_of_bounds(hosts: tuple[str, ...], name: str) -> None:
    async with receiver() as server:
        attempt = await sent(GOTIFY.format(f"{name}:{server.port}"), hosts)
        assert (attempt.ending, attempt.retry) == (Ending.ADDRESS_REFUSED, False)
        assert server.calls == []


async def test_a_mail_server_is_no_way_in_either() -> None:
    async with receiver() as server:
        attempt = await sent(f"mailto://user:pass@example.com?smtp=127.0.0.1&port={server.port}&mode=insecure", ())
        assert attempt.ending is Ending.ADDRESS_REFUSED
        assert server.calls == []


async def test_a_redirect_leads_nowhere() -> None:
    async with receiver() as server, receiver() as inside:
        server.behave = answering(302, f"location: http://127.0.0.1:{inside.port}/")
        attempt = await sent(GOTIFY.format(f"127.0.0.1:{server.port}"), (f"127.0.0.1:{server.port}",))
        assert not attempt.is_delivered
        assert inside.calls == []


async def test_one_that_hangs_is_ended() -> None:
    async with receiver() as server:
        server.behave = silent
        began = asyncio.get_running_loop().time()
        attempt = await sent(GOTIFY.format(f"127.0.0.1:{server.port}"), total_s=1.5)
        assert (attempt.ending, attempt.retry) == (Ending.TIMEOUT, True)
        assert asyncio.get_running_loop().time() - began < 5


async def test_one_that_answers_without_end_uses_up_its_own_memory() -> None:
    async def flood(_call: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        while True:
            writer.write(b"x" * 1_000_000)
            await writer.drain()

    async with receiver() as server:
        server.behave = flood
        attempt = await sent(GOTIFY.format(f"127.0.0.1:{server.port}"), total_s=4)
        assert not attempt.is_delivered


async def test_a_file_that_an_address_names_is_not_read(tmp_path: Path) -> None:
    """A template is sent to whoever the address says: no file of ours may be one."""
    secret = tmp_path / "secret.keys"
    card = {"contentType": "application/vnd.microsoft.card.adaptive", "content": {"x": "the vault's keys"}}
    secret.write_text(json.dumps({"type": "message", "attachments": [card]}))
    async with receiver(tmp_path) as server:
        server.behave = answering(200, body=b"{}")
        url = f"workflows://127.0.0.1:{server.port}/WorkflowID/Signature/?verify=no"
        assert (await sent(url)).is_delivered
        assert not (await sent(f"{url}&template={secret}")).is_delivered
        assert len(server.calls) == 1


@pytest.mark.parametrize(
    "child",
    [
        ("-c", "print('no JSON')"),
        ("-c", "raise SystemExit(3)"),
        ("-c", "import os; os.abort()"),
    ],
)
async def test_a_child_that_dies_is_a_try_in_vain(child: tuple[str, ...]) -> None:
    sender = AppriseSender((), child=(sys.executable, *child))
    attempt = await sender.send("tgram://123456789:AbC/1", MESSAGE)
    assert (attempt.ending, attempt.retry) == (Ending.UNREACHABLE, True)


async def test_not_too_many_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ponteio.notify.apprise_channel.TURN_S", 0.2)
    sender = AppriseSender((), child=(sys.executable, "-c", "import time; time.sleep(30)"), total_s=1.0)
    attempts = await asyncio.gather(*(sender.send("tgram://1:A/1", MESSAGE) for _ in range(6)))
    assert {one.ending for one in attempts} == {Ending.TIMEOUT}


async def test_without_the_library_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert AppriseSender().is_installed
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    sender = AppriseSender()
    assert not sender.is_installed
    assert await refused(sender.check("tgram://x")) is NOT_INSTALLED
    assert (await sender.send("tgram://x", MESSAGE)).ending is Ending.NOT_INSTALLED


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("tgram://123456789:AbCdEfGhIjKlMnOpQrStUvWxYz-12345678/12315544/", "tgram://…"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "discord://…"),
        ("ntfy://a-secret-topic", "ntfy://…"),
        ("ntfys://user:pass@ntfy.example:8443/topic", "ntfys://ntfy.example:8443/…"),
        ("mailto://user:pass@gmail.com", "mailto://gmail.com/…"),
        ("gotify://push.example/AbCdEfGhIjKlMnO", "gotify://push.example/…"),
        ("evolution://an-api-key@evolution.example/loja-01/5511999999999", "evolution://evolution.example/…"),
    ],
)
def test_addresses_are_shown_without_their_secrets(url: str, address: str) -> None:
    assert shown(url) == address


async def test_what_apprise_can_use_is_asked_of_it() -> None:
    sender = AppriseSender()
    good = [
        "ntfy://a-secret-topic",
        "mailto://user:pass@gmail.com",
        "evolution://key@evolution.example/i/5511999999999",
    ]
    await asyncio.gather(*map(sender.check, good))
    for url in ("gotify://push.example", "tgram://nonsense"):
        assert await refused(sender.check(url)) is INVALID_REQUEST
    assert (await sent("slack://x")).ending is Ending.REJECTED


OTHERS = [
    *("", "tgram", "tgram://", "tgram://a b", "tgram://a\nb", "tgram://" + "x" * 2_048, "https://hooks.slack.com/x"),
    *(
        "json://a.example",
        "syslog://",
        "dbus://",
        "file:///etc/passwd",
        "exec://x",
        "mqtt://a.example",
        "apprise://a/x",
    ),
]


@pytest.mark.parametrize("url", OTHERS)
async def test_other_schemes_are_not_let_through(url: str) -> None:
    assert await refused(AppriseSender().check(url)) is INVALID_REQUEST


def test_every_scheme_is_one_or_the_other() -> None:
    assert not FIXED & HOSTED
    assert all(scheme_of(f"{scheme.upper()}://x") == scheme for scheme in SCHEMES)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_library_has_every_scheme() -> None:
    import apprise

    services = apprise.Apprise().details()["schemas"]
    known = {name for one in services for part in ("protocols", "secure_protocols") for name in (one[part] or [])}
    assert known >= SCHEMES
