"""Each wrong configuration is found at the step that is to blame, and nothing else is said to be wrong."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.support.diagnosis_rig import RIGHT, Seen, certificate, diagnose, diagnosed_house, tls_proxy
from tests.support.raw_websocket import open_sockets
from tests.support.rest_house import RestHouse
from tests.support.simulator import until

from ponteio.model import outcome
from ponteio.model.diagnosis import STEPS, Asked, Finding, Language, Verdict
from ponteio.model.identity import OrganizationScope
from ponteio.model.link import LinkState
from ponteio.model.outcome import RefusalError
from ponteio.observe.clock import utc_now
from ponteio.simulator.misconfigurations import MISCONFIGURATIONS
from ponteio.upstream.diagnosis import WALK, Diagnosis, Step
from ponteio.upstream.diagnosis_walk import Subject, Walk, ok

BAILEYS, EVOLUTION = "loja-01", "loja-02"

Prepare = Callable[[RestHouse, OrganizationScope], Awaitable[dict[str, Any] | None]]
"""What is done before the diagnosis; returns changes to the gateway's set-up."""


@pytest.fixture(autouse=True)
def _listening_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ponteio.upstream.diagnosis_events.LISTEN_S", 0.3)


async def _nothing(_house: RestHouse, _scope: OrganizationScope) -> None:
    pass


@dataclass(frozen=True)
class Wrong:
    """What is wrong, and what a diagnosis must say: `verdict:reason` of each step that is not well by itself."""

    expected: dict[str, str]
    misconfiguration: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    prepare: Prepare = _nothing
    instance: str = EVOLUTION
    chatters: bool = True


async def _token_as_key(house: RestHouse, _scope: OrganizationScope) -> dict[str, Any]:
    return {"key": house.simulator.instance(BAILEYS).token}


async def _another_name(house: RestHouse, scope: OrganizationScope) -> None:
    await house.directory.assign("Loja-02", scope.organization_id, server_id="main")
    await house.link_is(LinkState.NAMESPACE_PENDING, "Loja-02")


async def _came_and_was_not_kept(house: RestHouse, scope: OrganizationScope) -> dict[str, Any]:
    await house.store(scope, BAILEYS, "messages.upsert", b'{"key":{"id":"A1"}}')
    return {"clock": lambda: utc_now() + timedelta(seconds=10)}


async def _restarts(house: RestHouse, scope: OrganizationScope) -> None:
    await house.store(scope, EVOLUTION, "messages.upsert", b'{"key":{"id":"A1"}}')
    await house.simulator.restart(0.0)
    await house.link_is(LinkState.NAMESPACE_PENDING, EVOLUTION)


def _has_come_back(house: RestHouse, times: int) -> bool:
    return house.link(EVOLUTION).reconnects >= times


async def _large_events(house: RestHouse, _scope: OrganizationScope) -> None:
    """Three large events break the link three times."""
    for reconnects in range(1, 4):
        house.simulator.emit(EVOLUTION, "chats.update", ["x" * 40_000])
        await until(partial(_has_come_back, house, reconnects))
        await house.link_is(LinkState.CONNECTED, EVOLUTION)


async def _at(house: RestHouse, _scope: OrganizationScope, *, path: str) -> dict[str, Any]:
    return {"url": f"{house.simulator.url}/{path}"}


async def _switched_off(_house: RestHouse, _scope: OrganizationScope) -> dict[str, Any]:
    return {"enabled": False}


async def _impatient(house: RestHouse, _scope: OrganizationScope) -> dict[str, Any]:
    return {"http": replace(house.subject.http, total_s=0.5)}


async def _down(house: RestHouse, _scope: OrganizationScope) -> None:
    await house.simulator.go_down()


async def _nowhere(_house: RestHouse, _scope: OrganizationScope) -> dict[str, Any]:
    return {"url": "http://nowhere.invalid:8080"}


async def _unowned(house: RestHouse, _scope: OrganizationScope) -> None:
    await house.directory.unassign(EVOLUTION, server_id="main")


async def _by_hand(house: RestHouse, _scope: OrganizationScope) -> None:
    await house.links.disconnect_instance(EVOLUTION)


async def _logged_out(house: RestHouse, _scope: OrganizationScope) -> None:
    await house.api.logout(BAILEYS)


async def _some_events(house: RestHouse, _scope: OrganizationScope) -> None:
    await house.api.set_websocket(EVOLUTION, enabled=True, events=["MESSAGES_UPSERT", "CALL"])


CASES: dict[str, Wrong] = {
    "websocket disabled": Wrong({"websocket": "fail:off", "link": "skipped:cause"}, "websocket_disabled"),
    "wrong key": Wrong(
        {"key": "fail:wrong", "polling": "skipped:key_cause", "upgrade": "skipped:key_cause"}, "wrong_key"
    ),
    "an instance's token as the global key": Wrong({"key": "fail:instance"}, prepare=_token_as_key),
    "public default key": Wrong({"settings": "warn:public_key"}, "public_key"),
    "proxy without upgrade": Wrong({"upgrade": "fail:stripped"}, "no_upgrade"),
    "proxy's web page": Wrong({"server": "fail:html"}, "web_page"),
    "proxy without a server behind": Wrong({"server": "fail:proxy_error"}, "bad_gateway"),
    "redirect to https": Wrong({"server": "fail:redirect_https"}, "redirects"),
    "open to everybody": Wrong({"open_door": "warn:loopback"}, "open_door"),
    "not global though wanted": Wrong(
        {"global_mode": "fail:off"}, "not_global", {"global_events": True, "is_traditional": True}
    ),
    "namespace pending after a restart": Wrong(
        {"namespace": "warn:pending_restart"}, prepare=_restarts, chatters=False
    ),
    "the Manager's event list": Wrong({"events": "warn:manager"}, "managers_events"),
    "a short event list": Wrong({"events": "warn:missing"}, prepare=_some_events),
    "no events": Wrong({"events": "fail:off"}, "no_events"),
    "messages not saved": Wrong(
        {"saving": "warn:off"}, "messages_not_saved", prepare=_came_and_was_not_kept, instance=BAILEYS
    ),
    "keys in events": Wrong({"keys_exposed": "warn:exposed"}, "keys_exposed"),
    "clock ahead": Wrong({"clock": "warn:wrong"}, "clock_ahead"),
    "the stock image's zone": Wrong({}, options={"tz": "America/Sao_Paulo"}),
    "licence not activated": Wrong({"version": "fail:licence"}, "licence"),
    "frames are cut": Wrong({"stability": "warn:breaking"}, "frame_limit", prepare=_large_events),
    "frozen": Wrong({"server": "fail:frozen"}, "frozen", prepare=_impatient, chatters=False),
    "an old version": Wrong({"version": "warn:checks_no_keys", "open_door": "warn:old"}, "old_version"),
    "a path that is a page": Wrong(
        {"settings": "warn:path_odd", "server": "fail:stranger"}, prepare=lambda h, s: _at(h, s, path="manager")
    ),
    "a path that is an instance": Wrong(
        {"settings": "warn:path_odd", "server": "fail:stranger"}, prepare=lambda h, s: _at(h, s, path=EVOLUTION)
    ),
    "switched off here": Wrong({"settings": "fail:switched_off"}, prepare=_switched_off),
    "nobody at home": Wrong({"tcp": "fail:refused", "link": "skipped:cause"}, prepare=_down, chatters=False),
    "no such host": Wrong({"address": "fail:unknown"}, prepare=_nowhere),
    "other capitals": Wrong(
        {"instance": "fail:absent", "namespace": "warn:pending_new", "link": "ok:pending"},
        prepare=_another_name,
        instance="Loja-02",
    ),
    "nobody owns it": Wrong({"link": "warn:unowned"}, prepare=_unowned),
    "disconnected by hand": Wrong({"link": "warn:off"}, prepare=_by_hand),
    "no phone": Wrong({"instance": "warn:not_open"}, prepare=_logged_out, instance=BAILEYS),
}


@asynccontextmanager
async def chatter(house: RestHouse, name: str) -> AsyncIterator[None]:
    """The instance says something all the time."""

    async def speak() -> None:
        while True:
            if house.simulator.is_up:
                house.simulator.emit(name, "chats.update", [])
            await asyncio.sleep(0.02)

    speaking = asyncio.create_task(speak())
    try:
        yield
    finally:
        speaking.cancel()
        await asyncio.wait([speaking])


@asynccontextmanager
async def set_up(folder: Path, wrong: Wrong) -> AsyncIterator[tuple[RestHouse, dict[str, Any]]]:
    """The house with what is wrong, and the changes to the gateway's own set-up."""
    named = None if wrong.misconfiguration is None else MISCONFIGURATIONS[wrong.misconfiguration]
    options = {**RIGHT, **({} if named is None else named.options), **wrong.options}
    is_global_here = bool(wrong.options.get("global_events"))
    if options.pop("is_traditional", False):
        options["global_events"] = False
    async with diagnosed_house(folder, **options) as house:
        scope = await house.organization("acme", BAILEYS, EVOLUTION)
        if options.get("websocket_enabled", True):
            for name in (BAILEYS, EVOLUTION):
                house.simulator.emit(name, "chats.update", [])
                await house.link_is(LinkState.CONNECTED, name)
        if named is not None:
            named.apply(house.simulator)
        changes = await wrong.prepare(house, scope) or {}
        if is_global_here:
            changes |= {"global_events": True, "status_of": None}
        yield house, changes


@pytest.mark.parametrize("name", CASES)
async def test_what_is_wrong_is_found_where_it_is_and_nowhere_else(name: str, tmp_path: Path) -> None:
    wrong = CASES[name]
    async with set_up(tmp_path, wrong) as (house, changes):
        if wrong.chatters and house.simulator.world.get(wrong.instance):
            async with chatter(house, wrong.instance):
                seen = await diagnose(house, wrong.instance, **changes)
        else:
            seen = await diagnose(house, wrong.instance, **changes)
        assert_nothing_is_told(house, seen)
    assert [each.step for each in seen] == list(STEPS)
    assert {step: seen.verdicts()[step] for step in wrong.expected} == wrong.expected
    to_blame = {step for step, said in wrong.expected.items() if said.startswith("fail")}
    for each in seen:
        if each.step in wrong.expected:
            continue
        if each.verdict is Verdict.SKIPPED:
            assert each.values.get("cause") in to_blame or each.reason in ("not_asked", "unknown", "untold"), each
        else:
            assert each.verdict is Verdict.OK, each
    for each in seen:
        if each.verdict in (Verdict.WARN, Verdict.FAIL):
            assert each.actions, f"{each.step} does not say what to do"


def assert_nothing_is_told(house: RestHouse, seen: Seen) -> None:
    """I5: no secret is in any text, and no address in what an organization is told."""
    texts = seen.texts()
    for secret in (house.simulator.api_key, *(each.token for each in house.simulator.world)):
        assert secret is None or secret not in texts.replace("BQYHJGJHJ", "")
    for address in ("127.0.0.1", str(house.simulator.port), "nowhere.invalid"):
        assert address not in texts


async def sent_message(house: RestHouse, scope: OrganizationScope) -> None:
    """A message that Evolution keeps came as an event."""
    await house.simulator.flood(BAILEYS, 1)
    message_id = str(house.simulator.instance(BAILEYS).messages[-1].data["key"]["id"])
    await house.store(scope, BAILEYS, "messages.upsert", orjson.dumps({"key": {"id": message_id}}))


@pytest.mark.parametrize("global_events", [False, True])
async def test_where_all_is_well_nothing_is_said_to_be_wrong(global_events: bool, tmp_path: Path) -> None:
    async with diagnosed_house(tmp_path, global_events=global_events) as house:
        scope = await house.organization("acme", BAILEYS, EVOLUTION)
        house.simulator.emit(BAILEYS, "chats.update", [])
        await house.link_is(LinkState.CONNECTED, None if global_events else BAILEYS)
        await sent_message(house, scope)
        async with chatter(house, BAILEYS):
            seen = await diagnose(house, BAILEYS, clock=lambda: utc_now() + timedelta(seconds=10))
    verdicts = seen.verdicts()
    assert verdicts.pop("round_trip") == "skipped:not_asked"
    assert {said.partition(":")[0] for said in verdicts.values()} == {"ok"}


async def test_the_operator_is_shown_addresses(tmp_path: Path) -> None:
    async with diagnosed_house(tmp_path, started=False) as house:
        seen, port = await diagnose(house), str(house.simulator.port)
    told = seen.by_step["address"].told(Language.EN, sees_addresses=True)
    assert "127.0.0.1" in told.evidence
    assert port in seen.by_step["tcp"].told(Language.PT, sees_addresses=True).evidence


async def test_near_names_are_those_of_whoever_asks(tmp_path: Path) -> None:
    """I4: a spelling mistake tells nobody what others have."""
    async with diagnosed_house(tmp_path, started=False) as house:
        mine = await diagnose(house, asked=Asked("loja-1", ["loja-01", "other"]))
        assert "loja-01" in mine.texts()
        assert "other" not in mine.texts()
        theirs = await diagnose(house, asked=Asked("loja-1", []))
        assert theirs.by_step["instance"].evidence == ("instance.absent",)
        assert "loja-01" not in theirs.texts()


async def test_without_an_instance_only_the_server_is_looked_at(tmp_path: Path) -> None:
    async with diagnosed_house(tmp_path, started=False) as house:
        seen = await diagnose(house, asked=Asked())
    skipped = {each.step for each in seen if each.reason == "no_instance"}
    assert skipped == {step.step_id for step in WALK if step.of_instance}
    assert {each.verdict for each in seen if each.step not in skipped} == {Verdict.OK}


@pytest.mark.parametrize("broken", ["expired", "self signed", "wrong host", "valid", "soon"])
async def test_a_certificate_that_is_not_accepted_is_named(broken: str, tmp_path: Path) -> None:
    issuer = certificate(tmp_path, "issuer.example")
    host = "elsewhere.example" if broken == "wrong host" else "localhost"
    days = {"expired": -2, "soon": 3}.get(broken, 30)
    pair = certificate(tmp_path, host, days=days, issuer=None if broken == "self signed" else issuer)
    trusted = ssl.create_default_context(cafile=str(issuer[0]))
    async with diagnosed_house(tmp_path, started=False) as house, tls_proxy(house.simulator.port, pair) as url:
        options = replace(house.subject.link_options, ssl_context=trusted)
        http = replace(house.subject.http, tls=trusted)
        seen = await diagnose(house, url=url, link_options=options, http=http)
    said = seen.verdicts()["tls"]
    assert (
        said
        == {
            "expired": "fail:expired",
            "self signed": "fail:self_signed",
            "wrong host": "fail:wrong_host",
            "valid": "ok:valid",
            "soon": "warn:expires_soon",
        }[broken]
    )
    if said.startswith("fail"):
        assert seen.causes() == {"tls"}
    else:
        assert seen.verdicts()["upgrade"] == "ok:opened"


async def test_tls_where_there_is_none_is_named(tmp_path: Path) -> None:
    async with diagnosed_house(tmp_path, started=False) as house:
        seen = await diagnose(house, url=house.simulator.url.replace("http:", "https:"))
    assert seen.verdicts()["tls"] == "fail:no_tls"


async def test_nothing_is_left_open_and_steps_come_as_they_are_made(tmp_path: Path) -> None:
    async with diagnosed_house(tmp_path, started=False) as house:
        sockets = open_sockets()
        steps = []
        async with aclosing(Diagnosis(house.subject).steps(Asked(EVOLUTION))) as walk:
            async for found in walk:
                steps.append(found.step)
                if found.step == "upgrade":
                    break
        assert steps == list(STEPS)[: STEPS.index("upgrade") + 1]
        await until(lambda: open_sockets() <= sockets)
        await until(lambda: house.simulator.summary()["sessions"] == 0)
        assert house.simulator.client_events == []


async def test_the_whole_walk_is_bounded_in_time(tmp_path: Path) -> None:
    async with diagnosed_house(tmp_path, started=False) as house:
        house.simulator.freeze()
        began = time.monotonic()
        found = await Diagnosis(house.subject, walk_s=0.5).run(Asked(EVOLUTION))
        assert time.monotonic() - began < 3
    reasons = {each.step: each.reason for each in found}
    assert (reasons["tcp"], reasons["server"], reasons["frames"]) == ("open", "no_time", "no_time")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("a secret"), "broke"),
        (TimeoutError(), "too_slow"),
        (OSError("x"), "broke"),
        (RefusalError(outcome.UPSTREAM_TIMEOUT), "too_slow"),
        (RefusalError(outcome.UPSTREAM_UNREACHABLE, "a secret"), "call_failed"),
    ],
)
async def test_a_step_that_breaks_is_a_finding(
    error: Exception, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_walk: Walk) -> Finding:
        raise error

    async def fine(_walk: Walk) -> Finding:
        return ok("settings.global")

    async with diagnosed_house(tmp_path, started=False) as house:
        monkeypatch.setattr(
            "ponteio.upstream.diagnosis.WALK", (Step("settings", broken, 1), Step("address", fine, 1, ("settings",)))
        )
        found = await Diagnosis(house.subject).run(Asked(EVOLUTION))
    assert [(each.verdict, each.reason) for each in found] == [
        (Verdict.FAIL, reason),
        (Verdict.SKIPPED, "not_tried"),
    ]
    assert "a secret" not in repr(found)


async def test_a_database_that_is_away_ends_no_walk(tmp_path: Path) -> None:
    async with diagnosed_house(tmp_path, started=False) as house:
        await house.database.close()
        seen = await diagnose(house)
        verdicts = seen.verdicts()
    assert {verdicts[step] for step in ("frames", "stability", "link")} == {"skipped:no_records"}
    assert verdicts["upgrade"] == "ok:opened"


def test_every_step_needs_only_earlier_ones() -> None:
    assert [step.step_id for step in WALK] == list(STEPS)
    for place, step in enumerate(WALK):
        assert set(step.needs) <= {each.step_id for each in WALK[:place]}
    assert all(step.limit_s <= 11 for step in WALK)


def test_a_subject_does_not_show_its_key(tmp_path: Path) -> None:
    assert "key" not in {f.name for f in Subject.__dataclass_fields__.values() if f.repr}
