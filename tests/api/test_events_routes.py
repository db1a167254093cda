"""The log over REST: cursors, filters, pages, and events that pass through as bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.api.test_event_filters import HOSTILE
from tests.support.rest_client import Caller, RestDesk, code, rest_desk
from tests.support.rest_house import ON_EACH_DATABASE

from ponteio.api import event_pages
from ponteio.eventlog import search
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
        assert first["complete"] is True
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
    ("?before=nonsense", 400, "invalid_cursor"),
    ("?before=00000000-1", 410, "cursor_expired"),
    ("?before=0", 400, "invalid_cursor"),
    ("?after=0&before=nonsense", 400, "invalid_cursor"),
    ("?filter=colour:red", 400, "invalid_filter"),
    ("?filter=text:a&after=00000000-1", 410, "cursor_expired"),
    ("?filters=text:a", 422, "invalid_request"),
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


def message(number: int, text: str, *, from_me: bool = False) -> bytes:
    key = {"remoteJid": f"55119{number:08d}@s.whatsapp.net", "fromMe": from_me, "id": f"3EB0{number}"}
    return orjson.dumps({"key": key, "message": {"conversation": text}, "messageType": "conversation"})


async def talked(desk: RestDesk) -> None:
    """Twelve messages; every third is about a bill, every other is ours."""
    for number in range(1, 13):
        text = "segue o boleto" if number % 3 == 0 else "bom dia"
        data = message(number, text, from_me=number % 2 == 0)
        await desk.house.store(desk.acme_scope, f"loja-0{1 + number % 2}", "messages.upsert", data)
    await desk.house.store(desk.rival_scope, "loja-03", "messages.upsert", message(99, "boleto do rival"))


GRAMMAR: list[tuple[str, list[int]]] = [
    ('text:"boleto"', [3, 6, 9, 12]),
    ("text:BOLETO fromMe:true", [6, 12]),
    ("text:boleto inst:loja-02", [3, 9]),
    ("text:boleto OR id:3EB01", [1, 3, 6, 9, 12]),
    ("-text:boleto", [1, 2, 4, 5, 7, 8, 10, 11]),
    ("chat:5511900000005", [5]),
    ("data.key.fromMe:false since:1h", [1, 3, 5, 7, 9, 11]),
    ("until:2020-01-01", []),
    ("inst:loja-03", []),
    ('text:"do rival"', []),
]


@ON_EACH_DATABASE
async def test_filters_of_the_grammar_in_both_directions(tmp_path: Path, database_url: str) -> None:
    async with rest_desk(tmp_path, instances=3, started=False, database_url=database_url) as desk:
        await talked(desk)
        for text, expected in GRAMMAR:
            params = {"filter": text}
            found = (await desk.acme.get(EVENTS, params=params)).json()
            assert numbers(found) == expected, text
            assert (found["more"], found["complete"], found["next"]) == (False, True, found["head"])
            back = (await desk.acme.get(EVENTS, params={**params, "before": "head"})).json()
            assert numbers(back) == expected[::-1], text
            assert (back["more"], back["complete"]) == (False, True)


@ON_EACH_DATABASE
@pytest.mark.parametrize("text", [None, "text:boleto", "inst:loja-01"])
async def test_turning_pages_there_and_back(tmp_path: Path, database_url: str, text: str | None) -> None:
    """I11: `before` means strictly less, `after` strictly greater; nothing is lost or repeated where pages meet."""
    async with rest_desk(tmp_path, instances=3, started=False, database_url=database_url) as desk:
        await talked(desk)
        params = {"limit": "2"} | ({} if text is None else {"filter": text})
        everything = numbers((await desk.acme.get(EVENTS, params={**params, "limit": "500"})).json())
        seen: list[int] = []
        place, more = "head", True
        while more:
            found = (await desk.acme.get(EVENTS, params={**params, "before": place})).json()
            seen += numbers(found)
            place, more = found["next"], found["more"]
        assert seen == everything[::-1]
        assert numbers((await desk.acme.get(EVENTS, params={**params, "before": place})).json()) == []
        first = (await desk.acme.get(EVENTS, params=params)).json()
        second = (await desk.acme.get(EVENTS, params={**params, "after": first["next"]})).json()
        assert numbers(first) + numbers(second) == everything[:4]
        again = (await desk.acme.get(EVENTS, params={**params, "before": second["previous"]})).json()
        assert numbers(again) == numbers(first)[::-1]
        newest = (await desk.acme.get(EVENTS, params={**params, "before": "head"})).json()
        await desk.house.store(desk.acme_scope, "loja-01", "messages.upsert", message(13, "outro boleto"))
        newer = (await desk.acme.get(EVENTS, params={**params, "after": newest["previous"]})).json()
        assert numbers(newer) == [13]


async def test_between_two_cursors_oldest_first(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        await talked(desk)
        epoch = (await page(desk.acme))["head"].partition("-")[0]
        between = await page(desk.acme, f"?after={epoch}-2&before={epoch}-7&limit=3")
        assert (numbers(between), between["more"]) == ([3, 4, 5], True)
        rest = await page(desk.acme, f"?after={between['next']}&before={epoch}-7")
        assert (numbers(rest), rest["more"], rest["next"]) == ([6], False, f"{epoch}-6")
        assert numbers(await page(desk.acme, f"?after=0&before={epoch}-1")) == []
        assert numbers(await page(desk.acme, f"?before={epoch}-0")) == []


async def test_grammar_and_lists_must_both_hold(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        await talked(desk)
        assert numbers(await page(desk.acme, "?filter=text:boleto&instance=loja-02&event=messages.*")) == [3, 9]
        assert numbers(await page(desk.acme, "?filter=text:boleto&event=call")) == []


async def test_a_filter_that_is_refused_shows_the_place(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        answer = await desk.acme.get(EVENTS, params={"filter": "event:call colour:red inst:a"})
        assert (answer.status_code, code(answer)) == (400, "invalid_filter")
        problem = answer.json()
        assert problem["position"] == 11
        assert problem["length"] >= 6
        assert "event:call ⟨colour" in problem["detail"]


async def test_whoever_may_not_see_content_cannot_search_it(tmp_path: Path) -> None:
    """I5: a filter is no oracle for what is withheld."""
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        await talked(desk)
        _, secret = await desk.house.keys.create(desk.acme_scope.organization_id, "meta", metadata_only=True)
        blind = Caller(desk, secret)
        assert numbers((await blind.get(EVENTS, params={"filter": "text:boleto"})).json()) == []
        found = (await blind.get(EVENTS, params={"filter": "-text:boleto fromMe:true"})).json()
        assert numbers(found) == [2, 4, 6, 8, 10, 12]
        assert all(event["withheld"] == "content" for event in found["events"])
        assert numbers((await blind.get(EVENTS, params={"filter": "id:3EB03"})).json()) == [3]


@ON_EACH_DATABASE
async def test_hostile_filters_never_make_a_fault_of_ours(tmp_path: Path, database_url: str) -> None:
    """I6: whatever characters they are made of, and whatever a database would make of them."""
    async with rest_desk(tmp_path, instances=3, started=False, database_url=database_url) as desk:
        await talked(desk)
        everything = numbers(await page(desk.acme))
        for text in HOSTILE:
            if any("\ud800" <= character <= "\udfff" for character in text):
                continue  # no address can hold it
            for path, more in ((EVENTS, {"before": "head"}), (EVENTS, {"after": "0"}), (f"{EVENTS}/facets", {})):
                answer = await desk.acme.get(path, params={"filter": text, **more})
                if answer.status_code == 200:
                    assert set(numbers(answer.json()) if path == EVENTS else []) <= set(everything)
                else:
                    assert (answer.status_code, code(answer)) == (400, "invalid_filter"), text


async def test_a_search_whose_time_is_over_says_where_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However little time each page has, page by page everything is found, in either direction."""
    monkeypatch.setattr(event_pages, "BUDGET_S", 0.0)
    monkeypatch.setattr(search, "_FIRST_WINDOW", 2)
    monkeypatch.setattr(search, "_LARGEST_WINDOW", 2)
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        await talked(desk)
        for place, first in (("after", "0"), ("before", "head")):
            found: list[int] = []
            incomplete, at, more = 0, first, True
            while more:
                part = (await desk.acme.get(EVENTS, params={"filter": "text:boleto", place: at})).json()
                found += numbers(part)
                incomplete += not part["complete"]
                at, more = part["next"], part["more"]
            assert sorted(found) == [3, 6, 9, 12]
            assert incomplete > 1
        exported = await desk.acme.get(f"{EVENTS}/export", params={"filter": "text:boleto"})
        assert [orjson.loads(line)["seq"] for line in exported.text.splitlines()[:-1]] == [3, 6, 9, 12]
