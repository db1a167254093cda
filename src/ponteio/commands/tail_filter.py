"""What a person wants to see, from the words of a command: checked here, where it can be pointed at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlencode

from ponteio.commands.gateway_call import GatewayCall
from ponteio.model.cursor import Cursor
from ponteio.model.filter import EventFilter, FilterError
from ponteio.model.filter_language import FilterSyntaxError, parse_filter
from ponteio.model.filter_tree import Filter, to_text


class WordsError(ValueError):
    """The words are no filter. The text is for a terminal, and has a line that points at the place."""


def filter_text(option: str, words: Sequence[str]) -> str:
    """One filter of what was given as an option and as words: both must hold."""
    parts = [part for part in (option.strip(), " ".join(words).strip()) if part]
    return parts[0] if len(parts) == 1 else " ".join(f"({part})" for part in parts)


def filter_of(text: str, instances: Sequence[str], events: Sequence[str], now: datetime) -> Filter:
    """The filter of the grammar's `text` and of the lists, which must all hold. Raises `WordsError`."""
    try:
        return Filter.of(EventFilter.of(instances or None, events or None)).also(parse_filter(text, now))
    except FilterSyntaxError as error:
        raise WordsError(f"the filter is malformed: {error.message}\n{pointed(text, error)}") from None
    except FilterError as error:
        raise WordsError(f"the filter is malformed: {error}") from None


def pointed(text: str, error: FilterSyntaxError) -> str:
    """The line of `text` with the place, and a line below it that points there."""
    line = "".join(character if character.isprintable() else " " for character in text)
    begin = max(error.position - 40, 0)
    length = max(1, min(error.length, 40))
    return f"  {line[begin : begin + 78]}\n  {' ' * (error.position - begin)}{'^' * length}"


def told(wanted: Filter) -> str | None:
    """The filter as the gateway is told it; None when it lets everything through. Moments stay where they are now,
    however often the gateway is told.
    """
    return None if wanted.is_everything else to_text(wanted)


async def cursor_since(url: str, api_key: str, since: str, now: datetime) -> str:
    """The cursor after which the events received since then follow. Raises `WordsError`, and `RefusalError` where the
    gateway cannot be asked.
    """
    wanted = filter_of(f"since:{since}", (), (), now)
    params = {"filter": to_text(wanted), "limit": "1"}
    async with GatewayCall(url, api_key) as gateway:
        while True:
            page = await gateway.get(f"/api/events?{urlencode(params)}")
            if page["events"]:
                first = Cursor.parse(page["events"][0]["cursor"])
                return str(first.at(first.seq - 1))
            params["after"] = page["next"]
            if not page["more"]:
                return str(page["next"])
