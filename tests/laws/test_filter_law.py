"""One filter, three ways: what a socket is sent, what a stream is sent, and what history returns."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.live.raw_clients import RawWebSocket, raw_websocket
from tests.support.filter_drawing import DATA_BYTES, EVENTS, FILTERS, INSTANCES, NOON
from tests.support.gateway_edge import decoded_event, event_of, eventually
from tests.support.rest_client import Caller, rest_desk
from tests.support.rest_served import Served, Stream, served

from ponteio.model.event import AddressedEvent, StoredEvent
from ponteio.model.filter import FilterError
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_match import matches
from ponteio.model.filter_tree import Filter, to_text
from ponteio.model.identity import OrganizationScope

OCCURRENCES = st.lists(
    st.tuples(DATA_BYTES, st.sampled_from(EVENTS), st.sampled_from(INSTANCES)), min_size=1, max_size=25
)


def is_spelled(wanted: Filter) -> bool:
    """Whether the parser takes it: what is drawn may be larger than what people may ask."""
    try:
        return parse_filter(to_text(wanted), NOON) == wanted
    except FilterError:
        return False


SPELLED = FILTERS.filter(is_spelled)


@pytest.fixture
async def here(tmp_path: Path, database_url: str) -> AsyncIterator[Served]:
    async with rest_desk(tmp_path, instances=3, started=False, database_url=database_url) as desk, served(desk) as it:
        yield it


async def put(here: Served, scope: OrganizationScope, occurrences: list[tuple[bytes, str, str]]) -> list[StoredEvent]:
    """These events are committed, not announced."""
    events = [
        AddressedEvent(scope.organization_id, "id", replace(decoded_event(instance, event, data), received_at=NOON))
        for data, event, instance in occurrences
    ]
    return (await here.desk.house.log.append(events)).stored


async def history(here: Served, caller: Caller, text: str, *, newest_first: bool) -> list[int]:
    """The numbers of what REST returns, oldest first."""
    seqs: list[int] = []
    place, more = ("before", "head") if newest_first else ("after", "0"), True
    while more:
        answer = await here.http.get(
            f"{here.url}/api/events",
            headers=caller._headers,
            params={"filter": text, "limit": "7", place[0]: place[1]},
        )
        assert answer.status_code == 200, answer.text
        page = answer.json()
        seqs += [event["seq"] for event in page["events"]]
        place, more = (place[0], page["next"]), page["more"]
    return sorted(seqs)


class Socket:
    """One Socket.IO client with a filter: the numbers of what it was sent."""

    def __init__(self, ws: RawWebSocket) -> None:
        self.seqs: list[int] = []
        self._ws = ws
        self._reading: asyncio.Task[None] | None = None

    async def begin(self, token: str, cursor: str, text: str) -> None:
        await self._ws.connect(token, cursor=cursor, filter=text)
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while True:
            name, body = event_of(await self._ws.packet())
            if name == "evolution-event":
                self.seqs.append(body["seq"])

    async def end(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)


def has_heard_all(here: Served, last: StoredEvent, heard: list[Socket | Stream]) -> bool:
    """Whether the edge has served every reader to the end, and they have read what they were sent."""
    members = list(here.live._rooms.members())
    if any(member.cursor != last.cursor for member in members):
        return False
    return sorted(member.sent for member in members) == sorted(len(one.seqs) for one in heard)


async def compare(
    here: Served, before: list[tuple[bytes, str, str]], after: list[tuple[bytes, str, str]], wanted: list[Filter]
) -> None:
    house = here.desk.house
    organization = await house.directory.create_organization(secrets.token_hex(6))
    scope = house.directory.scope_of(organization.organization_id)
    secrets_ = [
        (await house.keys.create(scope.organization_id, "k", metadata_only=metadata_only))[1]
        for metadata_only in (False, True)
    ]
    stored = await put(here, scope, before)
    cursor = str((await house.log.head(scope)).at(0))
    async with AsyncExitStack() as stack:
        readers: list[tuple[Filter, Caller, Socket, Stream]] = []
        for one in wanted:
            for secret in secrets_:
                caller, text = Caller(here.desk, secret), to_text(one)
                socket = Socket(await stack.enter_async_context(raw_websocket(here.url)))
                await socket.begin(secret, cursor, text)
                stack.push_async_callback(socket.end)
                params = {"filter": text, "after": cursor}
                stream = await stack.enter_async_context(here.stream(caller, params=params))
                assert stream.status == 200, stream.problem
                readers.append((one, caller, socket, stream))
        for occurrence in after:
            live = await put(here, scope, [occurrence])
            here.tell(*live)
            stored += live
        heard: list[Socket | Stream] = [one for *_, socket, stream in readers for one in (socket, stream)]
        await eventually(lambda: has_heard_all(here, stored[-1], heard))
        for one, caller, socket, stream in readers:
            sight = (await house.keys.authenticate(caller._headers["Authorization"].removeprefix("Bearer "))).scope
            assert sight is not None
            model = [event.seq for event in stored if matches(one, event, sight.sight)]
            text = to_text(one)
            assert socket.seqs == model, text
            assert stream.seqs == model, text
            assert await history(here, caller, text, newest_first=False) == model, text
            assert await history(here, caller, text, newest_first=True) == model, text


@settings(
    max_examples=3, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(before=OCCURRENCES, after=OCCURRENCES, wanted=st.lists(SPELLED, min_size=5, max_size=6))
async def test_what_a_filter_lets_through_is_the_same_everywhere(
    here: Served, before: list[tuple[bytes, str, str]], after: list[tuple[bytes, str, str]], wanted: list[Filter]
) -> None:
    """I3: over real sockets, for readers with and without the right to content, replayed and live."""
    await compare(here, before, after, wanted)
