"""Seeded identifiers that look like Evolution's."""

from __future__ import annotations

import random
import string
import uuid

_BASE36 = string.digits + string.ascii_lowercase
_TOKEN = string.ascii_letters + string.digits


class IdMint:
    """Mints ids from its own random source, so that the same seed gives the same ids in the same order."""

    def __init__(self, seed: str) -> None:
        self._rng = random.Random(f"ids:{seed}")
        self._rows = 0
        self._suffix = "".join(self._rng.choices(_BASE36, k=13))

    def uuid(self) -> str:
        """A random (version 4) UUID in lower case."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def token(self) -> str:
        """A 48-character secret."""
        return "".join(self._rng.choices(_TOKEN, k=48))

    def row_id(self) -> str:
        """A database id in the form of a cuid (25 characters), unique in this simulator."""
        self._rows += 1
        return f"cmw{self._rows:09d}{self._suffix}"
