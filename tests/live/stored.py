"""Committed events for tests of parts that never touch a database."""

from __future__ import annotations

from datetime import UTC, datetime

from ponteio.model.event import StoredEvent

AT = datetime(2026, 11, 23, 14, 46, 13, 999_000, UTC)
EPOCH = "0123abcd"


def stored(
    seq: int, *, instance: str = "one", event: str = "messages.upsert", data: bytes = b"{}", epoch: str = EPOCH
) -> StoredEvent:
    return StoredEvent(
        organization_id="org",
        epoch=epoch,
        seq=seq,
        instance=instance,
        event=event,
        sender=None,
        date_time=None,
        occurred_at=AT,
        received_at=AT,
        origin="live",
        data=data,
    )
