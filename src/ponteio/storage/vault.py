"""Secrets that we must be able to read again, such as keys of Evolution servers: sealed at rest, under keys that can be
changed.

Fernet (AES-128-CBC and HMAC-SHA-256) with several keys: the first one seals, all of them open. So a new key is put in
front, everything is sealed anew, and the old key is no longer needed.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ponteio.model.outcome import SECRET_UNREADABLE, RefusalError
from ponteio.storage.errors import StorageError

_OTHERS = 0o077

_log = structlog.get_logger(__name__)


class VaultKeyError(StorageError, ValueError):
    """The keys that seal stored secrets cannot be used. The text says which one and where, never the key."""


class Vault:
    """Seals texts with the first of its keys and opens what any of them sealed.

    What is sealed knows its place (`servers.sealed_key:<server_id>`): moved to another row it does not open.
    """

    def __init__(self, keys: Sequence[str], renew: Callable[[], Sequence[str]] | None = None) -> None:
        """`renew` gives the keys of the moment, which somebody may have changed meanwhile. Raises `VaultKeyError`
        without a key, or for one that is not 32 bytes in base64url.
        """
        self._renew = renew
        self._use(keys)

    @classmethod
    def of(cls, setting: str, file: Path) -> Vault:
        """The vault with the keys that `load_keys` finds. It notices when `prepend_key` changes the file, so that a key
        can be put in front while it is in use. Raises `VaultKeyError`.
        """
        return cls(load_keys(setting, file), None if setting.strip(" ,") else lambda: _read(file))

    @staticmethod
    def new_key() -> str:
        """A key that nobody has: 32 random bytes in base64url."""
        return Fernet.generate_key().decode()

    def seal(self, text: str, place: str) -> str:
        """`text` as it may be stored at `place`."""
        self._renewed()
        return self._newest.encrypt(json.dumps({"place": place, "text": text}).encode()).decode()

    def unseal(self, sealed: str, place: str) -> str:
        """The text that was sealed for `place`. Raises `RefusalError` SECRET_UNREADABLE for anything else: another
        place, other keys, or a value that was touched.
        """
        held = self._opened(sealed)
        if held is None and self._renewed():
            held = self._opened(sealed)
        if held is None or held["place"] != place:
            raise RefusalError(SECRET_UNREADABLE)
        return held["text"]

    def is_current(self, sealed: str) -> bool:
        """Whether it was sealed with the newest key."""
        try:
            self._newest.decrypt(sealed.encode())
        except (InvalidToken, ValueError):
            return False
        return True

    def _opened(self, sealed: str) -> dict[str, str] | None:
        try:
            held: dict[str, str] = json.loads(self._all.decrypt(sealed.encode()))
        except (InvalidToken, ValueError):
            return None
        return held

    def _renewed(self) -> bool:
        """Whether there are other keys now than before."""
        try:
            keys = list(self._renew()) if self._renew else self._keys
        except (OSError, VaultKeyError):
            # Those that are known serve on: a file that is gone must not take what they open with it.
            _log.warning("the keys of stored secrets cannot be read again")
            return False
        if keys == self._keys:
            return False
        self._use(keys)
        return True

    def _use(self, keys: Sequence[str]) -> None:
        if not keys:
            raise VaultKeyError("there is no key to seal secrets with")
        fernets = [_fernet(key, number) for number, key in enumerate(keys, 1)]
        self._keys = list(keys)
        self._newest = fernets[0]
        self._all = MultiFernet(fernets)


def load_keys(setting: str, file: Path) -> list[str]:
    """The keys, newest first: those of `setting`, separated by commas, or those of `file`, one a line.

    A file that is missing is made, for its owner alone, with one new key; processes that start at once end with the
    same key. Raises `VaultKeyError` for keys that cannot be used and for a file that cannot be read or made.
    """
    keys = [part.strip() for part in setting.split(",") if part.strip()]
    if keys:
        return _checked(keys, "the setting")
    with _locked(file):
        if file.exists():
            return _read(file)
        key = Vault.new_key()
        _replace(file, [key])
    _log.info("a new key to seal stored secrets was made: keep a copy apart from the database", path=str(file))
    return [key]


def prepend_key(file: Path) -> None:
    """A new key stands in front of those of `file`, which stay. Raises `VaultKeyError` as `load_keys` does."""
    with _locked(file):
        former = _read(file) if file.exists() else []
        _replace(file, [Vault.new_key(), *former])


def _read(file: Path) -> list[str]:
    if file.stat().st_mode & _OTHERS:
        _log.warning("others than its owner may read the keys of stored secrets: chmod 600", path=str(file))
    lines = [line.strip() for line in file.read_text("utf-8", errors="replace").splitlines()]
    return _checked([line for line in lines if line and not line.startswith("#")], str(file))


def _checked(keys: list[str], where: str) -> list[str]:
    if not keys:
        raise VaultKeyError(f"{where} has no key to seal secrets with")
    for number, key in enumerate(keys, 1):
        _fernet(key, number, where)
    return keys


def _fernet(key: str, number: int, where: str = "the list of keys") -> Fernet:
    try:
        return Fernet(key)
    except ValueError:
        raise VaultKeyError(f"key {number} of {where} is not 32 bytes in base64url") from None


def _replace(file: Path, keys: list[str]) -> None:
    """The file holds `keys` whole or is as it was, even when the power goes."""
    new = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write("".join(f"{key}\n" for key in keys))
            stream.flush()
            os.fsync(stream.fileno())
        new.rename(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One process at a time has the folder of `file`, which exists; what was renamed in it is on disk afterwards."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise VaultKeyError(f"{file} cannot be used: {error.strerror}") from None
