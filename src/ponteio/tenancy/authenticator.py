"""The one door: whoever shows a credential becomes a principal here, or is refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from ponteio.model.identity import Principal
from ponteio.model.outcome import (
    ACCESS_CHANGED,
    AUTH_INVALID,
    AUTH_REQUIRED,
    ORGANIZATION_DISABLED,
    REVOKED,
    Outcome,
    RefusalError,
)
from ponteio.model.rights import CredentialKind
from ponteio.observe.clock import utc_now
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.identifiers import API_KEY, TICKET
from ponteio.tenancy.tickets import Tickets
from ponteio.tenancy.token_signers import TokenSigners
from ponteio.tenancy.user_sessions import UserSessions

# Principals that left are forgotten once there are so many more than asked for.
_SPARE = 1_000


@dataclass(frozen=True, slots=True)
class _Good:
    """Who was seen to be good at a version of tenancy data, and until when that holds (None: until it changes)."""

    version: int
    until: dict[Principal, datetime | None] = field(default_factory=dict)

    def holds(self, principal: Principal, now: datetime) -> bool:
        if principal not in self.until:
            return False
        until = self.until[principal]
        return until is None or now < until


class Authenticator:
    """Credentials in, principals out. The kind of a credential is known by its shape, and only that kind is tried."""

    def __init__(
        self,
        directory: Directory,
        keys: KeyRing,
        tickets: Tickets,
        signers: TokenSigners,
        sessions: UserSessions,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._directory = directory
        self._keys = keys
        self._tickets = tickets
        self._signers = signers
        self._sessions = sessions
        self._clock = clock
        self._good = _Good(-1)

    async def bearer(self, credential: object) -> Principal:
        """Who asks with an API key or a signed token (JWT). Raises `RefusalError` AUTH_REQUIRED without a credential,
        AUTH_INVALID, or ORGANIZATION_DISABLED.
        """
        text = _text(credential)
        if text.startswith(API_KEY):
            return self._admitted(await self._keys.authenticate(text))
        if _is_signed_token(text):
            return self._admitted(await self._signers.authenticate(text))
        raise RefusalError(AUTH_INVALID)

    async def handshake(self, credential: object) -> Principal:
        """Who connects with an API key, a signed token or a ticket, which is used up. Raises as `bearer` does."""
        text = _text(credential)
        if text.startswith(TICKET):
            return self._admitted(await self._tickets.redeem(text))
        return await self.bearer(text)

    async def cookie(self, token: str) -> Principal:
        """Whose session this is. Raises AUTH_REQUIRED or AUTH_INVALID. While the organization that it acts for is
        disabled it has no rights there: its holder can still leave, or act for another one.
        """
        principal = await self._sessions.authenticate(_text(token))
        return replace(principal, rights=frozenset(), scope=None) if self._is_disabled(principal) else principal

    async def ended(self, principals: Collection[Principal]) -> dict[Principal, Outcome]:
        """Those who may no longer do what they came for, and why: REVOKED (their credential is gone or expired),
        ORGANIZATION_DISABLED, or ACCESS_CHANGED (they may do more or less than then: let them come back).

        One query, unless something changed in the database, somebody is new, or somebody's time is over.
        """
        good = await self._good_now()
        now = self._clock()
        doubtful = [principal for principal in set(principals) if not good.holds(principal, now)]
        ended = await self._judged(doubtful, good) if doubtful else {}
        for principal in principals:
            if principal not in ended and self._is_disabled(principal):
                ended[principal] = ORGANIZATION_DISABLED
        if len(good.until) > 2 * len(principals) + _SPARE:
            for principal in set(good.until) - set(principals):
                del good.until[principal]
        return ended

    async def _good_now(self) -> _Good:
        """What is known of the version that the database is at. A call that works with an older one goes on writing
        into that.
        """
        version = await self._keys.version()
        good = self._good
        if version != good.version:
            await self._directory.refresh()
            good = self._good = _Good(version)
        return good

    async def _judged(self, principals: Collection[Principal], good: _Good) -> dict[Principal, Outcome]:
        """Those of `principals` that ended; the others become good."""
        ended: dict[Principal, Outcome] = {}
        by_kind: defaultdict[CredentialKind, list[Principal]] = defaultdict(list)
        for principal in principals:
            by_kind[principal.kind].append(principal)
        for kind, some in by_kind.items():
            standing = await self._standing(kind, some)
            now = self._clock()
            for principal in some:
                outcome, until = _judged(principal, standing, now)
                if outcome is None:
                    good.until[principal] = until
                else:
                    ended[principal] = outcome
        return ended

    async def _standing(self, kind: CredentialKind, principals: Collection[Principal]) -> Mapping[str, Principal | str]:
        ids = {principal.credential_id for principal in principals}
        current: Mapping[CredentialKind, Callable[[Collection[str]], Awaitable[Mapping[str, Principal | str]]]] = {
            CredentialKind.KEY: self._keys.current,
            CredentialKind.SESSION: self._sessions.current,
            CredentialKind.TICKET: self._tickets.current,
            CredentialKind.JWT: self._signers.current,
        }
        return await current[kind](ids)

    def _admitted(self, principal: Principal) -> Principal:
        if self._is_disabled(principal):
            raise RefusalError(ORGANIZATION_DISABLED)
        return principal

    def _is_disabled(self, principal: Principal) -> bool:
        if principal.scope is None:
            return False
        organization = self._directory.organization(principal.scope.organization_id)
        return organization is not None and organization.disabled_at is not None


def _judged(
    principal: Principal, standing: Mapping[str, Principal | str], now: datetime
) -> tuple[Outcome | None, datetime | None]:
    """Why the principal ended, or else until when it is good."""
    found = standing.get(principal.credential_id)
    until = found.expires_at if isinstance(found, Principal) else principal.expires_at
    if until is not None and until <= now:
        # A browser whose ticket or token was for one socket may come back with another.
        again = principal.kind in (CredentialKind.TICKET, CredentialKind.JWT)
        return (ACCESS_CHANGED if again else REVOKED), None
    if found is None:
        return REVOKED, None
    if isinstance(found, Principal) and (found.rights, found.scope) != (principal.rights, principal.scope):
        return ACCESS_CHANGED, None
    return None, until


def _text(credential: object) -> str:
    if credential is None or credential == "":
        raise RefusalError(AUTH_REQUIRED)
    if not isinstance(credential, str):
        raise RefusalError(AUTH_INVALID)
    return credential


def _is_signed_token(text: str) -> bool:
    return text.count(".") == 2
