"""Which events a request is about: the grammar of filters, and the lists of names that were there before it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from ponteio.model import outcome
from ponteio.model.cursor import Cursor, CursorError
from ponteio.model.filter import EventFilter, FilterError
from ponteio.model.filter_language import FilterSyntaxError, parse_filter
from ponteio.model.filter_refusal import filter_refusal
from ponteio.model.filter_tree import Filter, Since
from ponteio.model.outcome import RefusalError


class FilterQuery(BaseModel):
    """Which events; what several parameters say must all hold. A parameter that is not known is refused: a filter that
    was not understood must not look like one that lets everything through.
    """

    model_config = ConfigDict(extra="forbid")

    filter: str | None = Field(None, description='Such as `event:messages.* text:"boleto" since:2h`: docs/filters.md.')
    instance: list[str] | None = Field(None, description="Of these instances. Repeat it for several.")
    event: list[str] | None = Field(None, description="A name, `family.*` or `*`. Repeat it for several.")


def wanted(query: FilterQuery, now: datetime) -> Filter:
    """The filter for all that `query` says, times relative to `now`. Raises `RefusalError` INVALID_FILTER."""
    text = query.filter or ""
    names = Filter.of(named(query.instance, query.event))
    try:
        return names.also(parse_filter(text, now))
    except FilterError as error:
        raise filter_refusal(error, text) from None


def moment(name: str, text: str, now: datetime) -> datetime:
    """The moment that `text` spells as it would after `since:` in a filter: an age such as `2h`, or RFC 3339. Raises
    `RefusalError` INVALID_REQUEST, which calls it `name`.
    """
    try:
        root = parse_filter(f"since:{text}", now).root
    except FilterError as error:
        detail = error.message if isinstance(error, FilterSyntaxError) else str(error)
        raise RefusalError(outcome.INVALID_REQUEST, f"{name}: {detail}.") from None
    if not isinstance(root, Since):
        raise RefusalError(outcome.INVALID_REQUEST, f"{name}: not one moment.")
    return root.moment


def named(instances: list[str] | None, events: list[str] | None) -> EventFilter:
    """The filter for these lists of names. Raises `RefusalError` INVALID_FILTER."""
    try:
        return EventFilter.of(instances, events)
    except FilterError as error:
        raise filter_refusal(error) from None


def parse_cursor(text: str) -> Cursor:
    """The cursor that `text` spells. Raises `RefusalError` INVALID_CURSOR."""
    try:
        return Cursor.parse(text)
    except CursorError as error:
        raise RefusalError(outcome.INVALID_CURSOR, f"The cursor is malformed: {error}.") from None
