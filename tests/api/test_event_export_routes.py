"""Files of events, over a real server: whole, or told that they are not."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.api.test_events_routes import message, talked
from tests.support.gateway_edge import eventually
from tests.support.rest_client import Caller, RestDesk, code, rest_desk
from tests.support.rest_house import ON_EACH_DATABASE
from tests.support.rest_served import Served, served

EXPORT = "/api/events/export"


@pytest.fixture
async def desk(tmp_path: Path, database_url: str) -> AsyncIterator[RestDesk]:
    async with rest_desk(tmp_path, instances=3, started=False, database_url=database_url) as opened:
        await talked(opened)
        yield opened


async def lines(caller: Caller, **params: str) -> list[dict[str, Any]]:
    answer = await caller.get(EXPORT, params=params)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


@ON_EACH_DATABASE
async def test_lines_of_json_with_an_end(desk: RestDesk) -> None:
    *events, end = await lines(desk.acme)
    assert [event["seq"] for event in events] == list(range(1, 13))
    assert end == {"end": True, "cursor": events[-1]["cursor"], "events": 12}
    page = (await desk.acme.get("/api/events")).json()
    assert events == page["events"]


@ON_EACH_DATABASE
async def test_by_filter_and_from_a_cursor_on(desk: RestDesk) -> None:
    *events, end = await lines(desk.acme, filter="text:boleto")
    assert [event["seq"] for event in events] == [3, 6, 9, 12]
    *rest, again = await lines(desk.acme, filter="text:boleto", after=events[1]["cursor"])
    assert (rest, again["events"], again["cursor"]) == (events[2:], 2, end["cursor"])
    *none, nothing = await lines(desk.acme, filter="text:boleto", after=end["cursor"])
    assert (none, nothing["events"]) == ([], 0)


async def test_rows_for_spreadsheets(desk: RestDesk) -> None:
    await desk.house.store(desk.acme_scope, "loja-01", "messages.upsert", message(13, "=HYPERLINK(1);=2"))
    answer = await desk.acme.get(EXPORT, params={"format": "csv", "separator": ";"})
    assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert [row["text"] for row in rows[2:4]] == ["segue o boleto", "bom dia"]
    assert rows[12]["text"] == "'=HYPERLINK(1);'=2"
    assert (rows[-1]["cursor"], rows[-1]["occurred_at"]) == ("end", "13")


@pytest.mark.parametrize("form", ["ndjson", "csv"])
async def test_the_file_has_a_name(desk: RestDesk, form: str) -> None:
    answer = await desk.acme.get(EXPORT, params={"format": form})
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="events-2')
    assert disposition.endswith(f'.{form}"')


async def test_only_ones_own_and_only_what_one_may_see(desk: RestDesk) -> None:
    """I5: the content of messages is for those who may see it, in a file too."""
    *rival, _ = await lines(desk.rival)
    assert [event["instance"] for event in rival] == ["loja-03"]
    _, secret = await desk.house.keys.create(desk.acme_scope.organization_id, "m", metadata_only=True)
    blind = Caller(desk, secret)
    for form in ("ndjson", "csv"):
        answer = await blind.get(EXPORT, params={"format": form})
        assert "boleto" not in answer.text
        assert "bom dia" not in answer.text
    *events, _ = await lines(blind, filter="text:boleto")
    assert events == []


REFUSED = [
    ({"format": "xml"}, 422, "invalid_request"),
    ({"separator": "x"}, 422, "invalid_request"),
    ({"limit": "1"}, 422, "invalid_request"),
    ({"filter": "colour:red"}, 400, "invalid_filter"),
    ({"after": "nonsense"}, 400, "invalid_cursor"),
    ({"after": "00000000-1"}, 410, "cursor_expired"),
]


async def test_what_is_refused(desk: RestDesk) -> None:
    for params, status, expected in REFUSED:
        answer = await desk.acme.get(EXPORT, params=params)
        assert (answer.status_code, code(answer)) == (status, expected), params
    epoch = (await lines(desk.acme))[0]["cursor"].partition("-")[0]
    assert code(await desk.acme.get(EXPORT, params={"after": f"{epoch}-99"})) == "invalid_cursor"
    assert code(await desk.operator.get(EXPORT)) == "organization_only"
    assert len(desk.services.exports) == 0


@pytest.fixture
async def large(tmp_path: Path) -> AsyncIterator[Served]:
    """A log that does not fit into the buffers between us and a reader."""
    async with rest_desk(tmp_path, instances=3, started=False) as opened, served(opened) as here:
        for number in range(60):
            await opened.house.store(opened.acme_scope, "loja-01", "messages.upsert", message(number, "x" * 300_000))
        yield here


async def begun(here: Served, secret: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """An export whose reader has read its first bytes, and stands still since."""
    host, port = here.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(f"GET {EXPORT} HTTP/1.1\r\nHost: {host}\r\napikey: {secret}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    return reader, writer


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    found = bytearray()
    try:
        while chunk := await reader.read(65_536):
            found += chunk
    except ConnectionError:
        pass
    return bytes(found)


async def test_memory_is_bounded_by_what_a_reader_takes(large: Served) -> None:
    """I7: whoever stands still has a page of events waiting, not a log."""
    _, secret = await large.desk.house.keys.create(large.desk.acme_scope.organization_id, "slow")
    reads = 0
    plain = large.desk.services.events.read_after

    async def counted(*args: Any, **terms: Any) -> Any:
        nonlocal reads
        reads += 1
        return await plain(*args, **terms)

    large.desk.services.events.read_after = counted  # type: ignore[method-assign]
    reader, writer = await begun(large, secret)
    await asyncio.sleep(0.5)
    standing = reads
    assert standing < 20, "a page is about four of sixty events"
    await asyncio.sleep(0.3)
    assert reads == standing
    body = await asyncio.wait_for(_whole(reader), 20)
    assert b'"end":true' in body
    writer.close()
    await writer.wait_closed()
    await eventually(lambda: len(large.desk.services.exports) == 0)


async def _whole(reader: asyncio.StreamReader) -> bytes:
    found = bytearray()
    while not found.endswith(b"0\r\n\r\n"):
        found += await reader.read(65_536)
    return bytes(found)


async def test_a_right_that_ends_ends_the_export(large: Served) -> None:
    """I10: within two seconds, also when its reader stands still."""
    key, secret = await large.desk.house.keys.create(large.desk.acme_scope.organization_id, "short")
    reader, writer = await begun(large, secret)
    await large.desk.house.keys.revoke(key.key_id)
    await large.live.enforce()
    await eventually(lambda: len(large.desk.services.exports) == 0, within_s=2.0)
    body = await rest_of(reader)
    assert b'"end":true' not in body
    assert len(body) < 60 * 300_000
    writer.close()
    await writer.wait_closed()


async def test_an_export_whose_reader_goes_ends(large: Served) -> None:
    _, secret = await large.desk.house.keys.create(large.desk.acme_scope.organization_id, "gone")
    _, writer = await begun(large, secret)
    await eventually(lambda: len(large.desk.services.exports) == 1)
    writer.close()
    await writer.wait_closed()
    await eventually(lambda: len(large.desk.services.exports) == 0)
    assert len(large.live._watches) == 0


async def test_only_so_many_at_once(large: Served) -> None:
    _, secret = await large.desk.house.keys.create(large.desk.acme_scope.organization_id, "many")
    opened = [await begun(large, secret) for _ in range(2)]
    headers = {"apikey": secret}
    answer = await large.http.get(large.url + EXPORT, headers=headers)
    assert (answer.status_code, answer.json()["code"], answer.json()["retry"]) == (429, "too_many_exports", True)
    for _, writer in opened:
        writer.close()
        await writer.wait_closed()
    await eventually(lambda: len(large.desk.services.exports) == 0)
    assert (await large.http.get(large.url + EXPORT, headers=headers)).status_code == 200


async def test_a_gateway_that_stops_says_so_in_the_file(large: Served) -> None:
    _, secret = await large.desk.house.keys.create(large.desk.acme_scope.organization_id, "stop")
    reader, writer = await begun(large, secret)
    reading = asyncio.create_task(rest_of(reader))
    await asyncio.sleep(0)
    await large.live.close()
    await eventually(lambda: len(large.desk.services.exports) == 0, within_s=3.0)
    writer.close()
    body = await reading
    assert (b'"code":"shutting_down"' in body) or b'"end":true' in body
