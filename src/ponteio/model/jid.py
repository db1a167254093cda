"""WhatsApp addresses (JIDs), in one form whatever the form in which they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass

PERSON = "s.whatsapp.net"
_OLD_PERSON = "c.us"

_LONGEST = 100

_ADDRESS = re.compile(r"([^@:\s]+)(?::[0-9]+)?@([0-9A-Za-z.-]+)")
_BARE = re.compile(r"[0-9]+(?:-[0-9]+)?")
_PUNCTUATION = re.compile(r"[\s().+-]")


@dataclass(frozen=True, slots=True)
class Jid:
    """Who or what is addressed: `user` at `server`, without the device. `server` is None when only a number was
    given, which may be a person's, a group's or a hidden one (`@lid`).
    """

    user: str
    server: str | None = None

    @classmethod
    def parse(cls, text: str) -> Jid | None:
        """The address that `text` spells, or None.

        `5511988887777`, `+55 11 98888-7777`, `5511988887777@s.whatsapp.net`, `…@c.us`, `…:12@s.whatsapp.net`, `…@lid`,
        `…@g.us`, `status@broadcast`.
        """
        if len(text) > _LONGEST:
            return None
        text = text.strip()
        if address := _ADDRESS.fullmatch(text):
            server = address[2].lower()
            return cls(address[1], PERSON if server == _OLD_PERSON else server)
        bare = text if _BARE.fullmatch(text) else _PUNCTUATION.sub("", text)
        return cls(bare) if _BARE.fullmatch(bare) else None

    def covers(self, other: Jid) -> bool:
        """Whether `other` is this address, or has this number where no server was said."""
        return self.user == other.user and self.server in (None, other.server)

    def __str__(self) -> str:
        return self.user if self.server is None else f"{self.user}@{self.server}"
