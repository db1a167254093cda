"""A live edge on a real database, behind a real uvicorn on a free port of 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import jwt
import uvicorn
from argon2 import PasswordHasher
from tests.support.live_registers import leftovers_of

from ponteio.eventlog.log import EventLog
from ponteio.live.edge import LiveEdge
from ponteio.live.options import LiveOptions
from ponteio.live.socketio_edge import uvicorn_options
from ponteio.model.event import AddressedEvent, DecodedEvent, StoredEvent
from ponteio.model.identity import ApiKey, Organization, OrganizationScope
from ponteio.model.link import LinkTarget
from ponteio.model.rights import Role
from ponteio.observe.counters import Counters
from ponteio.storage.database import Database
from ponteio.storage.vault import Vault
from ponteio.tenancy.accounts import Accounts
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.authenticator import Authenticator
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.limit_notices import LimitNotices
from ponteio.tenancy.memberships import Memberships
from ponteio.tenancy.passwords import Passwords
from ponteio.tenancy.tickets import Tickets
from ponteio.tenancy.token_signers import AUDIENCE, TokenSigners
from ponteio.tenancy.user_sessions import UserSessions

SERVER_ID = "main"
SHARED_SECRET = "a secret of at least thirty-two bytes"
QUICK_HASHES = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_numbers = count(1)


class QuietServer(uvicorn.Server):
    """uvicorn without its signal handlers, and without its tenths of a second: a hundred tests each pay for them."""

    async def main_loop(self) -> None:
        while not await self.on_tick(1):
            await asyncio.sleep(0.01)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await eventually(lambda: not self.server_state.connections and not self.server_state.tasks)
        for server in self.servers:
            await server.wait_closed()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True)
class Person:
    """An account, and the session of one of its browsers."""

    user_id: str
    session_id: str
    cookie: str


@dataclass
class GatewayEdge:
    """Everything that a test of the live edge may want to touch."""

    database: Database
    log: EventLog
    keys: KeyRing
    tickets: Tickets
    signers: TokenSigners
    sessions: UserSessions
    memberships: Memberships
    authenticator: Authenticator
    directory: Directory
    counters: Counters
    notices: LimitNotices
    edge: LiveEdge
    port: int = 0
    organizations: dict[str, Organization] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    key_ids: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def organization(self, name: str) -> str:
        """A new organization with a key; returns the key's secret."""
        organization = await self.directory.create_organization(name)
        key, secret = await self.keys.create(organization.organization_id, "test")
        self.organizations[name], self.tokens[name], self.key_ids[name] = organization, secret, key.key_id
        return secret

    async def ticket(self, name: str, **terms: Any) -> str:
        """A ticket that the organization's key mints."""
        maker = await self.keys.authenticate(self.tokens[name])
        return (await self.tickets.mint(maker, **terms))[1]

    async def key(self, name: str, **terms: Any) -> tuple[ApiKey, str]:
        """Another key of the organization, and its secret."""
        return await self.keys.create(self.organizations[name].organization_id, "another", **terms)

    async def token(self, name: str, user: str = "ana", **claims: Any) -> str:
        """A token (JWT) that the organization's own server signs for one of its users."""
        organization_id = self.organizations[name].organization_id
        if await self.signers.get(organization_id) is None:
            await self.signers.put_secret(organization_id, SHARED_SECRET)
        now = int(datetime.now(UTC).timestamp())
        said = {"iss": organization_id, "sub": user, "aud": AUDIENCE, "iat": now, "exp": now + 60, **claims}
        return jwt.encode(said, SHARED_SECRET, algorithm="HS256")

    async def person(self, name: str, role: Role, email: str = "ana@example.com") -> Person:
        """Somebody who is logged in and acts for the organization."""
        organization_id = self.organizations[name].organization_id
        user = await Accounts(self.database, Passwords(QUICK_HASHES)).create(email, "Ana X", "correct horse battery")
        await self.memberships.add(organization_id, user.user_id, role)
        session, token = await self.sessions.open(user.user_id, organization_id, address=None, agent=None)
        return Person(user.user_id, session.session_id, token)

    async def limit(self, name: str, **limits: int) -> None:
        """The operator sets these limits of the organization."""
        await self.directory.set_limits(self.organizations[name].organization_id, limits)

    def scope(self, name: str) -> OrganizationScope:
        return self.directory.scope_of(self.organizations[name].organization_id)

    async def store(
        self,
        name: str,
        amount: int = 1,
        *,
        instance: str = "one",
        event: str = "messages.upsert",
        data: bytes | None = None,
    ) -> list[StoredEvent]:
        """Commit events of the organization `name`, without a word to the edge."""
        organization_id = self.organizations[name].organization_id
        events = [
            AddressedEvent(organization_id, "instance-id", decoded_event(instance, event, data)) for _ in range(amount)
        ]
        return (await self.log.append(events)).stored

    async def publish(self, name: str, amount: int = 1, **event: Any) -> list[StoredEvent]:
        """Commit events and announce them, as the corridor does."""
        stored = await self.store(name, amount, **event)
        self.edge.announce(stored)
        return stored

    def leftovers(self) -> dict[str, int]:
        """What is still in any register, of ours or of the libraries': empty when nobody is here."""
        return leftovers_of(self.edge)

    async def is_empty(self) -> None:
        """Waits until nothing is left of anybody; fails with what is."""
        await eventually(lambda: not self.leftovers(), why=self.leftovers)


def decoded_event(instance: str, event: str, data: bytes | None = None) -> DecodedEvent:
    """A new event, unlike all others."""
    number, now = next(_numbers), datetime.now(UTC)
    return DecodedEvent(
        target=LinkTarget(SERVER_ID),
        instance=instance,
        event=event,
        data=data or b'{"number":%d}' % number,
        extra=None,
        sender="5511999999999@s.whatsapp.net",
        date_time="2026-11-23T11:46:13.999Z",
        occurred_at=now,
        received_at=now,
        fingerprint=number.to_bytes(32, "big"),
    )


async def nothing_here(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """The application behind the edge."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"other"})
    else:
        await send({"type": "websocket.close"})


@asynccontextmanager
async def gateway_edge(
    database: Database, options: LiveOptions | None = None, organizations: Sequence[str] = ("acme",)
) -> AsyncIterator[GatewayEdge]:
    """A served edge with `organizations`, each with one key."""
    counters = Counters()
    log, keys, tickets, directory = EventLog(database), KeyRing(database), Tickets(database), Directory(database)
    signers, sessions = TokenSigners(database, Vault([Vault.new_key()])), UserSessions(database)
    await directory.ensure_server(SERVER_ID, "http://127.0.0.1:1")
    await directory.load()
    authenticator, notices = Authenticator(directory, keys, tickets, signers, sessions), LimitNotices(counters)
    edge = LiveEdge(
        log=log,
        authenticator=authenticator,
        directory=directory,
        notices=notices,
        counters=counters,
        options=options,
    )
    gateway = GatewayEdge(
        database,
        log,
        keys,
        tickets,
        signers,
        sessions,
        Memberships(database),
        authenticator,
        directory,
        counters,
        notices,
        edge,
    )
    for name in organizations:
        await gateway.organization(name)
    async with serving(edge.asgi(nothing_here)) as port:
        gateway.port = port
        await edge.start()
        try:
            yield gateway
        finally:
            await edge.close()


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[int]:
    """`app` behind uvicorn, on the port that is yielded."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", **uvicorn_options())
    server = QuietServer(config)
    running = asyncio.create_task(server.serve([listener]))
    try:
        await eventually(lambda: server.started or running.done())
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await running
        listener.close()


async def eventually(
    condition: Callable[[], object], *, within_s: float = 10.0, why: Callable[[], object] = lambda: None
) -> None:
    """Returns once `condition()` holds; fails, with `why()`, when it does not in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while not condition():
        assert loop.time() < deadline, f"it did not happen in {within_s} s: {why()}"
        await asyncio.sleep(0.005)


def event_of(packet: str) -> tuple[str, Any]:
    """Name and body of a Socket.IO event of the root namespace, in an Engine.IO message: `42["name",{…}]`."""
    assert packet.startswith("42["), packet[:80]
    name, body = json.loads(packet[2:])
    return name, body
