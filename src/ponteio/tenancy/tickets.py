"""One-shot tickets: the key of a product's server makes one for each browser that is to connect, and the browser never
sees the key.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.identity import ApiKey, Principal
from ponteio.model.outcome import AUTH_INVALID, AUTH_REQUIRED, FORBIDDEN, INVALID_NAME, INVALID_REQUEST, RefusalError
from ponteio.model.rights import CredentialKind, Right
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError
from ponteio.storage.script import Load, Script
from ponteio.storage.statements import portions
from ponteio.storage.tables import api_keys, tickets
from ponteio.tenancy import narrowing
from ponteio.tenancy.api_keys import is_alive, key_of, rights_of
from ponteio.tenancy.identifiers import TICKET, is_secret, new_id, new_secret, secret_hash
from ponteio.tenancy.permissions import BROWSER_RIGHTS, require, require_organization, scope_for

MAX_VALID_S = 60
MAX_USER_LABEL = 128
SOCKET_LIFE = timedelta(hours=24)
"""How long a socket may live that a ticket or a signed token opened: then its browser comes back with a new one."""

# Control characters, lone surrogates, line and paragraph separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_COLUMNS = tuple(column.name for column in tickets.columns)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket without its secret, which is shown once. `expires_at` is until when it can be redeemed."""

    ticket_id: str
    key_id: str
    organization_id: str
    allowed: EventFilter
    content: bool
    pairing: bool
    user_label: str | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class Tickets:
    """Tickets, made by keys. Each opens one socket, once; it may do no more than its key, and ends with it.

    Neither making nor using one raises the version of tenancy data: nobody else's rights change with it.
    """

    def __init__(
        self, database: Database, clock: Callable[[], datetime] = utc_now, counters: Counters | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._counters = counters or Counters()

    async def mint(
        self,
        maker: Principal,
        *,
        allowed: EventFilter = EVERYTHING,
        content: bool = True,
        pairing: bool = False,
        user_label: str | None = None,
        valid_s: int = MAX_VALID_S,
    ) -> tuple[Ticket, str]:
        """A new ticket and its secret, which exists nowhere else, good for one use within `valid_s` (1 to 60) seconds.

        It gives what `maker`, a key, may do, narrowed to `allowed`, without content unless `content` and the maker's
        rights say so. Raises `RefusalError` FORBIDDEN for more than the maker has, ORGANIZATION_ONLY for an operator's
        key, INVALID_REQUEST for another duration, INVALID_NAME for a label that is empty, above 128 characters or with
        control characters.
        """
        scope = require_organization(maker)
        require(maker, Right.TICKETS_MINT)
        if maker.kind is not CredentialKind.KEY:
            raise RefusalError(FORBIDDEN, "Only an API key makes tickets.")
        if pairing:
            require(maker, Right.PAIRING)
        granted = narrowing.within(scope.allowed, allowed)
        if granted is None:
            raise RefusalError(FORBIDDEN, "A ticket cannot see more instances or events than the key that makes it.")
        if not 1 <= valid_s <= MAX_VALID_S:
            raise RefusalError(INVALID_REQUEST, f"A ticket is good for 1 to {MAX_VALID_S} seconds.")
        if user_label is not None and not is_user_label(user_label):
            raise RefusalError(INVALID_NAME, f"A user's label has 1 to {MAX_USER_LABEL} characters, none of control.")
        now = self._clock()
        ticket = Ticket(
            ticket_id=new_id("tkt"),
            key_id=maker.credential_id,
            organization_id=scope.organization_id,
            allowed=granted,
            content=content and maker.may(Right.CONTENT_READ),
            pairing=pairing,
            user_label=user_label,
            created_at=now,
            expires_at=now + timedelta(seconds=valid_s),
        )
        return ticket, await self._keep(ticket)

    async def redeem(self, token: object) -> Principal:
        """Whoever holds the ticket, which is used up now: of all who try, in whichever process, one gets it.

        Raises `RefusalError` AUTH_REQUIRED without a token, AUTH_INVALID for one that is unknown, used or expired, or
        whose key is.
        """
        if token is None or token == "":
            raise RefusalError(AUTH_REQUIRED)
        if not isinstance(token, str) or not is_secret(token, TICKET):
            raise RefusalError(AUTH_INVALID)
        now = self._clock()
        # A look first: guesses must not take turns with those who write.
        offered = await self._database.run_reading(_offered(secret_hash(token)))
        if offered is None or offered.used_at is not None or offered.expires_at <= now:
            raise RefusalError(AUTH_INVALID)
        this = (tickets.c.ticket_id == offered.ticket_id, tickets.c.used_at.is_(None), tickets.c.expires_at > now)
        async with self._database.write() as connection:
            taken = update(tickets).where(*this).values(used_at=now).returning(tickets.c.ticket_id)
            is_mine = (await connection.execute(taken)).one_or_none() is not None
            key = (await _living_keys(connection, [offered.key_id], now)).get(offered.key_id)
        if not is_mine or key is None:
            raise RefusalError(AUTH_INVALID)
        self._counters.add("tickets_redeemed")
        return _principal(offered, key, now)

    async def current(self, ticket_ids: Collection[str]) -> dict[str, Principal]:
        """What the holders of these used tickets may do now. Those whose key ended or whose time is over are left
        out.
        """
        now = self._clock()
        found: dict[str, Principal] = {}
        async with self._database.read() as connection:
            for some_ids in portions(ticket_ids):
                some = tickets.c.ticket_id.in_(some_ids)
                live = select(tickets).where(some, tickets.c.used_at > now - SOCKET_LIFE)
                rows = [_ticket(tuple(row)) for row in await connection.execute(live)]
                keys = await _living_keys(connection, {ticket.key_id for ticket in rows}, now)
                for ticket in rows:
                    if ticket.key_id in keys and ticket.used_at is not None:
                        found[ticket.ticket_id] = _principal(ticket, keys[ticket.key_id], ticket.used_at)
        return found

    async def prune(self, now: datetime) -> int:
        """Tickets that nobody used in time, and those whose socket's time is over, are gone; how many."""
        unused = tickets.c.used_at.is_(None) & (tickets.c.expires_at <= now)
        statement = delete(tickets).where(or_(unused, tickets.c.used_at <= now - SOCKET_LIFE))
        async with self._database.write() as connection:
            return (await connection.execute(statement)).rowcount

    async def _keep(self, ticket: Ticket) -> str:
        secret = new_secret(TICKET)
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(tickets).values(_columns(ticket, secret)))
        except StorageConflictError:
            raise RefusalError(AUTH_INVALID) from None
        self._counters.add("tickets_minted")
        return secret


def is_user_label(text: str) -> bool:
    """Whether `text` may tell a ticket's or a token's holder apart from others."""
    if not 1 <= len(text) <= MAX_USER_LABEL or text.isspace():
        return False
    return not any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in text)


def _offered(token_hash: bytes) -> Script[Ticket | None]:
    # Written as a script because every browser of a product that comes back after a restart asks.
    rows = yield Load(tickets, "token_hash = ?", (token_hash,))
    return _ticket(rows[0]) if rows else None


async def _living_keys(connection: AsyncConnection, key_ids: Collection[str], now: datetime) -> dict[str, ApiKey]:
    rows = await connection.execute(select(api_keys).where(api_keys.c.key_id.in_(key_ids)))
    return {key.key_id: key for key in (key_of(tuple(row)) for row in rows) if is_alive(key, now)}


def _principal(ticket: Ticket, key: ApiKey, used_at: datetime) -> Principal:
    rights = rights_of(key) & BROWSER_RIGHTS
    if not ticket.content:
        rights -= {Right.CONTENT_READ}
    if not ticket.pairing:
        rights -= {Right.PAIRING}
    ends_at = used_at + SOCKET_LIFE
    return Principal(
        kind=CredentialKind.TICKET,
        credential_id=ticket.ticket_id,
        rights=rights,
        scope=scope_for(ticket.organization_id, rights, ticket.allowed),
        user=ticket.user_label,
        expires_at=ends_at if key.expires_at is None else min(ends_at, key.expires_at),
    )


def _ticket(row: tuple[Any, ...]) -> Ticket:
    """The ticket of a row with the columns of `tickets`, in the table's order."""
    column = dict(zip(_COLUMNS, row, strict=True))
    return Ticket(
        ticket_id=column["ticket_id"],
        key_id=column["key_id"],
        organization_id=column["organization_id"],
        allowed=narrowing.from_columns(column["instances"], column["events"]),
        content=column["content"],
        pairing=column["pairing"],
        user_label=column["user_label"],
        created_at=column["created_at"],
        expires_at=column["expires_at"],
        used_at=column["used_at"],
    )


def _columns(ticket: Ticket, secret: str) -> dict[str, object]:
    return {
        "ticket_id": ticket.ticket_id,
        "token_hash": secret_hash(secret),
        "key_id": ticket.key_id,
        "organization_id": ticket.organization_id,
        **narrowing.columns_of(ticket.allowed),
        "content": ticket.content,
        "pairing": ticket.pairing,
        "user_label": ticket.user_label,
        "created_at": ticket.created_at,
        "expires_at": ticket.expires_at,
    }
