"""The diagnosis over REST: whole or by steps, in two languages, one at a time, without what is not the caller's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from tests.support.diagnosis_rig import RIGHT
from tests.support.rest_client import code, rest_desk

from ponteio.api.diagnosis_answers import (
    NDJSON,
    PER_MINUTE,
    TURN_S,
    DiagnosisTurns,
    as_lines,
    as_whole,
    wanted_language,
    wants_steps,
)
from ponteio.model import outcome
from ponteio.model.diagnosis import STEPS, Finding, Language, Verdict
from ponteio.model.outcome import RefusalError

TEST = "/api/websocket/test/loja-01"


@pytest.fixture(autouse=True)
def _listening_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ponteio.upstream.diagnosis_events.LISTEN_S", 0.05)
    monkeypatch.setattr("ponteio.upstream.diagnosis_test_event.LIMIT_S", 0.2)


async def test_every_step_is_answered_in_order(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False, **RIGHT) as desk:
        answer = (await desk.acme.post(TEST)).json()
        assert [step["step"] for step in answer["steps"]] == list(STEPS)
        assert (answer["instance"], answer["ok"], answer["verdict"]) == ("loja-01", True, "warn")
        assert set(answer["steps"][0]) == {"step", "verdict", "reason", "evidence", "action"}
        await desk.house.simulator.go_down()
        answer = (await desk.acme.post(TEST)).json()
        assert (answer["ok"], answer["verdict"]) == (False, "fail")
        assert {step["reason"] for step in answer["steps"] if step["step"] == "tcp"} == {"refused"}


async def test_addresses_are_the_operators_to_see(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False, **RIGHT) as desk:
        assert "127.0.0.1" not in (await desk.acme.post(TEST)).text
        assert "127.0.0.1" in (await desk.operator.post(TEST)).text


async def test_near_names_are_the_callers_own(tmp_path: Path) -> None:
    """I4: whoever mistypes a name is not told what others have."""
    async with rest_desk(tmp_path, instances=3, started=False, **RIGHT) as desk:
        await desk.house.directory.assign("loja-3", desk.acme_scope.organization_id, server_id="main")
        answer = await desk.acme.post("/api/websocket/test/loja-3")
        assert "loja-01" in answer.text
        assert "loja-03" not in answer.text
        assert code(await desk.acme.post("/api/websocket/test/loja-03")) == "instance_not_found"


async def test_the_language_is_chosen_by_header_or_by_name(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False, **RIGHT) as desk:
        headers = {"accept-language": "pt-BR,pt;q=0.9"}
        for answer in (await desk.acme.post(TEST, headers=headers), await desk.acme.post(f"{TEST}?lang=pt")):
            assert "A conexão é aceita." in answer.text
        assert "A connection is accepted." in (await desk.acme.post(f"{TEST}?lang=en", headers=headers)).text


async def test_steps_are_streamed_to_who_wants_them(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False, **RIGHT) as desk:
        answer = await desk.acme.post(TEST, headers={"accept": NDJSON})
        assert answer.headers["content-type"] == NDJSON
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert [line.get("step") for line in lines] == [*STEPS, None]
        assert lines[-1] == {"instance": "loja-01", "ok": True, "verdict": "warn"}
        # The turn was given back.
        assert (await desk.acme.post(TEST)).status_code == 200


async def test_one_at_a_time_for_each_organization(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False, **RIGHT) as desk:
        desk.house.simulator.chaos.rest_latency_s = 0.2
        first, second, others = await asyncio.gather(
            desk.acme.post(TEST), desk.acme.post(TEST), desk.operator.post(TEST)
        )
        assert sorted((first.status_code, second.status_code)) == [200, 429]
        refused = first if first.status_code == 429 else second
        assert (code(refused), refused.json()["retry"]) == ("diagnosis_running", True)
        assert others.status_code == 200


async def test_not_too_often(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False, **RIGHT) as desk:
        await desk.house.simulator.go_down()
        answers = [await desk.acme.post(TEST) for _ in range(PER_MINUTE + 1)]
        assert code(answers[-1]) == "rate_limited"
        assert answers[-1].headers["retry-after"]
        assert {each.status_code for each in answers[:-1]} == {200}


async def test_a_test_event_is_asked_for_and_written_down(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False, **RIGHT) as desk:
        answer = await desk.acme.post("/api/websocket/test/loja-02", json={"round_trip": True})
        assert answer.status_code == 200
        assert len(desk.house.simulator.instance("loja-02").messages) == 1
        entries = (await desk.acme.get("/api/audit")).json()["entries"]
        assert [(each["action"], each["target"]) for each in entries] == [("link.test_event_sent", "loja-02")]
        refused = await desk.acme.post(TEST, json={"round_trip": True, "more": 1})
        assert code(refused) == "invalid_request"


async def test_switched_off_here_is_what_the_diagnosis_says(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, enabled=False, **RIGHT) as desk:
        answer = (await desk.acme.post(TEST)).json()
        first = answer["steps"][0]
        assert (first["step"], first["verdict"], first["reason"]) == ("settings", "fail", "switched_off")
        assert "WEBSOCKET_ENABLED=true" in first["action"]


async def test_a_turn_that_nobody_gave_back_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    turns, loop = DiagnosisTurns(), asyncio.get_running_loop()
    turns.take("acme")
    with pytest.raises(RefusalError) as refused:
        turns.take("acme")
    assert refused.value.outcome is outcome.DIAGNOSIS_RUNNING
    turns.take("other")
    later = loop.time() + TURN_S + 1
    monkeypatch.setattr(loop, "time", lambda: later)
    turns.take("acme")
    turns.give_back("acme")
    turns.give_back("acme")
    turns.take("acme")


async def _two_findings() -> AsyncGenerator[Finding, None]:
    yield Finding("tcp", Verdict.OK, ("tcp.open",), private=("tcp.shown",), values={"host": "h", "port": 1})
    yield Finding("tls", Verdict.FAIL, ("tls.expired",), ("tls.renew",))


async def test_a_whole_and_its_lines_say_the_same() -> None:
    whole = await as_whole("a", _two_findings(), Language.EN, sees_addresses=False)
    lines = [json.loads(line) async for line in as_lines("a", _two_findings(), Language.EN, sees_addresses=False)]
    assert lines[:-1] == [step.model_dump(mode="json") for step in whole.steps]
    assert lines[-1] == {"instance": "a", "ok": whole.ok, "verdict": whole.verdict}
    assert whole.verdict is Verdict.FAIL
    shown = await as_whole("a", _two_findings(), Language.EN, sees_addresses=True)
    assert shown.steps[0].evidence == "A connection is accepted. Tried: h, port 1."


def _request(**headers: str) -> Request:
    raw: list[Any] = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw})


def test_what_a_request_wants() -> None:
    assert wanted_language(_request(accept_language="pt"), None) is Language.PT
    assert wanted_language(_request(accept_language="pt"), "en") is Language.EN
    assert wanted_language(_request(), None) is Language.EN
    assert wants_steps(_request(accept=f"{NDJSON}, */*"))
    assert not wants_steps(_request(accept="*/*"))
    assert not wants_steps(_request())
