"""What a client says when it connects, and what that means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ponteio.live.damper import Damping
from ponteio.model.cursor import Cursor, CursorError
from ponteio.model.filter import EventFilter, FilterError
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_refusal import filter_refusal
from ponteio.model.filter_tree import Filter
from ponteio.model.identity import OrganizationScope, Principal
from ponteio.model.outcome import (
    AUTH_INVALID,
    CURSOR_EXPIRED,
    INVALID_CURSOR,
    INVALID_REQUEST,
    Outcome,
    RefusalError,
)
from ponteio.model.rights import CredentialKind


@dataclass(frozen=True, slots=True)
class Hello:
    """The `auth` object of a CONNECT packet. `cursor` is still whatever the client sent; None is "no cursor"."""

    token: str | None
    cursor: object
    filter: EventFilter | Filter

    @classmethod
    def parse(cls, auth: object, now: datetime) -> Hello:
        """What `auth` says; members that are not known are passed over. Times in its filter are relative to `now`.

        Raises `RefusalError` for anything but an object (or nothing), a token that is no text, and a bad filter. A bad
        cursor is no reason to refuse: see `start_at`.
        """
        if auth is None:
            auth = {}
        if not isinstance(auth, dict):
            raise RefusalError(INVALID_REQUEST, "auth must be an object")
        return cls(_token(auth.get("token")), auth.get("cursor"), _filter(auth.get("filter"), now))


class LimitError(RefusalError):
    """A limit of one organization was reached: it must hear of that."""

    def __init__(self, outcome: Outcome, organization_id: str) -> None:
        super().__init__(outcome)
        self.organization_id = organization_id


@dataclass(eq=False, slots=True)
class Admission:
    """A client that has authenticated. `scope` is that of `principal`, `damping` what its sockets are damped to.

    `ended` says why its right was taken away before it became a member, if so.
    """

    principal: Principal
    scope: OrganizationScope
    organization_name: str
    hello: Hello
    damping: Damping | None = None
    ended: Outcome | None = None

    @property
    def person(self) -> str | None:
        """Whose sockets this one counts among; None for API keys, which stand for no person."""
        return None if self.principal.kind is CredentialKind.KEY else self.principal.user


@dataclass(frozen=True, slots=True)
class Start:
    """Where a socket begins to read. `head` is where the log ended; `reason` says why the socket does not continue
    where the client asked.
    """

    cursor: Cursor
    head: Cursor
    resumed: bool
    reason: Outcome | None = None


def start_at(asked: object, head: Cursor, floor: int = 0) -> Start:
    """Where a client that asked for the cursor `asked` begins in a log that ends at `head` and is whole after
    the number `floor`.

    Either exactly after `asked`, or at the head and told so: never somewhere in between, which would look whole.
    """
    if asked is None:
        return Start(head, head, resumed=False)
    try:
        cursor = Cursor.parse(asked)
    except CursorError:
        return Start(head, head, resumed=False, reason=INVALID_CURSOR)
    if cursor.epoch != head.epoch or cursor.seq < floor:
        return Start(head, head, resumed=False, reason=CURSOR_EXPIRED)
    if cursor.seq > head.seq:
        return Start(head, head, resumed=False, reason=INVALID_CURSOR)
    return Start(cursor, head, resumed=True)


def _token(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise RefusalError(INVALID_REQUEST, "auth.token must be a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RefusalError(AUTH_INVALID) from None
    return value


def _filter(value: object, now: datetime) -> EventFilter | Filter:
    try:
        return parse_filter(value, now) if isinstance(value, str) else EventFilter.parse(value)
    except FilterError as error:
        raise filter_refusal(error, value if isinstance(value, str) else "", "auth.filter") from None
