"""What happened to links and instances, in a terminal: the link journal over REST, oldest first."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from rich.console import Console
from rich.text import Text

from ponteio.commands.event_line import clean
from ponteio.commands.gateway_call import GatewayCall
from ponteio.model.outcome import INVALID_REQUEST, RefusalError
from ponteio.observe.clock import utc_now

PAGE = 200
LOOK_S = 2.0
"""Between two looks while following."""
OVERLAP = timedelta(minutes=1)
_AGE = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_STYLES = {"lost": "red", "failed": "red", "opened": "red", "drifted": "yellow", "reached": "yellow", "dropped": "red"}

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LogsOptions:
    """`since` is an age such as `2h` or a moment, empty for all; `limit` counts entries before following."""

    url: str
    api_key: str
    instance: str = ""
    server: str = ""
    kinds: tuple[str, ...] = ()
    since: str = ""
    limit: int = 100
    follow: bool = False
    as_json: bool = False


async def logs_until(options: LogsOptions, stop: asyncio.Event) -> int:
    """Show the newest entries, oldest first; with `follow` what comes after them too, until `stop` is set. The answer
    is an exit status. Raises `RefusalError`.
    """
    since = moment_of(options.since, utc_now()) if options.since else None
    out = _JsonLines() if options.as_json else _Lines()
    async with GatewayCall(options.url, options.api_key) as gateway:
        journal = _Journal(gateway, options, since)
        for entry in await journal.newest(options.limit):
            out.entry(entry)
        while options.follow and not await _is_set_within(stop, LOOK_S):
            try:
                found = await journal.news()
            except RefusalError as refusal:
                if not refusal.outcome.retry:
                    raise
                out.note(refusal.detail)
                continue
            for entry in found:
                out.entry(entry)
    return 0


def moment_of(text: str, now: datetime) -> datetime:
    """The moment that `text` spells: an age (`30m`, `2h`, `7d`), or a moment in ISO 8601, in UTC where it does not say.
    Raises `RefusalError` INVALID_REQUEST.
    """
    try:
        if age := _AGE.fullmatch(text):
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        detail = "Write an age such as 30m, 2h or 7d, or a moment such as 2026-11-23T12:00Z."
        raise RefusalError(INVALID_REQUEST, detail) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class _Journal:
    """What was read so far: `news` gives what is new since, and entries that happened again."""

    def __init__(self, gateway: GatewayCall, options: LogsOptions, since: datetime | None) -> None:
        self._gateway = gateway
        self._query = [("kind", kind) for kind in options.kinds]
        named = (("instance", options.instance), ("server", options.server))
        self._query += [(name, value) for name, value in named if value]
        self._since = since
        # By entry: how often it had happened, and when last.
        self._seen: dict[int, tuple[int, datetime]] = {}

    async def newest(self, limit: int) -> list[Entry]:
        """At most `limit` entries, oldest first."""
        found = await self._read(self._since, limit)
        self._remember(found)
        if found:
            # What was there before them and not asked for is no news either.
            oldest = found[-1]["id"]
            recent = await self._read(self._looked_until(), None)
            self._remember([entry for entry in recent if entry["id"] < oldest])
        return found[::-1]

    async def news(self) -> list[Entry]:
        """What is new and what happened again, in the order in which it last happened."""
        found = await self._read(self._looked_until(), None)
        fresh = [entry for entry in found if self._seen.get(entry["id"], (0, None))[0] < entry["count"]]
        self._remember(found)
        return sorted(fresh, key=lambda entry: (entry["last_at"], entry["id"]))

    def _looked_until(self) -> datetime | None:
        """Entries are written a little later than they happen, and not always in order."""
        latest = max((last_at for _, last_at in self._seen.values()), default=None)
        return self._since if latest is None else latest - OVERLAP

    def _remember(self, found: list[Entry]) -> None:
        self._seen |= {entry["id"]: (entry["count"], datetime.fromisoformat(entry["last_at"])) for entry in found}
        until = self._looked_until()
        self._seen = {key: one for key, one in self._seen.items() if until is None or one[1] >= until}

    async def _read(self, since: datetime | None, limit: int | None) -> list[Entry]:
        """At most `limit` entries that still happened then or later, newest first; all of them, if it is None."""
        found: list[Entry] = []
        place: list[tuple[str, str]] = [] if since is None else [("since", since.isoformat())]
        before: int | None = None
        while limit is None or len(found) < limit:
            wanted = PAGE if limit is None else min(PAGE, limit - len(found))
            here = [] if before is None else [("before", str(before))]
            query = urlencode([*self._query, *place, ("limit", str(wanted)), *here])
            page = await self._gateway.get(f"/api/logs?{query}")
            found += page["entries"]
            before = page["next_before"]
            if before is None:
                break
        return found


class _JsonLines:
    """NDJSON on standard output; everything else on standard error."""

    def entry(self, entry: Entry) -> None:
        print(json.dumps(entry, ensure_ascii=False), flush=True)

    def note(self, text: str) -> None:
        print(f"ponteio: {text}", file=sys.stderr)


class _Lines:
    """Columns: time, what, whose, and the rest in words."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def entry(self, entry: Entry) -> None:
        at = datetime.fromisoformat(entry["last_at"]).astimezone()
        line = Text(f"{at:%m-%d %H:%M:%S} ", style="dim")
        line.append(f"{clean(entry['kind']):<18} ", style=_STYLES.get(entry["kind"].partition(".")[2], "green"))
        line.append(f"{clean(place_of(entry)):<16} ", style="bold")
        line.append(words_of(entry))
        self._console.print(line)

    def note(self, text: str) -> None:
        self._console.print(Text(f"-- {clean(text)}", style="yellow"))


def place_of(entry: Mapping[str, Any]) -> str:
    """What the entry is about, in a word."""
    if entry["instance"] is not None:
        return str(entry["instance"])
    return f"({entry['server']})" if entry["server"] is not None else "-"


def words_of(entry: Mapping[str, Any]) -> str:
    """The rest of an entry on one line: only what it has."""
    said = [str(entry["state"] or ""), f"[{entry['reason']}]" if entry["reason"] else "", entry["detail"] or ""]
    if entry["gap"] is not None:
        said.append(f"gap {entry['gap']}")
    if entry["duration_s"] is not None:
        said.append(f"after {entry['duration_s']:g} s")
    if entry["attempts"]:
        said.append(f"attempt {entry['attempts']}")
    if entry["count"] > 1:
        said.append(f"{entry['count']} times since {datetime.fromisoformat(entry['at']).astimezone():%m-%d %H:%M:%S}")
    return clean(" ".join(part for part in said if part))


async def _is_set_within(stop: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await stop.wait()
    except TimeoutError:
        return False
