"""The desk where people log in: slow for who guesses, and silent about what was wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ponteio.model.client_address import network_of
from ponteio.model.outcome import AUTH_INVALID, LOGIN_FAILED, RefusalError
from ponteio.observe.clock import utc_now
from ponteio.tenancy.accounts import Accounts, Credentials, email_key
from ponteio.tenancy.attempts import Attempts, Count
from ponteio.tenancy.memberships import Memberships
from ponteio.tenancy.passwords import Passwords
from ponteio.tenancy.user_sessions import UserSession, UserSessions


@dataclass(frozen=True, slots=True)
class LoginOptions:
    """Attempts in a quarter of an hour; the right password clears the first count.

    The first stops whoever guesses at one account from one address, the second whoever guesses at many from there (an
    office behind one address needs room). The third one stops many addresses that guess at one account; it is so much
    higher that nobody can lock a person out in passing, and it does not bind whoever asks from where that person
    logged in within the last 30 days: strangers can keep nobody out of where they usually are.
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
        self._attempts = Attempts()

    async def log_in(
        self, email: str, password: str, *, address: str | None, agent: str | None
    ) -> tuple[UserSession, str]:
        """A new session and its token. It acts for the first of the organizations that the person belongs to, or does
        the operator's own work.

        Raises `RefusalError` LOGIN_FAILED, with one text and after the same work for an unknown address, a wrong
        password and a disabled account; LOGIN_THROTTLED, with `retry_after_s`, after too many of those.
        """
        found = await self._accounts.credentials(email)
        site, account, options = network_of(address), email_key(email), self._options
        both = Count("both", f"{site} {account}", options.per_account_and_address)
        counts = [both, Count("address", site, options.per_address)]
        if not await self._is_familiar(found, site):
            counts.append(Count("account", account, options.per_account))
        # Counted before the work: a burst must not slip through while its first guesses are being judged.
        self._attempts.add(*counts)
        proven = await self._proven(found, password)
        try:
            opened = await self._open(proven, address, agent)
        except RefusalError as error:
            if error.outcome is not AUTH_INVALID:
                raise
            # Somebody disabled it, replaced its password, or logged in and had it hashed anew: judge it as it is now.
            proven = await self._proven(await self._accounts.credentials(email), password)
            opened = await self._open(proven, address, agent)
        self._attempts.forget(both)
        if self._passwords.is_outdated(proven.password_hash):
            await self._accounts.rehash(proven, password)
        return opened

    async def _proven(self, found: Credentials | None, password: str) -> Credentials:
        is_right = await self._passwords.verify(found.password_hash if found else None, password)
        if found is None or not is_right or found.user.disabled_at is not None:
            raise RefusalError(LOGIN_FAILED)
        return found

    async def _open(self, proven: Credentials, address: str | None, agent: str | None) -> tuple[UserSession, str]:
        user = proven.user
        organization_id = None if user.is_operator else await self._memberships.first_open(user.user_id)
        return await self._sessions.open(user.user_id, organization_id, address=address, agent=agent, proven=proven)

    async def _is_familiar(self, found: Credentials | None, site: str) -> bool:
        # Asked for nobody too: an unknown address must cost the same work.
        known = await self._sessions.addresses(found.user.user_id if found else "")
        return site in {network_of(address) for address in known}
