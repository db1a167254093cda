"""The desk where people log in: slow for who guesses, and silent about what was wrong."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from ponteio.model.outcome import LOGIN_FAILED, LOGIN_THROTTLED, RefusalError
from ponteio.observe.clock import utc_now
from ponteio.tenancy.accounts import Accounts, email_key
from ponteio.tenancy.memberships import Memberships
from ponteio.tenancy.passwords import MAX_LENGTH, Passwords
from ponteio.tenancy.user_sessions import UserSession, UserSessions

_WINDOW_MIN = 15


@dataclass(frozen=True, slots=True)
class LoginOptions:
    """Attempts in a quarter of an hour; the right password clears the first count.

    The first stops whoever guesses at one account from one address, the second whoever guesses at many from there (an
    office behind one address needs room). The third one stops many addresses that guess at one account; it is so much
    higher that nobody can lock a person out in passing.
    """

    per_account_and_address: int = 10
    per_address: int = 200
    per_account: int = 200


class LoginDesk:
    """E-mail and password in, a session out."""

    def __init__(
        self,
        accounts: Accounts,
        sessions: UserSessions,
        passwords: Passwords,
        memberships: Memberships,
        clock: Callable[[], datetime] = utc_now,
        options: LoginOptions | None = None,
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._passwords = passwords
        self._memberships = memberships
        self._clock = clock
        self._options = options or LoginOptions()
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)

    async def log_in(
        self, email: str, password: str, *, address: str | None, agent: str | None
    ) -> tuple[UserSession, str]:
        """A new session and its token. It acts for the first of the organizations that the person belongs to, or does
        the operator's own work.

        Raises `RefusalError` LOGIN_FAILED, with one text and after the same work for an unknown address, a wrong
        password and a disabled account; LOGIN_THROTTLED, with `retry_after_s`, after too many of those.
        """
        counters = self._counters(email, address)
        # Counted before the work: a burst must not slip through while its first guesses are being judged.
        await self._count(counters)
        found = await self._accounts.credentials(email)
        user, password_hash = found or (None, None)
        is_right = len(password) <= MAX_LENGTH and await self._passwords.verify(password_hash, password)
        if user is None or password_hash is None or not is_right or user.disabled_at is not None:
            raise RefusalError(LOGIN_FAILED)
        await self._limiter.clear(counters[0][0], *counters[0][1:])
        if self._passwords.is_outdated(password_hash):
            await self._accounts.rehash(user.user_id, password)
        memberships = await self._memberships.of_user(user.user_id)
        organization_id = memberships[0].organization_id if memberships and not user.is_operator else None
        return await self._sessions.open(user.user_id, organization_id, address=address, agent=agent)

    async def _count(self, counters: list[tuple[RateLimitItem, str, str]]) -> None:
        for limit, *key in counters:
            if not await self._limiter.hit(limit, *key):
                reset_at = (await self._limiter.get_window_stats(limit, *key)).reset_time
                wait_s = max(1, math.ceil(reset_at - utc_now().timestamp()))
                raise RefusalError(LOGIN_THROTTLED, extra={"retry_after_s": wait_s})

    def _counters(self, email: str, address: str | None) -> list[tuple[RateLimitItem, str, str]]:
        # Hashed: what people type into this field, passwords too, is nothing to keep.
        account = hashlib.sha256(email_key(email).encode(errors="replace")).hexdigest()
        place, options = address or "", self._options
        return [
            (RateLimitItemPerMinute(options.per_account_and_address, _WINDOW_MIN), f"both:{account}", place),
            (RateLimitItemPerMinute(options.per_address, _WINDOW_MIN), "address", place),
            (RateLimitItemPerMinute(options.per_account, _WINDOW_MIN), "account", account),
        ]
