"""Streams over a real server: who may, from where, with which filter, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.api.test_events_routes import message
from tests.support.gateway_edge import eventually
from tests.support.rest_client import Caller, rest_desk
from tests.support.rest_served import Served, served

from ponteio.model.event import StoredEvent


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Served]:
    async with rest_desk(tmp_path, instances=3, started=False) as desk, served(desk) as opened:
        yield opened


async def say(here: Served, text: str, instance: str = "loja-01", number: int = 1) -> StoredEvent:
    """A message was committed and announced."""
    scope = here.desk.rival_scope if instance == "loja-03" else here.desk.acme_scope
    stored = await here.desk.house.store(scope, instance, "messages.upsert", message(number, text))
    here.tell(stored)
    return stored


async def test_live_events_of_ones_own_organization(here: Served) -> None:
    async with here.stream(here.desk.acme) as stream:
        await eventually(lambda: stream.named("ready"))
        assert stream.headers["content-type"] == "text/event-stream"
        assert stream.headers["cache-control"] == "no-store"
        await say(here, "bom dia")
        await say(here, "do rival", "loja-03")
        await say(here, "boa tarde", number=2)
        await eventually(lambda: len(stream.seqs) == 2)
        assert stream.seqs == [1, 2]
        assert {event["organization"] for event in stream.named("evolution-event")} == {
            here.desk.acme_scope.organization_id
        }


async def test_resuming_by_the_last_id_that_a_browser_sends(here: Served) -> None:
    """I3: `Last-Event-ID` counts before `after`."""
    stored = [await say(here, "x", number=number) for number in range(1, 6)]
    both: dict[str, Any] = {
        "headers": {"Last-Event-ID": str(stored[1].cursor)},
        "params": {"after": str(stored[3].cursor)},
    }
    for options in (both, {"params": {"after": str(stored[1].cursor)}}):
        async with here.stream(here.desk.acme, **options) as stream:
            await eventually(lambda: len(stream.seqs) == 3, why=lambda: stream.events)
            assert stream.seqs == [3, 4, 5]
            assert stream.last_id == str(stored[4].cursor)


async def test_the_filter_of_the_grammar_and_the_lists(here: Served) -> None:
    async with here.stream(here.desk.acme, params={"filter": "text:boleto", "instance": "loja-02"}) as stream:
        await eventually(lambda: stream.named("ready"))
        await say(here, "o boleto", "loja-01")
        await say(here, "bom dia", "loja-02")
        await say(here, "o boleto", "loja-02")
        await eventually(lambda: stream.seqs)
        assert stream.seqs == [3]


async def test_whoever_may_not_see_content_is_sent_none_and_cannot_ask_about_it(here: Served) -> None:
    """I5."""
    _, secret = await here.desk.house.keys.create(here.desk.acme_scope.organization_id, "m", metadata_only=True)
    blind = Caller(here.desk, secret)
    async with here.stream(blind) as stream, here.stream(blind, params={"filter": "text:boleto"}) as asking:
        await eventually(lambda: stream.named("ready") and asking.named("ready"))
        await say(here, "o boleto")
        await eventually(lambda: stream.seqs)
        (event,) = stream.named("evolution-event")
        assert event["withheld"] == "content"
        assert "boleto" not in str(event)
        assert asking.seqs == []


REFUSED = [
    ({"params": {"filter": "colour:red"}}, 400, "invalid_filter"),
    ({"params": {"filters": "x"}}, 422, "invalid_request"),
    ({"accept": "*/*"}, 406, "not_acceptable"),
]


@pytest.mark.parametrize(("options", "status", "code"), REFUSED)
async def test_what_is_refused(here: Served, options: dict[str, object], status: int, code: str) -> None:
    async with here.stream(here.desk.acme, **options) as stream:  # type: ignore[arg-type]
        assert (stream.status, stream.problem["code"]) == (status, code)


async def test_strangers_and_the_operator_have_no_stream(here: Served) -> None:
    async with here.stream(here.desk.nobody) as stream:
        assert stream.problem["code"] == "auth_required"
    async with here.stream(here.desk.operator) as stream:
        assert stream.problem["code"] == "organization_only"


async def test_streams_count_as_sockets(here: Served) -> None:
    organization_id = here.desk.acme_scope.organization_id
    await here.desk.services.directory.set_limits(organization_id, {"sockets": 1})
    async with here.stream(here.desk.acme) as stream:
        await eventually(lambda: stream.named("ready"))
        assert here.live.socket_count(here.desk.acme_scope) == 1
        async with here.stream(here.desk.acme) as another:
            assert (another.status, another.problem["code"]) == (429, "too_many_sockets")
            assert another.problem["retry"] is True
    await eventually(lambda: here.live.socket_count(None) == 0)


async def test_a_revoked_key_ends_its_stream_and_the_connection(here: Served) -> None:
    """I10: within a look of the edge, with a goodbye."""
    key, secret = await here.desk.house.keys.create(here.desk.acme_scope.organization_id, "short")
    async with here.stream(Caller(here.desk, secret)) as stream:
        await eventually(lambda: stream.named("ready"))
        await here.desk.house.keys.revoke(key.key_id)
        await here.live.enforce()
        await eventually(lambda: stream.is_over, within_s=2.0)
        assert stream.named("goodbye")[0]["code"] == "revoked"
        assert stream.named("goodbye")[0]["retry"] is False


async def test_a_reader_that_stands_still_is_cut_off_when_its_right_ends(here: Served) -> None:
    """I10: its connection does not wait for it to read."""
    key, secret = await here.desk.house.keys.create(here.desk.acme_scope.organization_id, "short")
    host, port = here.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    request = (
        f"GET /api/events/stream?after=0 HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\napikey: {secret}"
    )
    writer.write(f"{request}\r\n\r\n".encode())
    await eventually(lambda: here.live.socket_count(None) == 1)
    for number in range(60):
        await say(here, "x" * 200_000, number=number)
    await here.desk.house.keys.revoke(key.key_id)
    await here.live.enforce()
    await eventually(lambda: len(here.live._sessions) == 0, within_s=3.0)
    taken = bytearray()
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65_536):
            taken += chunk
    assert len(taken) < 60 * 200_000
    assert not taken.endswith(b"0\r\n\r\n"), "the answer did not end, it was cut off"
    writer.close()
    await writer.wait_closed()
