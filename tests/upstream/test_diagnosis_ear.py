"""The ear hears, counts and forgets what was said."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.support.diagnosis_rig import subject
from tests.support.simulator import running_simulator, until

from ponteio.observe.clock import utc_now
from ponteio.upstream import diagnosis_ear
from ponteio.upstream.diagnosis_ear import Ear
from ponteio.upstream.link_failure import LinkFailure
from ponteio.upstream.link_options import LinkOptions
from ponteio.upstream.socketio_protocol import Event, Joined, Opened, Refused

OPTIONS = LinkOptions().connection


def heard(*payloads: bytes, namespace: str = "/a") -> Ear:
    ear = Ear("http://evo", "", OPTIONS, utc_now)
    for payload in payloads:
        ear._packet(Event(namespace, payload))
    return ear


def packet(**envelope: object) -> bytes:
    return json.dumps(["messages.upsert", envelope]).encode()


@pytest.mark.parametrize(
    ("apikey", "exposes"), [(None, False), ("", False), ("Apikey not found", False), ("B6D7-TOKEN", True)]
)
def test_a_token_is_noticed_and_not_kept(apikey: str | None, exposes: bool) -> None:
    """I5: of a token only that it was there is remembered."""
    ear = heard(packet(apikey=apikey))
    assert ear.namespaces["/a"].exposes_key is exposes
    assert "B6D7-TOKEN" not in repr(ear.namespaces)


def test_times_and_ids_are_read_where_there_are_any() -> None:
    ear = heard(
        packet(date_time="2026-11-24T09:00:00.000Z", data={"key": {"id": "M1"}}),
        packet(date_time="nonsense", data={"key": {"id": 5}}),
        packet(data={"key": None}),
        packet(data=[]),
    )
    found = ear.namespaces["/a"]
    assert [wall for wall, _ in found.times] == [datetime(2026, 11, 24, 9, tzinfo=UTC)]
    assert list(found.messages) == ["M1"]
    assert ear.heard_on("M1") == found.messages["M1"]
    assert ear.heard_on("M2") is None


@pytest.mark.parametrize("payload", [b"not json", b"[]", b'["a"]', b'["a",1]', b"{}"])
def test_what_cannot_be_read_is_counted(payload: bytes) -> None:
    found = heard(payload).namespaces["/a"]
    assert (found.count, found.exposes_key) == (1, None)


def test_a_flood_and_a_giant_are_only_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis_ear, "MOST_READ", 2)
    monkeypatch.setattr(diagnosis_ear, "MAX_READ_BYTES", 100)
    found = heard(packet(apikey="x" * 200), *[packet(data={"key": {"id": f"M{n}"}}) for n in range(5)]).namespaces["/a"]
    assert (found.count, list(found.messages), found.exposes_key) == (6, ["M0"], False)


async def test_it_joins_hears_and_leaves_nothing() -> None:
    async with running_simulator(instances=2, global_events=False, allowed_hosts="203.0.113.1") as simulator:
        simulator.emit("loja-02", "chats.update", [])
        await until(lambda: "/loja-02" in simulator.summary()["namespaces"])
        ear = Ear(simulator.url, simulator.api_key, OPTIONS, utc_now)
        assert isinstance(await ear.open(), Opened)
        assert isinstance(await ear.join("/nobody"), Refused)
        assert isinstance(await ear.join("/loja-02"), Joined)
        assert not await ear.hear(lambda: ear.namespaces["/loja-02"].count > 0, 0.01)
        simulator.emit("loja-02", "chats.update", [])
        assert await ear.hear(lambda: ear.namespaces["/loja-02"].count > 0, 5)
        simulator.drop()
        assert isinstance(await ear.join("/loja-02"), LinkFailure)
        await ear.close()
        await ear.close()
        assert simulator.client_events == []


async def test_nothing_is_joined_before_it_is_open() -> None:
    ear = subject("http://evo")
    with pytest.raises(RuntimeError):
        await Ear(ear.url, "", OPTIONS, utc_now).join("/")
