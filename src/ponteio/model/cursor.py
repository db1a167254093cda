"""A place in an organization's event log."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TEXT = re.compile(r"([0-9a-f]{8})-(0|[1-9][0-9]{0,18})\Z")
_MAX_SEQ = 2**63 - 1


class CursorError(ValueError):
    """The text is not a cursor."""


@dataclass(frozen=True, slots=True, order=False)
class Cursor:
    """`(epoch, seq)`: everything up to and including `seq` has been seen.

    `epoch` is eight hexadecimal digits that name one life of the log: another epoch means that numbers start over.
    `seq` counts from 1 without holes; 0 is before the beginning. The text form is `epoch-seq`.
    """

    epoch: str
    seq: int

    @classmethod
    def parse(cls, text: object) -> Cursor:
        """The cursor that `text` spells; raises `CursorError` for anything else, whatever its type."""
        match = _TEXT.match(text) if isinstance(text, str) else None
        if match is None or int(match[2]) > _MAX_SEQ:
            raise CursorError("a cursor is eight hexadecimal digits, a dash and a number")
        return cls(match[1], int(match[2]))

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}"

    def at(self, seq: int) -> Cursor:
        """The cursor at `seq` in the same epoch."""
        return Cursor(self.epoch, seq)
