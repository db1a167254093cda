"""How long history takes in a log of two million events, and what keeping it searchable costs those who store."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import orjson

from benchmarks.history_log import END, fill
from benchmarks.machine import cpu_seconds
from benchmarks.stand import INSTANCE, stand
from ponteio.eventlog.counting import EventCounter
from ponteio.eventlog.indexer import Indexer
from ponteio.eventlog.log import EventLog
from ponteio.eventlog.postgres_terms import PostgresTermIndex
from ponteio.eventlog.sqlite_terms import SqliteTermIndex
from ponteio.model.filter_language import parse_filter
from ponteio.model.identity import OrganizationScope
from ponteio.storage.database import Database
from ponteio.storage.search_file import SearchFile
from ponteio.tenancy.directory import Directory

LARGE, SMALL = 2_000_000, 100_000
PAGE = 50
RUNS = 40
PAGE_MS, TEXT_MS, HISTOGRAM_MS, GROWTH, LOSS = 20.0, 50.0, 100.0, 1.3, 0.15
FLOOD, FLOODS, SOCKETS, SIZE = 20_000, 3, 10, 1_500

_RARE = ("presente", "garrafa", "trovoada")
_PHRASES = ('"boleto amanhã"', '"bom dia"', '"prazo de entrega"', '"nota fiscal"', '"pix boleto"')


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds: of the clock (median, 95th percentile) and of this process's processor time."""

    median: float
    p95: float
    cpu: float


async def run(_minutes: float) -> None:
    """The environment says more: PONTEIO_BENCH_FOLDER keeps the SQLite files between runs, PONTEIO_BENCH_POSTGRES_URL
    (with `?schema=`) measures PostgreSQL too, PONTEIO_BENCH_EVENTS makes the large log smaller.
    """
    large = int(os.environ.get("PONTEIO_BENCH_EVENTS", LARGE))
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        await _measure(f"sqlite:///{os.environ.get('PONTEIO_BENCH_FOLDER', folder)}/history.db", large)
    if url := os.environ.get("PONTEIO_BENCH_POSTGRES_URL"):
        await _measure(url, large)
    await _ingest()


async def _measure(url: str, large: int) -> None:
    database = await Database.open(url)
    print(f"  {database.dialect}", flush=True)
    index: PostgresTermIndex | SqliteTermIndex = PostgresTermIndex(database)
    if database.dialect == "sqlite":
        index = SqliteTermIndex(await SearchFile.beside(url))
    try:
        await database.migrate()
        directory = Directory(database)
        await directory.load()
        if directory.organization("Large") is None:
            await _timed("generated", large + SMALL, _generate(database, large))
            await directory.load()
        await _timed("counted", large + SMALL, EventCounter(database).catch_up())
        await _timed("indexed", large + SMALL, Indexer(database, index).catch_up())
        log = EventLog(database, index=index)
        costs = {name: await _searches(log, _scope(directory, name)) for name in ("Large", "Small")}
        _compare(costs["Large"], costs["Small"])
        await _counts(log, _scope(directory, "Large"))
    finally:
        await index.close()
        await database.close()


def _scope(directory: Directory, name: str) -> OrganizationScope:
    organization = directory.organization(name)
    if organization is None:
        raise RuntimeError(f"there is no organization {name}")
    return directory.scope_of(organization.organization_id)


async def _generate(database: Database, large: int) -> None:
    await fill(database, "Large", [f"loja-{number:02d}" for number in range(48)], large, seed=1)
    await fill(database, "Small", [f"filial-{number:02d}" for number in range(12)], SMALL, seed=2)


async def _timed(what: str, events: int, work: Awaitable[None]) -> None:
    began, cpu_s = time.perf_counter(), time.process_time()
    await work
    took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_s
    print(f"    {what}: {events / took_s:,.0f} events/s, {cpu_s / events * 1e6:.0f} µs CPU an event", flush=True)


async def _searches(log: EventLog, scope: OrganizationScope) -> dict[str, Cost]:
    """What a page costs by each kind of filter."""
    messages = await log.search(scope, parse_filter("event:messages.upsert until:10d", END), limit=RUNS)
    found = [orjson.loads(event.data) for event in messages.events]
    names = sorted({event.instance for event in messages.events})
    asked: dict[str, list[str]] = {
        "no filter": [""],
        "event": ["event:messages.upsert", "event:call", "event:messages.*", "event:absent"],
        "inst": [*(f"inst:{name}" for name in names), f"inst:{names[0][:-1]}*", "inst:absent", "inst:absent*"],
        "origin": ["origin:backfill", "origin:live"],
        "fromMe": ["fromMe:true", "fromMe:false"],
        "chat": [f"chat:{one['key']['remoteJid']}" for one in found],
        "id": [*(f"id:{one['key']['id']}" for one in found), "id:absent"],
        "data": [*(f"data.messageTimestamp:{one['messageTimestamp']}" for one in found), "data.status:READ"],
        "since, until": ["since:2h", "until:20d", "since:15d until:14d"],
        "not": ["-event:messages.*"],
        "text": [f"text:{word}" for one in found for word in one["pushName"].split()] + [f"text:{w}" for w in _RARE],
        "text, two words": [f"text:{phrase}" for phrase in _PHRASES],
        "several terms": ["event:messages.upsert inst:loja-03,filial-03 text:boleto fromMe:false since:20d"],
    }
    return {name: await _cost(lambda text: _page(log, scope, text), texts) for name, texts in asked.items()}


async def _page(log: EventLog, scope: OrganizationScope, text: str) -> None:
    page = await log.search(scope, parse_filter(text, END), limit=PAGE, budget_s=10.0)
    if not page.complete:
        raise RuntimeError(f"{text} took more than 10 s")


async def _cost(ask: Callable[[str], Awaitable[None]], asked: Sequence[str]) -> Cost:
    for text in asked:
        await ask(text)
    took: list[float] = []
    cpu: list[float] = []
    for number in range(max(RUNS, len(asked))):
        began, cpu_s = time.perf_counter(), time.process_time()
        await ask(asked[number % len(asked)])
        took.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - cpu_s) * 1000)
    return Cost(statistics.median(took), sorted(took)[int(len(took) * 0.95)], statistics.mean(cpu))


def _compare(large: dict[str, Cost], small: dict[str, Cost]) -> None:
    for name, cost in large.items():
        limit = TEXT_MS if name.startswith(("text", "several")) else PAGE_MS
        verdict = "" if cost.p95 <= limit else f"  MISSED {limit:.0f} ms"
        print(
            f"    page by {name}: median {cost.median:.1f} ms, p95 {cost.p95:.1f} ms, CPU {cost.cpu:.1f} ms; in the "
            f"small log {small[name].median:.1f} ms, CPU {small[name].cpu:.1f} ms{verdict}",
            flush=True,
        )
    growth = sum(cost.cpu for cost in large.values()) / sum(cost.cpu for cost in small.values())
    print(f"    pages of the large log cost {growth:.2f} times those of the small one (target {GROWTH})", flush=True)


async def _counts(log: EventLog, scope: OrganizationScope) -> None:
    async def histogram(text: str) -> None:
        await log.counts.histogram(scope, parse_filter(text, END), END - timedelta(days=7), END, 3600)

    async def facets(text: str) -> None:
        await log.counts.facets(scope, parse_filter(text, END), END - timedelta(days=7), END)

    asked = ["", "event:messages.*", "inst:loja-00", "origin:live"]
    for name, ask, limit in (("histogram", histogram, HISTOGRAM_MS), ("facets", facets, HISTOGRAM_MS)):
        cost = await _cost(ask, asked)
        verdict = "" if cost.p95 <= limit else f"  MISSED {limit:.0f} ms"
        print(f"    {name} of 7 days: median {cost.median:.1f} ms, p95 {cost.p95:.1f} ms{verdict}", flush=True)


async def _ingest() -> None:
    """Floods of a gateway that indexes and counts, and of one that does not, in turn."""
    with_history: list[tuple[float, float, float]] = []
    without: list[tuple[float, float, float]] = []
    for _ in range(FLOODS):
        without.append(await _flood(history=False))
        with_history.append(await _flood(history=True))
    (rate, cpu, _), (full_rate, full_cpu, later) = (
        [statistics.median(run[place] for run in runs) for place in range(3)] for runs in (without, with_history)
    )
    loss = 1 - full_rate / rate
    print(f"  ingest without: {rate:,.0f} events/s, {cpu:.0f} µs CPU an event")
    print(f"  ingest with: {full_rate:,.0f} events/s, {full_cpu:.0f} µs CPU an event, and {later:.0f} µs afterwards")
    print(
        f"  throughput lost {loss:.1%} (target {LOSS:.0%}), CPU during the flood {full_cpu / cpu - 1:+.1%}", flush=True
    )


async def _flood(*, history: bool) -> tuple[float, float, float]:
    """Events a second, CPU µs an event until all were delivered, and until all were indexed."""
    async with stand(history=history) as it:
        heard = 0
        everything = asyncio.Event()

        def hear(_payload: bytes) -> None:
            nonlocal heard
            heard += 1
            if heard == FLOOD * SOCKETS:
                everything.set()

        async with it.readers(SOCKETS, hear):
            cpu_s, began = cpu_seconds(it.pid), time.perf_counter()
            await it.simulator.flood(INSTANCE, FLOOD, size=SIZE)
            await asyncio.wait_for(everything.wait(), 300)
            took_s, used_s = time.perf_counter() - began, cpu_seconds(it.pid) - cpu_s
        if history:
            await _indexed(next(it.folder.glob("*.search.db")))
        return FLOOD / took_s, used_s / FLOOD * 1e6, (cpu_seconds(it.pid) - cpu_s - used_s) / FLOOD * 1e6


async def _indexed(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        while (connection.execute("SELECT max(seq) FROM logs").fetchone()[0] or 0) < FLOOD:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
