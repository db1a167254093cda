"""How an organization, or for an operator the whole deployment, fares: a table in the terminal, or JSON."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich import box
from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ponteio.commands.event_line import clean
from ponteio.commands.gateway_call import GatewayCall
from ponteio.model.outcome import ORGANIZATION_ONLY, RefusalError

WATCH_S = 5.0
SPARK_COLUMNS = 60
_BARS = " ▁▂▃▄▅▆▇█"
_WINDOWS = {"1h": "last hour", "24h": "last 24 hours", "7d": "last 7 days"}
_HOPS = {
    "evolution_to_received": "Evolution → received",
    "received_to_committed": "received → committed",
    "committed_to_delivered": "committed → delivered",
}


@dataclass(frozen=True, slots=True)
class StatsOptions:
    """`window` is `1h`, `24h` or `7d`."""

    url: str
    api_key: str
    window: str = "1h"
    as_json: bool = False
    watch: bool = False


async def stats_until(options: StatsOptions, stop: asyncio.Event, console: Console | None = None) -> int:
    """Show it once; with `watch` again every five seconds until `stop` is set. The answer is an exit status. Raises
    `RefusalError`.
    """
    out = console or Console(highlight=False)
    async with GatewayCall(options.url, options.api_key) as gateway:
        body = await _ask(gateway, options.window)
        if options.as_json:
            _print(body)
        elif not options.watch:
            out.print(screen(body))
        if options.watch and options.as_json:
            async for found, _ in _again(gateway, options.window, stop, body):
                _print(found)
        elif options.watch:
            with Live(screen(body), console=out, auto_refresh=False, screen=True) as live:
                async for found, note in _again(gateway, options.window, stop, body):
                    live.update(Group(Text(clean(note), style="yellow"), screen(found)), refresh=True)
    return 0


def screen(body: Mapping[str, Any]) -> Group:
    """What is shown of an answer of `/api/metrics`. What the key may not see is left out."""
    parts: list[Any] = [_headline(body), Text()]
    if body["series"] is not None:
        parts += [_sparks(body["series"]), Text()]
    if body["latency"] is not None:
        parts += [_latency(body["latency"])]
    tables = [_counts("Links", body["links"]["by_state"]), _counts("Gaps", _gap_counts(body["gaps"]))]
    if body["most_common"] is not None:
        tables.append(_counts("Events", {one["event"]: one["count"] for one in body["most_common"]}))
    if body["refused"]:
        tables.append(_counts("Refused", body["refused"]))
    parts.append(Columns([table for table in tables if table.row_count], padding=(0, 3)))
    if body.get("instances"):
        parts.append(_instances(body["instances"]))
    return Group(*parts)


def sparkline(values: Sequence[float], columns: int = SPARK_COLUMNS) -> str:
    """The values as bars, the highest one full; neighbours share a column by their highest where there are too many."""
    if not values:
        return ""
    columns = min(columns, len(values))
    edges = [place * len(values) // columns for place in range(columns + 1)]
    shown = [max(values[begins:ends]) for begins, ends in itertools.pairwise(edges)]
    top = max(shown)
    return "".join(_BARS[math.ceil(value / top * (len(_BARS) - 1))] if top else _BARS[0] for value in shown)


async def _ask(gateway: GatewayCall, window: str) -> dict[str, Any]:
    try:
        return await gateway.get(f"/api/metrics?window={window}")
    except RefusalError as refusal:
        if refusal.outcome is not ORGANIZATION_ONLY:
            raise
        return await gateway.get(f"/api/metrics/deployment?window={window}")


async def _again(
    gateway: GatewayCall, window: str, stop: asyncio.Event, body: dict[str, Any]
) -> AsyncIterator[tuple[dict[str, Any], str]]:
    """The newest answer every few seconds, until `stop`; the last one and why, while there is no newer."""
    while not await _is_set_within(stop, WATCH_S):
        note = ""
        try:
            body = await _ask(gateway, window)
        except RefusalError as refusal:
            if not refusal.outcome.retry:
                raise
            note = refusal.detail
        yield body, note


async def _is_set_within(stop: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await stop.wait()
    except TimeoutError:
        return False


def _print(body: dict[str, Any]) -> None:
    print(json.dumps(body, ensure_ascii=False), flush=True)


def _headline(body: Mapping[str, Any]) -> Text:
    until = datetime.fromisoformat(body["until"]).astimezone()
    words = [f"{_WINDOWS[body['window']]}, until {until:%H:%M:%S}"]
    if "organizations" in body:
        words.append(f"{body['organizations']} organizations")
    if body["events"] is not None:
        words.append(f"{body['events']} events ({body['events_per_minute']:g}/min)")
    if body["sockets"] is not None:
        words.append(f"sockets {body['sockets']['now']} (most {body['sockets']['most']})")
        words.append(f"reconnects {body['reconnects']} ({body['reconnects_per_hour']:g}/h)")
        words.append(f"held {body['held']}")
    return Text(" · ".join(words), style="bold")


def _sparks(series: Sequence[Mapping[str, Any]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, member in (("events", "events"), ("sockets", "sockets"), ("reconnects", "reconnects")):
        values = [point[member] for point in series]
        table.add_row(Text(name, style="dim"), Text(sparkline(values), style="cyan"), f"max {max(values)}")
    return table


def _latency(latency: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table("Latency", box=box.SIMPLE, pad_edge=False)
    for title in ("events", "p50", "p95", "p99"):
        table.add_column(title, justify="right")
    for hop, row in latency.items():
        quantiles = (_spelled_ms(row[name]) for name in ("p50_ms", "p95_ms", "p99_ms"))
        table.add_row(_HOPS.get(hop, "another part"), str(row["count"]), *quantiles)
    return table


def _counts(title: str, counts: Mapping[str, Any]) -> Table:
    table = Table(title, box=box.SIMPLE, pad_edge=False)
    table.add_column("", justify="right")
    for name, count in counts.items():
        table.add_row(Text(clean(name)), str(count))
    return table


def _gap_counts(gaps: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    found = {kind: row for kind, row in gaps.items() if row["count"]}
    return {kind: f"{row['count']} ({row['lasting']} now, {row['seconds']:.0f} s)" for kind, row in found.items()}


def _instances(instances: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("Instance", "link", box=box.SIMPLE, pad_edge=False)
    for title in ("events", "reconnects"):
        table.add_column(title, justify="right")
    for row in instances:
        events = "" if row["events"] is None else str(row["events"])
        table.add_row(Text(clean(row["name"])), Text(clean(row["link"])), events, str(row["reconnects"]))
    return table


def _spelled_ms(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value / 1000:.1f} s" if value >= 1_000 else f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"
