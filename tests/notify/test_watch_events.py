from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from ponteio.model.alert import AlertRule, Condition, Maker, RuleTerms
from ponteio.model.event import StoredEvent
from ponteio.notify.watch_events import MAX_CONTENT, EventCounter

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SAID = {"message": {"conversation": "O boleto venceu"}}


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def counter(text: str, *, is_whole: bool = True, **terms: Any) -> EventCounter:
    made = RuleTerms(Condition.EVENT, filter=text, **{"for_s": 60, **terms})
    return EventCounter(AlertRule("org_acme", "alr_1", made, Maker("usr_1", False), NOW, NOW), NOW, is_whole=is_whole)


def event(seconds: float, data: Any = SAID, instance: str = "loja-01", name: str = "messages.upsert") -> StoredEvent:
    return StoredEvent(
        organization_id="org_acme",
        epoch="7f3a9c21",
        seq=1,
        instance=instance,
        event=name,
        sender=None,
        date_time=None,
        occurred_at=at(seconds),
        received_at=at(seconds),
        origin="live",
        data=orjson.dumps(data),
    )


def test_enough_matches_in_the_span_are_trouble_and_too_old_ones_none() -> None:
    counted = counter("event:messages.*", count=2)
    counted.take(event(0))
    counted.take(event(10, name="call"))
    assert counted.fault(at(20)) is None
    counted.take(event(30, instance="loja-02"))
    found = counted.fault(at(30))
    assert found is not None
    assert (found.since, found.instances, found.count) == (at(0), ("loja-01", "loja-02"), 2)
    assert counted.fault(at(59)) is not None
    assert counted.fault(at(60)) is None
    assert counted.fault(at(90)) is None
    counted.take(event(100))
    counted.take(event(101))
    again = counted.fault(at(101))
    assert again is not None
    assert again.count == 2, "what is long over is not counted on"


def test_only_the_instances_of_the_rule_count() -> None:
    counted = counter("event:messages.*", instances=("loja-02",))
    counted.take(event(0))
    assert counted.fault(at(0)) is None
    counted.take(event(0, instance="loja-02"))
    assert counted.fault(at(0)) is not None


def test_content_is_kept_only_where_somebody_chose_so_and_may() -> None:
    """I5: without the right to content a filter is no oracle, and no text is told."""
    told = counter("event:messages.*", include_content=True)
    told.take(event(0))
    assert told.content == "O boleto venceu"
    told.take(event(0, {"message": {"conversation": "x" * 10_000}}))
    assert len(told.content) == MAX_CONTENT
    kept = counter("event:messages.*")
    kept.take(event(0))
    assert kept.content == ""
    blind = counter('text:"boleto"', is_whole=False, include_content=True)
    blind.take(event(0))
    assert (blind.fault(at(0)), blind.content) == (None, "")
    metadata = counter("event:messages.*", is_whole=False, include_content=True)
    metadata.take(event(0))
    assert (metadata.fault(at(0)) is not None, metadata.content) == (True, "")


def test_pairing_codes_are_never_told() -> None:
    counted = counter("event:qrcode.updated", include_content=True)
    counted.take(event(0, {"qrcode": {"code": "2@secret"}}, name="qrcode.updated"))
    assert counted.fault(at(0)) is not None
    assert counted.content == ""
    asking = counter('data.qrcode.code:"2@secret"')
    asking.take(event(0, {"qrcode": {"code": "2@secret"}}, name="qrcode.updated"))
    assert asking.fault(at(0)) is None
