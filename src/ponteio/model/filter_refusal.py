"""How a filter that is not understood is refused, wherever it was given."""

from __future__ import annotations

from ponteio.model.filter import FilterError
from ponteio.model.filter_language import FilterSyntaxError
from ponteio.model.outcome import INVALID_FILTER, RefusalError

_AROUND = 24
"""Characters that are shown before and after the place."""


def filter_refusal(error: FilterError, text: str = "", where: str = "") -> RefusalError:
    """INVALID_FILTER, saying what is wrong. Where `text` is the filter that the parser refused, also at which place:
    `position` and `length` (characters, from 0) in `extra`, and the place between angle brackets in the sentence.
    `where` names what held the filter.
    """
    prefix = f"{where}: " if where else "The filter is malformed: "
    if not isinstance(error, FilterSyntaxError):
        return RefusalError(INVALID_FILTER, f"{prefix}{error}")
    detail = f"{prefix}{shown(text, error.position, error.length)}: {error.message}"
    return RefusalError(INVALID_FILTER, detail, {"position": error.position, "length": error.length})


def shown(text: str, position: int, length: int) -> str:
    """The place in `text`, between ⟨ and ⟩, with a little of what is around it; on one line, whatever is in it."""
    begin, end = min(position, len(text)), min(position + max(length, 0), len(text))
    before, there, after = text[:begin], text[begin:end], text[end:]
    if len(there) > 2 * _AROUND:
        there = f"{there[:_AROUND]}…"
    lead, trail = "…" * (len(before) > _AROUND), "…" * (len(after) > _AROUND)
    return _plain(f"{lead}{before[-_AROUND:]}⟨{there}⟩{after[:_AROUND]}{trail}")


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
