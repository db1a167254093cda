"""A small model of the gateway, made from what Evolution API does and what the protocol promises, and nothing else.

An event that the simulator handed to at least one of our links must be in its owner's log once, unless a gap row says
that we were deaf. What a client was told must be a stretch of that log, in order, without a hole.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.house import holds

from ponteio.simulator import Simulator
from ponteio.simulator.emission import EmittedEvent

Told = dict[str, Any]
CLOCK_SLACK = timedelta(milliseconds=5)
"""Both clocks are this machine's; Evolution cuts its times to milliseconds."""
IN_FLIGHT = timedelta(seconds=0.5)
"""How long an event that carries its time already may wait in Evolution before it is written to the socket."""


def as_json(value: Any) -> Any:
    """What must become of a value on its way: bytes are marked base64, nothing is called `apikey`."""
    if isinstance(value, bytes | bytearray):
        return {"$base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: as_json(member) for name, member in value.items() if name.lower() != "apikey"}
    return [as_json(item) for item in value] if isinstance(value, list | tuple) else value


def fact(envelope: dict[str, Any]) -> str:
    """An envelope of Evolution's, as one text that is the same for the same content."""
    known = {"event", "instance", "data", "date_time", "sender", "server_url", "apikey"}
    extra = {name: value for name, value in envelope.items() if name not in known} or None
    return _text(envelope, as_json(envelope["data"]), as_json(extra))


def told_fact(told: Told) -> str:
    """The same text, of an event that the gateway told."""
    return _text(told, told["data"], told.get("extra"))


def _text(members: dict[str, Any], data: Any, extra: Any) -> str:
    parts = [members["instance"], members["event"], members["date_time"], members.get("sender"), data, extra]
    return json.dumps(parts, sort_keys=True, ensure_ascii=False)


NOT_ON_NAMESPACES = "groups.update"


class Ledger:
    """What the simulator emitted for the instances of one organization."""

    def __init__(self, simulator: Simulator, *instances: str) -> None:
        self._simulator = simulator
        self._instances = instances
        self._since = 0
        self._zone = ZoneInfo(simulator.options.tz)

    def emitted(self) -> list[EmittedEvent]:
        return [record for record in self._simulator.emitted if record.instance in self._instances]

    async def all_out(self) -> None:
        """Waits until the newest event of each instance has left for its namespace too, which it does a step later."""
        for name in self._instances:
            wants = self._simulator.instance(name).wants
            last = next((one for one in reversed(self.emitted()) if one.instance == name and wants(one.event)), None)
            if last is not None:
                await holds(f"{name} has emitted", lambda: last.namespace_recipients is not None)  # noqa: B023

    async def settled(self, read: Callable[[], Awaitable[list[Told]]]) -> int:
        """The length of the log, once the newest event that was handed to us is in what `read` gives."""
        newest = fact(self.handed()[-1].envelope)
        logs: list[list[Told]] = []

        async def arrived() -> bool:
            logs.append(await read())
            return any(told_fact(told) == newest for told in logs[-1][-100:])

        await holds("the newest event is stored", arrived)
        return len(logs[-1])

    def handed(self) -> list[EmittedEvent]:
        """What reached one of our links, the same content once."""
        found: dict[str, EmittedEvent] = {}
        for record in self.emitted():
            if record.root_recipients or record.namespace_recipients:
                found.setdefault(fact(record.envelope), record)
        return list(found.values())

    def repeats(self) -> int:
        """How many of the copies that reached our links are of an event that had reached one before."""
        copies = ((one.root_recipients or 0) + (one.namespace_recipients or 0) for one in self.emitted())
        return sum(copies) - len(self.handed())

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)

    @staticmethod
    def text_of(record: EmittedEvent) -> str:
        return fact(record.envelope)

    def emitted_at(self, record: EmittedEvent) -> datetime:
        """When: `date_time` without its false Z."""
        wall = datetime.fromisoformat(record.envelope["date_time"].removesuffix("Z"))
        return wall.replace(tzinfo=self._zone).astimezone(UTC)

    def agrees(self, log: Sequence[Told], *, total_order: bool) -> None:
        """The log holds exactly what was handed to us: `total_order` over one link, else for each instance."""
        expected = [(record.instance, fact(record.envelope)) for record in self.handed()]
        found = [(told["instance"], told_fact(told)) for told in log]
        if total_order:
            same(expected, found)
        else:
            for name in self._instances:
                same([one for one in expected if one[0] == name], [one for one in found if one[0] == name])
            assert len(found) == len(expected)
        moments = {fact(record.envelope): self.emitted_at(record) for record in self.handed()}
        for told in log:
            assert_dated(told, moments[told_fact(told)])

    def begin(self) -> None:
        """From now on somebody listens: what was emitted until now may be lost without a word."""
        self._since = self._simulator.emitted[-1].serial

    def lost(self, log: Sequence[Told]) -> list[EmittedEvent]:
        """What was emitted since `begin` and is not in the log, where nothing is twice or was never emitted."""
        in_log = Counter(told_fact(told) for told in log)
        assert not [text for text, times in in_log.items() if times > 1], "stored twice"
        emitted = {fact(record.envelope): record for record in self.emitted()}
        assert not in_log.keys() - emitted.keys(), "stored, but never emitted"
        return [record for text, record in emitted.items() if text not in in_log and record.serial > self._since]

    def explained(self, lost: Iterable[EmittedEvent], gaps: Sequence[dict[str, Any]], *, total: bool) -> None:
        """I8: each of `lost` was emitted while a gap row says that its link was deaf; `total` means the global link.

        What Evolution never sends to a namespace is not lost there.
        """
        for record in lost:
            if not total and record.event == NOT_ON_NAMESPACES:
                continue
            about = [gap for gap in gaps if gap["instance"] == (None if total else record.instance)]
            at = self.emitted_at(record)
            assert any(_covers(gap, at) for gap in about), (
                f"{record.instance} {record.event} of {at} ({record.root_recipients} on root, "
                f"{record.namespace_recipients} on its namespace) is lost and no gap says so: {about}"
            )


def _covers(gap: dict[str, Any], at: datetime) -> bool:
    begin = datetime.fromisoformat(gap["from_at"]) - IN_FLIGHT
    return begin <= at and (gap["to_at"] is None or at <= datetime.fromisoformat(gap["to_at"]) + CLOCK_SLACK)


def assert_dated(told: Told, emitted_at: datetime) -> None:
    """Our clock is near, and Evolution's false Z is repaired (a message's own time has whole seconds)."""
    received, occurred = (datetime.fromisoformat(told[name]) for name in ("received_at", "occurred_at"))
    assert emitted_at - CLOCK_SLACK <= received <= emitted_at + timedelta(seconds=30)
    assert abs(occurred - emitted_at) < timedelta(seconds=2), told


def dense(events: Sequence[Told], *, organization_id: str, after: int = 0) -> None:
    """I2, I3: the numbers after `after` follow each other without hole or repeat, in one epoch, for one owner."""
    seqs = [told["seq"] for told in events]
    assert seqs == list(range(after + 1, after + 1 + len(seqs))), _first_break(seqs, after)
    assert len({told["cursor"].split("-")[0] for told in events}) <= 1
    assert all(told["cursor"].endswith(f"-{told['seq']}") for told in events)
    assert {told["organization"] for told in events} <= {organization_id}


def _first_break(seqs: Sequence[int], after: int) -> str:
    for at, (wanted, found) in enumerate(zip(range(after + 1, after + 1 + len(seqs)), seqs, strict=True)):
        if wanted != found:
            return f"place {at}: {found} instead of {wanted}; around: {seqs[max(0, at - 3) : at + 4]}"
    return "no break"


def same(expected: Sequence[Any], found: Sequence[Any]) -> None:
    """Equal, or a short account of the first difference and of what is missing or too much."""
    if list(expected) == list(found):
        return
    first = next((at for at, (one, other) in enumerate(zip(expected, found, strict=False)) if one != other), None)
    missing, more = Counter(map(str, expected)), Counter(map(str, found))
    pair = "" if first is None else f"{str(expected[first])[:300]} / {str(found[first])[:300]}"
    raise AssertionError(
        f"{len(expected)} expected, {len(found)} found; first difference at {first}: {pair}; "
        f"missing {sum((missing - more).values())}: {[one[:200] for one in list(missing - more)[:3]]}; "
        f"too much {sum((more - missing).values())}: {[one[:200] for one in list(more - missing)[:3]]}"
    )
