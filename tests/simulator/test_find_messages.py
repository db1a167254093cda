"""The search and what it ignores."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.simulator import SimulatorOptions
from ponteio.simulator.find_messages import PageError, as_jsonb, find_messages
from ponteio.simulator.ids import IdMint
from ponteio.simulator.population import Maker
from ponteio.simulator.state import Instance, Integration, StoredMessage

BASE_S = 1_795_500_000


def instance(integration: Integration = "EVOLUTION", count: int = 6) -> Instance:
    maker = Maker(SimulatorOptions(), IdMint("1"), lambda: datetime.now(UTC))
    made = maker.make("x", integration)
    made.messages.extend(StoredMessage(f"row{number}", message(number)) for number in range(count))
    return made


def message(number: int) -> dict[str, Any]:
    key = {"id": f"K{number}", "remoteJid": f"{number % 2}@s.whatsapp.net", "fromMe": number == 5}
    if number == 4:
        key |= {"remoteJid": "4@lid", "remoteJidAlt": "4@s.whatsapp.net", "participant": "p"}
    return {
        "key": key,
        "pushName": "Maria",
        "message": {"conversation": str(number)},
        "messageType": "conversation",
        "messageTimestamp": BASE_S + number // 2,
        "source": "web" if number == 3 else "unknown",
        "instanceId": "0b0f",
    }


def ids(subject: Instance, **query: Any) -> list[str]:
    return [record["key"]["id"] for record in find_messages(subject, query).records]


def test_newest_first_by_whole_seconds_ties_as_they_came() -> None:
    assert ids(instance()) == ["K4", "K5", "K2", "K3", "K0", "K1"]


def test_offset_is_the_size_of_a_page_and_limit_is_nothing() -> None:
    found = find_messages(instance(), {"offset": 4, "page": 2, "limit": 1})
    assert (found.total, found.pages, found.page, len(found.records)) == (6, 2, 2, 2)
    assert find_messages(instance(), {"page": 0}).page == 1
    assert find_messages(instance(), {"page": 99}).records == []


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"key": {"id": "K3"}}, ["K3"]),
        ({"key": {"fromMe": True}}, ["K5"]),
        ({"key": {"remoteJid": "1@s.whatsapp.net"}}, ["K5", "K3", "K1"]),
        ({"id": "row2"}, ["K2"]),
        ({"source": "web"}, ["K3"]),
        ({"messageType": "imageMessage"}, []),
        ({"messageTimestamp": {"gte": BASE_S * 1000, "lte": BASE_S * 1000 + 999}}, ["K0", "K1"]),
        ({"messageTimestamp": {"gte": "2026-11-24T06:00:01Z", "lte": "2030-01-01T00:00:00"}}, None),
    ],
)
def test_what_filters(where: dict[str, Any], expected: list[str] | None) -> None:
    wanted = ["K4", "K5", "K2", "K3", "K0", "K1"] if expected is None else expected
    if expected is None:
        assert set(ids(instance(), where=where)) <= set(wanted)
    else:
        assert ids(instance(), where=where) == wanted


@pytest.mark.parametrize(
    "where",
    [
        {"key": {"fromMe": False}},
        {"messageTimestamp": {"gte": "2099-01-01T00:00:00Z"}},
        {"messageTimestamp": {"lte": 1}},
        {"foo": "bar"},
        {"key": {}},
    ],
)
def test_what_is_silently_ignored(where: dict[str, Any]) -> None:
    assert len(ids(instance(), where=where)) == 6


def test_baileys_joins_the_alternative_only_when_it_is_asked_for() -> None:
    subject = instance("WHATSAPP-BAILEYS")
    phone = "4@s.whatsapp.net"
    assert ids(subject, where={"key": {"remoteJid": phone}}) == []
    assert ids(subject, where={"key": {"remoteJid": phone, "remoteJidAlt": phone}}) == ["K4"]
    assert ids(subject, where={"key": {"participant": "p"}}) == ["K4"]
    assert ids(instance(), where={"key": {"participants": "p"}}) == ["K4"]


def test_statuses_of_a_message_are_listed_with_it() -> None:
    subject = instance()
    subject.statuses.extend({"keyId": "K1", "status": status} for status in ("SERVER_ACK", "READ"))
    (record,) = find_messages(subject, {"where": {"key": {"id": "K1"}}}).records
    assert record["MessageUpdate"] == [{"status": "SERVER_ACK"}, {"status": "READ"}]
    assert (record["contextInfo"], record["id"]) == (None, "row1")


@pytest.mark.parametrize("query", [{"page": -1, "offset": 2}, {"page": "2"}, {"offset": "2"}])
def test_a_page_that_prisma_would_not_take_is_an_error(query: dict[str, Any]) -> None:
    with pytest.raises(PageError):
        find_messages(instance(), query)


@given(size=st.integers(1, 9), count=st.integers(0, 12))
def test_the_pages_together_are_everything_once(size: int, count: int) -> None:
    subject = instance(count=count)
    pages = find_messages(subject, {"offset": size}).pages
    found = [each for page in range(1, pages + 1) for each in ids(subject, offset=size, page=page)]
    assert sorted(found) == sorted(f"K{number}" for number in range(count))


def test_stored_json_comes_back_with_shorter_names_first() -> None:
    assert list(as_jsonb({"remoteJid": 1, "id": {"bb": [{"ccc": 1, "a": 2}], "a": 1}})) == ["id", "remoteJid"]
    assert list(as_jsonb({"x": {"bb": 1, "a": 1}})["x"]) == ["a", "bb"]
