from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, update
from tests.support.databases import opened
from tests.support.log_world import NOON
from tests.support.machine_world import MachineWorld, refused

from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.identity import OrganizationScope, Principal
from ponteio.model.outcome import (
    AUTH_INVALID,
    AUTH_REQUIRED,
    FORBIDDEN,
    INVALID_NAME,
    INVALID_REQUEST,
    ORGANIZATION_ONLY,
    RefusalError,
)
from ponteio.model.rights import CredentialKind, KeyScope, Right
from ponteio.model.sight import Sight
from ponteio.observe.counters import Counters
from ponteio.storage.database import Database
from ponteio.storage.tables import api_keys, tickets
from ponteio.tenancy.identifiers import API_KEY, new_secret, secret_hash
from ponteio.tenancy.permissions import BROWSER_RIGHTS
from ponteio.tenancy.tickets import SOCKET_LIFE, Tickets, is_user_label


@pytest.fixture
async def world(database: Database) -> MachineWorld:
    return await MachineWorld.make(database)


async def test_a_ticket_gives_what_its_key_may_look_at(world: MachineWorld) -> None:
    maker, _ = await world.key()
    ticket, token = await world.tickets.mint(maker, user_label="ana")
    assert (ticket.key_id, ticket.expires_at) == (maker.credential_id, NOON + timedelta(seconds=60))
    assert await world.tickets.redeem(token) == Principal(
        kind=CredentialKind.TICKET,
        credential_id=ticket.ticket_id,
        rights=BROWSER_RIGHTS - {Right.PAIRING},
        scope=OrganizationScope(world.organization_id, EVERYTHING, Sight(content=True, pairing=False)),
        user="ana",
        expires_at=NOON + SOCKET_LIFE,
    )


async def test_a_ticket_opens_one_socket_only(world: MachineWorld) -> None:
    """I4: whoever sees it pass comes too late."""
    maker, _ = await world.key()
    _, token = await world.tickets.mint(maker)
    await world.tickets.redeem(token)
    assert await refused(world.tickets.redeem(token)) is AUTH_INVALID


async def test_a_ticket_is_good_for_its_seconds_only(world: MachineWorld) -> None:
    maker, _ = await world.key()
    tokens = [(await world.tickets.mint(maker, valid_s=30))[1] for _ in range(2)]
    world.clock.turn(seconds=29.9)
    await world.tickets.redeem(tokens[0])
    world.clock.turn(seconds=0.1)
    assert await refused(world.tickets.redeem(tokens[1])) is AUTH_INVALID


async def test_whatever_is_no_ticket_is_refused(world: MachineWorld) -> None:
    maker, secret = await world.key()
    _, token = await world.tickets.mint(maker)
    assert await refused(world.tickets.redeem(None)) is AUTH_REQUIRED
    assert await refused(world.tickets.redeem("")) is AUTH_REQUIRED
    texts = (secret, token[:-1], token + "A", token.upper(), f" {token}", "ptk_" + "\ud800" * 43, "\x00")
    wrongs: tuple[object, ...] = (*texts, 7, [token], {})
    for wrong in wrongs:
        assert await refused(world.tickets.redeem(wrong)) is AUTH_INVALID
    await world.tickets.redeem(token)


async def test_the_token_is_nowhere_in_the_database(world: MachineWorld) -> None:
    """I5: only its hash is kept."""
    maker, _ = await world.key()
    ticket, token = await world.tickets.mint(maker)
    async with world.database.read() as connection:
        row = (await connection.execute(select(tickets))).one()
    assert row.token_hash == secret_hash(token)
    assert token[4:] not in repr(row) + repr(ticket)


async def test_of_many_who_try_at_once_one_gets_it(world: MachineWorld, database_url: str) -> None:
    """I4: over two connections to the database, as two processes have them."""
    maker, _ = await world.key()
    async with opened(database_url) as other:
        elsewhere = Tickets(other, world.clock)
        for _ in range(5):
            _, token = await world.tickets.mint(maker)
            tries = [desk.redeem(token) for desk in (world.tickets, elsewhere) * 5]
            results = await asyncio.gather(*tries, return_exceptions=True)
            winners = [one for one in results if isinstance(one, Principal)]
            losers = [one.outcome for one in results if isinstance(one, RefusalError)]
            assert len(winners) == 1
            assert losers == [AUTH_INVALID] * 9


_REDEEMER = """
import asyncio, json, sys
from datetime import datetime
from ponteio.model.outcome import RefusalError
from ponteio.storage.database import Database
from ponteio.tenancy.tickets import Tickets

async def main():
    url, now, *tokens = json.loads(sys.stdin.readline())
    database = await Database.open(url, checkpoints=False)
    desk, won = Tickets(database, lambda: datetime.fromisoformat(now)), []
    print("ready", flush=True)
    sys.stdin.readline()
    for token in tokens:
        try:
            await desk.redeem(token)
            won.append(token)
        except RefusalError:
            pass
    await database.close()
    print(json.dumps(won))

asyncio.run(main())
"""


async def test_of_two_processes_one_gets_it(world: MachineWorld, database_url: str) -> None:
    """I4: real processes that begin at the same moment."""
    maker, _ = await world.key()
    tokens = [(await world.tickets.mint(maker))[1] for _ in range(20)]
    order = json.dumps([database_url, world.clock().isoformat(), *tokens]) + "\n"
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", _REDEEMER, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(order.encode())
        assert await process.stdout.readline() == b"ready\n"
    outs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    won = [token for out, _ in outs for token in json.loads(out)]
    assert sorted(won) == sorted(tokens)


async def test_guesses_do_not_stand_in_the_writers_queue(world: MachineWorld) -> None:
    """I7: whoever has no ticket costs a look, not a turn."""
    maker, _ = await world.key()
    _, token = await world.tickets.mint(maker)
    await world.tickets.redeem(token)
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(world.database._engines.writer.sync_engine, "before_cursor_execute", note)
    for guess in (new_secret("ptk_"), token, new_secret(API_KEY)):
        assert await refused(world.tickets.redeem(guess)) is AUTH_INVALID
    assert statements == []


async def test_a_ticket_of_a_key_that_ended_opens_nothing(world: MachineWorld) -> None:
    """I10: between making and using."""
    maker, _ = await world.key()
    _, token = await world.tickets.mint(maker)
    await world.keys.revoke(maker.credential_id)
    assert await refused(world.tickets.redeem(token)) is AUTH_INVALID
    short, _ = await world.key(expires_at=NOON + timedelta(seconds=10))
    _, token = await world.tickets.mint(short)
    world.clock.turn(seconds=10)
    assert await refused(world.tickets.redeem(token)) is AUTH_INVALID


async def test_a_ticket_ends_with_its_key(world: MachineWorld) -> None:
    """I10: what its socket is checked against."""
    maker, _ = await world.key(expires_at=NOON + timedelta(hours=2))
    held = [await world.tickets.redeem((await world.tickets.mint(maker, user_label=name))[1]) for name in ("a", "b")]
    unused, _ = await world.tickets.mint(maker)
    ids = [*(one.credential_id for one in held), unused.ticket_id, "tkt_x"]
    assert held[0].expires_at == NOON + timedelta(hours=2)
    assert await world.tickets.current(ids) == {one.credential_id: one for one in held}
    world.clock.turn(hours=1)
    assert await world.tickets.current(ids) == {one.credential_id: one for one in held}
    await world.keys.revoke(maker.credential_id)
    assert await world.tickets.current(ids) == {}
    assert await world.tickets.current([]) == {}


async def test_a_ticket_follows_its_key_when_that_is_given_less(world: MachineWorld) -> None:
    """I10: what was written into the ticket does not outlive the right to it."""
    maker, _ = await world.key()
    _, token = await world.tickets.mint(maker, pairing=True)
    async with world.database.write() as connection:
        await connection.execute(update(api_keys).values(scopes="events:read", metadata_only=True))
    held = await world.tickets.redeem(token)
    assert held.rights == {Right.EVENTS_READ, Right.INSTANCES_READ}
    assert held.scope is not None
    assert held.scope.sight == Sight(content=False, pairing=False)


async def test_a_tickets_socket_has_its_time(world: MachineWorld) -> None:
    maker, _ = await world.key()
    principal = await world.tickets.redeem((await world.tickets.mint(maker))[1])
    world.clock.turn(hours=23, minutes=59)
    assert await world.tickets.current([principal.credential_id]) == {principal.credential_id: principal}
    world.clock.turn(minutes=1)
    assert await world.tickets.current([principal.credential_id]) == {}


async def test_old_tickets_are_forgotten_and_live_ones_are_not(world: MachineWorld) -> None:
    maker, _ = await world.key()
    principal = await world.tickets.redeem((await world.tickets.mint(maker))[1])
    await world.tickets.mint(maker)
    _, fresh = await world.tickets.mint(maker)
    assert await world.tickets.prune(world.clock()) == 0
    world.clock.turn(seconds=59)
    assert await world.tickets.prune(world.clock()) == 0
    await world.tickets.redeem(fresh)
    world.clock.turn(seconds=1)
    assert await world.tickets.prune(world.clock()) == 1
    assert principal.credential_id in await world.tickets.current([principal.credential_id])
    world.clock.turn(hours=24)
    assert await world.tickets.prune(world.clock()) == 2


async def test_only_keys_that_read_events_make_tickets(world: MachineWorld) -> None:
    """I4: neither people nor the operator, nor a ticket itself."""
    links, _ = await world.key(scopes={KeyScope.LINKS_MANAGE})
    assert await refused(world.tickets.mint(links)) is FORBIDDEN
    _, secret = await world.keys.create(None, "operator")
    assert await refused(world.tickets.mint(await world.keys.authenticate(secret))) is ORGANIZATION_ONLY
    maker, _ = await world.key()
    held = await world.tickets.redeem((await world.tickets.mint(maker))[1])
    assert await refused(world.tickets.mint(held)) is FORBIDDEN
    for kind in (CredentialKind.SESSION, CredentialKind.JWT, CredentialKind.TICKET):
        assert await refused(world.tickets.mint(replace(maker, kind=kind))) is FORBIDDEN


async def test_a_key_that_is_gone_makes_no_ticket(world: MachineWorld) -> None:
    maker, _ = await world.key()
    assert await refused(world.tickets.mint(replace(maker, credential_id="key_gone"))) is AUTH_INVALID


@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        ({"valid_s": 0}, INVALID_REQUEST),
        ({"valid_s": 61}, INVALID_REQUEST),
        ({"valid_s": -5}, INVALID_REQUEST),
        ({"user_label": ""}, INVALID_NAME),
        ({"user_label": "  "}, INVALID_NAME),
        ({"user_label": "x" * 129}, INVALID_NAME),
        ({"user_label": "a\nb"}, INVALID_NAME),
        ({"user_label": "\ud800"}, INVALID_NAME),
    ],
)
async def test_a_ticket_that_makes_no_sense_is_not_made(
    world: MachineWorld, options: dict[str, object], outcome: object
) -> None:
    maker, _ = await world.key()
    assert await refused(world.tickets.mint(maker, **options)) is outcome  # type: ignore[arg-type]
    async with world.database.read() as connection:
        assert (await connection.execute(select(tickets))).all() == []


def test_a_label_may_be_in_any_script() -> None:
    assert all(map(is_user_label, ("ana", "Zé Café ☕", "user:42", "👨‍👩‍👧", "x" * 128)))


async def test_a_ticket_cannot_pair_unless_its_key_can(world: MachineWorld) -> None:
    reader, _ = await world.key(scopes={KeyScope.EVENTS_READ})
    assert await refused(world.tickets.mint(reader, pairing=True)) is FORBIDDEN
    both, _ = await world.key(scopes={KeyScope.EVENTS_READ, KeyScope.INSTANCES_MANAGE})
    held = await world.tickets.redeem((await world.tickets.mint(both, pairing=True))[1])
    assert held.rights == BROWSER_RIGHTS


async def test_a_ticket_shows_no_content_that_its_key_does_not_see(world: MachineWorld) -> None:
    """I5: not even when it asks for it."""
    blind, _ = await world.key(metadata_only=True)
    ticket, token = await world.tickets.mint(blind, content=True)
    held = await world.tickets.redeem(token)
    assert ticket.content is False
    assert held.scope is not None
    assert held.scope.sight.content is False
    assert Right.CONTENT_READ not in held.rights


async def test_a_ticket_cannot_see_beyond_its_key(world: MachineWorld) -> None:
    maker, _ = await world.key(allowed=EventFilter.of(["alpha", "beta"], ["messages.*"]))
    for more in (
        EventFilter.of(["gamma"]),
        EventFilter.of(["alpha", "gamma"]),
        EventFilter.of(None, ["chats.upsert"]),
        EventFilter.of(None, ["messages"]),
    ):
        assert await refused(world.tickets.mint(maker, allowed=more)) is FORBIDDEN
    _, token = await world.tickets.mint(maker, allowed=EventFilter.of(["alpha"], ["messages.upsert"]))
    held = await world.tickets.redeem(token)
    assert held.scope is not None
    assert held.scope.allowed == EventFilter.of(["alpha"], ["messages.upsert"])
    held = await world.tickets.redeem((await world.tickets.mint(maker))[1])
    assert held.scope is not None
    assert held.scope.allowed == EventFilter.of(["alpha", "beta"], ["messages.*"])


_names = st.none() | st.frozensets(st.sampled_from(["alpha", "beta"]), min_size=1)
_events = st.none() | st.frozensets(st.sampled_from(["messages.*", "messages.upsert", "chats.*", "call"]), min_size=1)
_allowed = st.builds(EventFilter, _names, _events)
_scope_sets = st.frozensets(st.sampled_from(list(KeyScope)), min_size=1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_scope_sets, _allowed, st.booleans(), _allowed, st.booleans(), st.booleans())
async def test_a_ticket_is_never_more_than_its_key(
    world: MachineWorld,
    scopes: frozenset[KeyScope],
    allowed: EventFilter,
    metadata_only: bool,
    asked: EventFilter,
    content: bool,
    pairing: bool,
) -> None:
    """I4: whatever is asked for, nothing is gained."""
    maker, _ = await world.key(scopes=scopes, allowed=allowed, metadata_only=metadata_only)
    minted = await asyncio.gather(
        world.tickets.mint(maker, allowed=asked, content=content, pairing=pairing), return_exceptions=True
    )
    if isinstance(minted[0], BaseException):
        assert isinstance(minted[0], RefusalError)
        assert minted[0].outcome is FORBIDDEN
        return
    _, token = minted[0]
    held = await world.tickets.redeem(token)
    assert held.scope is not None
    assert maker.scope is not None
    assert held.rights <= maker.rights & BROWSER_RIGHTS
    assert held.scope.organization_id == world.organization_id
    assert held.scope.sight == Sight(
        content=content and maker.scope.sight.content, pairing=pairing and maker.scope.sight.pairing
    )
    for name in ("alpha", "beta", "gamma"):
        for event_name in ("messages.upsert", "messages.update", "chats.upsert", "call", "other"):
            seen = held.scope.allowed.matches(name, event_name)
            assert seen == (asked.matches(name, event_name) and maker.scope.allowed.matches(name, event_name))
    assert (await world.tickets.current([held.credential_id]))[held.credential_id] == held


async def test_tickets_are_counted_and_raise_no_version(world: MachineWorld) -> None:
    counters = Counters()
    desk = Tickets(world.database, world.clock, counters)
    maker, _ = await world.key()
    before = await world.keys.version()
    _, token = await desk.mint(maker)
    await desk.redeem(token)
    await refused(desk.redeem(token))
    assert (counters.total("tickets_minted"), counters.total("tickets_redeemed")) == (1, 1)
    assert await world.keys.version() == before
