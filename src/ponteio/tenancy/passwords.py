"""Passwords: what may be one, and their hashes."""

from __future__ import annotations

import asyncio
import base64
import secrets
import unicodedata
from collections.abc import Callable
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from ponteio.model.outcome import LOGIN_THROTTLED, WEAK_PASSWORD, RefusalError

MIN_LENGTH = 10
MAX_LENGTH = 256
PARALLEL = 2
"""Argon2id takes 64 MiB for each hash under way."""
WAITING = 32
"""Beyond so many the next one is turned away at once, rather than after everybody else's turn."""
RETRY_AFTER_S = 5

T = TypeVar("T")

_MIN_HINT = 4
_COMMON = frozenset(
    [
        "1234567890",
        "12345678910",
        "0123456789",
        "1234512345",
        "1111111111",
        "0000000000",
        "1q2w3e4r5t",
        "qwertyuiop",
        "asdfghjkl1",
        "password12",
        "password123",
        "password1234",
        "passw0rd123",
        "administrator",
        "admin12345",
        "admin123456",
        "adminadmin",
        "letmein1234",
        "welcome123",
        "welcome1234",
        "iloveyou12",
        "iloveyou123",
        "sunshine123",
        "princess123",
        "football123",
        "baseball123",
        "superman123",
        "trustno1trustno1",
        "qwerty1234",
        "qwerty12345",
        "qwerty123456",
        "abcdefghij",
        "abcd123456",
        "abc1234567",
        "a123456789",
        "zxcvbnm123",
        "changeme123",
        "changemenow",
        "secret1234",
        "secret12345",
        "whatsapp123",
        "whatsapp1234",
        "evolution1",
        "evolution12",
        "evolution123",
        "evolution1234",
        "brasil1234",
        "brasil12345",
        "brasil123456",
        "senha12345",
        "senha123456",
        "minhasenha1",
        "minhasenha12",
        "mudar12345",
        "trocar12345",
        "flamengo123",
        "corinthians",
        "palmeiras1",
        "palmeiras12",
        "palmeiras123",
        "saopaulo123",
        "gremio12345",
        "vascodagama",
        "cruzeiro123",
        "amor123456",
        "teamo12345",
        "jesuscristo",
        "deusefiel1",
        "deusefiel12",
        "deusefiel123",
        "familia123",
        "gabriel123",
        "bemvindo123",
    ]
)


class Passwords:
    """Argon2id with the low-memory profile of RFC 9106, in threads, a few at a time."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._turns = asyncio.Semaphore(PARALLEL)
        self._under_way: set[asyncio.Task[Any]] = set()
        self._nobody = _hash_of_nothing(self._hasher)

    async def hash(self, password: str) -> str:
        """The hash, in the PHC string format. Raises `RefusalError` LOGIN_THROTTLED when too many wait."""
        return await self._in_turn(lambda: self._hasher.hash(_same(password)))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether `password` is that of the hash; for None, after the same work, it is not. Raises as `hash` does."""
        return await self._in_turn(lambda: self._matches(password_hash, password))

    def is_outdated(self, password_hash: str) -> bool:
        """Whether it was made with other parameters than today's: make it anew when the password is at hand."""
        return self._hasher.check_needs_rehash(password_hash)

    def _matches(self, password_hash: str | None, password: str) -> bool:
        same = _same(password)
        try:
            self._hasher.verify(password_hash or self._nobody, same[:MAX_LENGTH])
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None and len(same) <= MAX_LENGTH

    async def _in_turn(self, work: Callable[[], T]) -> T:
        if len(self._under_way) >= WAITING:
            raise RefusalError(LOGIN_THROTTLED, extra={"retry_after_s": RETRY_AFTER_S})
        # A thread cannot be stopped: whoever goes away leaves the turn to it, and makes no room for one more.
        task = asyncio.create_task(self._turn(work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _turn(self, work: Callable[[], T]) -> T:
        async with self._turns:
            return await asyncio.to_thread(work)


def check_strength(password: str, *hints: str) -> None:
    """Raises `RefusalError` WEAK_PASSWORD, with the rule, for a password that is too short or too long, among the most
    common ones, of one or two characters only, or much the same as one of `hints` (the person's address and name).

    No classes of characters are asked for: they make passwords worse (NIST SP 800-63B, section 5.1.1.2).
    """
    same = _same(password)
    plain = same.casefold()
    if not MIN_LENGTH <= len(same) <= MAX_LENGTH:
        raise RefusalError(WEAK_PASSWORD, f"A password has between {MIN_LENGTH} and {MAX_LENGTH} characters.")
    if plain in _COMMON or len(set(plain)) <= 2:
        raise RefusalError(WEAK_PASSWORD, "Everybody who guesses passwords tries this one first.")
    for hint in (*hints, "ponteio"):
        if len(hint) >= _MIN_HINT and _same(hint).casefold() in plain and len(plain) <= len(hint) + _MIN_HINT:
            raise RefusalError(WEAK_PASSWORD, "The password is too close to the name or the address.")


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """A hash with the hasher's parameters that was made of no password: to check one against it costs as much."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(length)).rstrip(b"=").decode()
        for length in (hasher.salt_len, hasher.hash_len)
    )
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"


def _same(password: str) -> str:
    """One spelling for what looks the same on every keyboard (RFC 8265, OpaqueString); lone surrogates have none."""
    return unicodedata.normalize("NFC", password.encode(errors="replace").decode())
