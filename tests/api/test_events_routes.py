"""The log over REST: cursors, filters, pages, and events that pass through as bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st
from tests.support.rest_client import Caller, RestDesk, code, rest_desk

from ponteio.api.events_routes import parse_cursor, spliced
from ponteio.eventlog.reading import Page
from ponteio.model import outcome
from ponteio.model.cursor import Cursor
from ponteio.model.outcome import RefusalError
from ponteio.model.sight import ALL_SEEN

EVENTS = "/api/events"


async def filled(desk: RestDesk) -> None:
    for number, (instance, event) in enumerate(
        [
            ("loja-01", "messages.upsert"),
            ("loja-02", "messages.update"),
            ("loja-01", "chats.update"),
            ("loja-02", "messages.upsert"),
        ]
    ):
        await desk.house.store(desk.acme_scope, instance, event, b'{"n":%d}' % number)
    await desk.house.store(desk.rival_scope, "loja-03", "messages.upsert", b'{"rival":true}')


async def page(caller: Caller, query: str = "") -> dict[str, Any]:
    answer = await caller.get(f"{EVENTS}{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def numbers(found: dict[str, Any]) -> list[int]:
    return [event["seq"] for event in found["events"]]


async def test_reading_from_the_beginning_to_the_head(tmp_path: Path) -> None:
    """I11: `after` means strictly greater; `0` and nothing are before the beginning."""
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        await filled(desk)
        first = await page(desk.acme, "?limit=3")
        assert numbers(first) == [1, 2, 3]
        assert first["more"] is True
        second = await page(desk.acme, f"?after={first['next']}&limit=3")
        assert numbers(second) == [4]
        assert (second["next"], second["more"]) == (second["head"], False)
        assert numbers(await page(desk.acme, f"?after={second['next']}")) == []
        assert await page(desk.acme, "?after=0") == await page(desk.acme)
        assert {event["organization"] for event in first["events"]} == {desk.acme_scope.organization_id}


async def test_an_organization_reads_its_own_log_only(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        await filled(desk)
        rival = await page(desk.rival)
        assert [event["instance"] for event in rival["events"]] == ["loja-03"]
        head = (await page(desk.acme))["head"]
        answer = await desk.rival.get(f"{EVENTS}/{head}")
        assert code(answer) in ("cursor_expired", "not_found")
        assert (await page(desk.rival, "?instance=loja-01"))["events"] == []


FILTERS: list[tuple[str, list[int]]] = [
    ("?instance=loja-01", [1, 3]),
    ("?instance=loja-01&instance=loja-02", [1, 2, 3, 4]),
    ("?event=messages.upsert", [1, 4]),
    ("?event=messages.*", [1, 2, 4]),
    ("?event=messages.upsert&event=chats.update", [1, 3, 4]),
    ("?event=*&instance=loja-02", [2, 4]),
    ("?event=nothing.here", []),
]


async def test_filters(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        await filled(desk)
        for query, expected in FILTERS:
            assert numbers(await page(desk.acme, query)) == expected, query


QUESTIONS: list[tuple[str, int, str]] = [
    ("?after=nonsense", 400, "invalid_cursor"),
    ("?after=", 400, "invalid_cursor"),
    ("?after=00", 400, "invalid_cursor"),
    ("?after=abcdef01-99999999999999999999", 400, "invalid_cursor"),
    ("?after=00000000-1", 410, "cursor_expired"),
    ("?limit=0", 422, "invalid_request"),
    ("?limit=501", 422, "invalid_request"),
    ("?limit=ten", 422, "invalid_request"),
    ("?event=mess*", 400, "invalid_filter"),
    ("?event=", 400, "invalid_filter"),
    ("?instance=", 400, "invalid_filter"),
    ("?instances=loja-01", 422, "invalid_request"),
    ("?" + "&".join(f"event=e{number}" for number in range(501)), 400, "invalid_filter"),
]


async def test_questions_that_are_not_as_documented(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        await filled(desk)
        for query, status, expected in QUESTIONS:
            answer = await desk.acme.get(f"{EVENTS}{query}")
            assert (answer.status_code, code(answer)) == (status, expected), query


async def test_a_cursor_beyond_the_head_is_refused(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        await filled(desk)
        epoch = (await page(desk.acme))["head"].partition("-")[0]
        assert code(await desk.acme.get(f"{EVENTS}?after={epoch}-5")) == "invalid_cursor"


async def test_one_event_comes_whole(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        large = orjson.dumps({"text": "x" * 300_000})
        stored = await desk.house.store(desk.acme_scope, "loja-01", "messages.upsert", large)
        answer = await desk.acme.get(f"{EVENTS}/{stored.cursor}")
        assert answer.content == stored.envelope(ALL_SEEN)
        assert answer.headers["content-type"] == "application/json"
        nothing = stored.cursor.at(2)
        assert code(await desk.acme.get(f"{EVENTS}/{nothing}")) == "not_found"
        assert code(await desk.acme.get(f"{EVENTS}/00000000-1")) == "cursor_expired"
        assert code(await desk.acme.get(f"{EVENTS}/nonsense")) == "invalid_cursor"


async def test_events_pass_through_as_the_bytes_that_were_stored(tmp_path: Path) -> None:
    """Nothing is parsed and written again: what a parser would change stays as it was."""
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        odd = b'{"big":12345678901234567890123,"twice":1,"twice":2,"float":1.10,"text":"\\u00e9/"}'
        stored = await desk.house.store(desk.acme_scope, "loja-01", "messages.upsert", odd)
        answer = await desk.acme.get(EVENTS)
        assert odd in answer.content
        assert answer.content.startswith(b'{"events":[' + stored.envelope(ALL_SEEN) + b"],")


@given(st.text(max_size=40))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        assert str(parse_cursor(text)) == text
    except RefusalError as refusal:
        named = refusal.outcome
    else:
        return
    assert named is outcome.INVALID_CURSOR


def test_an_empty_page_is_json_too() -> None:
    head = Cursor("0123abcd", 7)
    assert orjson.loads(spliced(Page([], head, head, False), ALL_SEEN)) == {
        "events": [],
        "next": "0123abcd-7",
        "head": "0123abcd-7",
        "more": False,
    }
