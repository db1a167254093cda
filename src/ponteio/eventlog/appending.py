"""How a batch enters the log: dedupe, number, insert; one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ponteio.model.event import AddressedEvent, StoredEvent
from ponteio.storage.errors import StorageConflictError
from ponteio.storage.script import Insert, InsertNew, Query, Script
from ponteio.storage.tables import event_fingerprints, events

_ADVANCE = "UPDATE event_logs SET head = head + ? WHERE organization_id = ? RETURNING epoch, head"


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append did: the events it stored, in the order given, and how many were there already."""

    stored: list[StoredEvent]
    duplicates: int


def append(batch: Sequence[AddressedEvent], now: datetime) -> Script[Appended]:
    """Store what is new of `batch`."""
    fresh = yield from _fresh(batch, now)
    stored = _numbered(fresh, (yield from _advance(fresh)))
    if stored:
        yield Insert(events, [_row(event) for event in stored])
    return Appended(stored, len(batch) - len(stored))


def _fresh(batch: Sequence[AddressedEvent], now: datetime) -> Script[list[AddressedEvent]]:
    firsts: dict[bytes, AddressedEvent] = {}
    for event in batch:
        firsts.setdefault(event.decoded.fingerprint, event)
    seen_s = int(now.timestamp())
    # Sorted: two processes that insert the same fingerprints in different orders would wait for each other for ever.
    rows = [(fingerprint, seen_s) for fingerprint in sorted(firsts)]
    answer = yield InsertNew(event_fingerprints, ("fingerprint", "seen_s"), rows)
    new = {fingerprint for (fingerprint,) in answer}
    return [event for fingerprint, event in firsts.items() if fingerprint in new]


def _advance(fresh: Sequence[AddressedEvent]) -> Script[dict[str, tuple[str, int]]]:
    """Each organization's epoch and head before these events. The rows stay locked until the commit: whoever gets the
    next numbers commits after us.
    """
    counts = Counter(event.organization_id for event in fresh)
    before: dict[str, tuple[str, int]] = {}
    # Sorted, for the same reason.
    for organization_id in sorted(counts):
        answer = yield Query(_ADVANCE, (counts[organization_id], organization_id))
        if not answer:
            raise StorageConflictError("the organization has no log")
        epoch, head = answer[0]
        before[organization_id] = (epoch, head - counts[organization_id])
    return before


def _numbered(fresh: Sequence[AddressedEvent], before: dict[str, tuple[str, int]]) -> list[StoredEvent]:
    last = {organization_id: head for organization_id, (_, head) in before.items()}
    stored = []
    for event in fresh:
        organization_id, decoded = event.organization_id, event.decoded
        last[organization_id] += 1
        stored.append(
            StoredEvent(
                organization_id=organization_id,
                epoch=before[organization_id][0],
                seq=last[organization_id],
                instance=decoded.instance,
                event=decoded.event,
                sender=decoded.sender,
                date_time=decoded.date_time,
                occurred_at=decoded.occurred_at,
                received_at=decoded.received_at,
                origin=decoded.origin.value,
                data=decoded.data,
                extra=decoded.extra,
            )
        )
    return stored


def _row(event: StoredEvent) -> tuple[Any, ...]:
    """The columns of `events`, in the table's order."""
    return (
        event.organization_id,
        event.seq,
        event.instance,
        event.event,
        event.sender,
        event.date_time,
        event.occurred_at,
        event.received_at,
        event.origin,
        len(event.data) + len(event.extra or b""),
        None if event.extra is None else event.extra.decode(),
        event.data.decode(),
    )
