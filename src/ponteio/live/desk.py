"""The desk where clients authenticate: from CONNECT to membership, or to a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Protocol

import structlog

from ponteio.live.door import Door
from ponteio.live.handshake import Admission, Hello, LimitError
from ponteio.live.options import LiveOptions
from ponteio.live.packets import goodbye
from ponteio.live.reception import Reception
from ponteio.live.room import Member
from ponteio.model.identity import Principal
from ponteio.model.outcome import INTERNAL, Outcome, RefusalError
from ponteio.observe.counters import Counters
from ponteio.tenancy.limit_notices import LimitNotices

logger = structlog.get_logger(__name__)


class Caller(Protocol):
    """A connection at the desk. `must_connect_by` is None once it has authenticated; `cookie` is the token of the
    session cookie, if it came with one that may be believed.
    """

    cookie: str | None
    admission: Admission | None
    member: Member | None
    must_connect_by: float | None
    was_refused: bool
    closing: bool

    @property
    def door(self) -> Door:
        """The way out to the client."""


class Desk:
    """Turns every answer of the house, errors too, into a member or a counted refusal."""

    def __init__(self, reception: Reception, options: LiveOptions, counters: Counters, notices: LimitNotices) -> None:
        self._reception = reception
        self._notices = notices
        self._options = options
        self._counters = counters

    async def admit(self, caller: Caller, auth: object) -> RefusalError | None:
        """Why `caller` may not come in; None when it may: then it is told so, and `enter` follows."""
        return await self._let_in(caller, self._reception.admit(auth, caller.cookie))

    async def welcome(self, caller: Caller, principal: Principal, hello: Hello) -> RefusalError | None:
        """As `admit`, for a caller who has authenticated elsewhere."""
        return await self._let_in(caller, self._reception.welcome(principal, hello))

    async def _let_in(self, caller: Caller, admission: Awaitable[Admission]) -> RefusalError | None:
        try:
            caller.admission = await admission
            return None
        except RefusalError as error:
            refusal = error
        except Exception as error:  # noqa: BLE001 - anything else would leave the client's id behind in the library
            logger.warning("a handshake failed", error=type(error).__name__)
            refusal = RefusalError(INTERNAL)
        self.note(caller, refusal)
        return refusal

    def abandon(self, caller: Caller) -> None:
        """Who was admitted did not hear of it: the place is free."""
        admission, caller.admission = caller.admission, None
        if admission is not None:
            self._reception.release(admission)

    async def enter(self, caller: Caller) -> None:
        """Who was admitted, and has been told so, gets `ready` and is a member; who is gone is forgotten."""
        admission, caller.admission = caller.admission, None
        if admission is None:
            return
        caller.must_connect_by = caller.cookie = None
        try:
            start = await self._reception.locate(admission)
        except Exception as error:  # noqa: BLE001 - the client comes back and tries again
            logger.warning("a socket could not be given its place", error=type(error).__name__)
            admission.ended = INTERNAL
        if caller.closing:
            self._reception.release(admission)
        elif admission.ended is not None:
            self._reception.release(admission)
            self.refuse(admission.ended)
            caller.door.leave([goodbye(admission.ended)], admission.ended)
        else:
            caller.member = self._reception.enter(admission, start, caller.door)

    def dismiss(self, caller: Caller, outcome: Outcome) -> None:
        """The connection is closed because of `outcome`, and counted; a member is told why."""
        self.refuse(outcome)
        farewell = () if caller.member is None else self._reception.farewell(caller.member, outcome)
        caller.door.leave(farewell, outcome)

    def part(self, caller: Caller) -> None:
        """The connection is gone."""
        if caller.member is not None:
            self._reception.part(caller.member)

    def note(self, caller: Caller, refusal: RefusalError) -> None:
        """The refusal is counted, and the client has little time left to read it."""
        if isinstance(refusal, LimitError):
            self._notices.reached(refusal.organization_id, refusal.outcome)
        else:
            self.refuse(refusal.outcome)
        caller.was_refused = True
        if caller.must_connect_by is not None:
            soon = asyncio.get_running_loop().time() + self._options.refused_s
            caller.must_connect_by = min(caller.must_connect_by, soon)

    def refuse(self, outcome: Outcome) -> None:
        """Count a refusal."""
        self._counters.refuse(outcome.code)


def refusal_data(refusal: RefusalError) -> dict[str, object]:
    """The `data` of a `connect_error`."""
    found = {"code": refusal.outcome.code, "detail": refusal.detail, "retry": refusal.outcome.retry}
    return {**refusal.extra, **found}
