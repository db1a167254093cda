"""What was kept, as a diagnosis reads it; and the watch over frames."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.list_sink import ListSink
from tests.support.rest_house import SERVER, rest_house

from ponteio.model.event import RawFrame
from ponteio.model.link import Gap, GapKind, LinkTarget
from ponteio.upstream.diagnosis_records import READ_EVENTS, FrameWatch, KeptRecords, NoRecords, Seen

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def frame(envelope_end: str, instance: str | None = "a") -> RawFrame:
    payload = f'["messages.upsert",{{"event":"messages.upsert","data":{{}},{envelope_end}}}]'
    return RawFrame(LinkTarget(SERVER, instance), payload.encode(), (), NOW)


@pytest.mark.parametrize(
    ("end", "exposes"),
    [
        ('"apikey":null', False),
        ('"apikey":"Apikey not found"', False),
        ('"apikey":"B6D711FC"', True),
        (f'"apikey":"EAAG{"x" * 300}"', True),
        ('"sender":"x"', False),
    ],
)
def test_a_frame_with_a_token_is_noticed_and_handed_on(end: str, exposes: bool) -> None:
    sink = ListSink()
    watch = FrameWatch(sink)
    assert watch.exposes_key(SERVER, "a") is None
    watch.accept(frame(end))
    assert watch.exposes_key(SERVER, "a") is exposes
    assert watch.exposes_key(SERVER, "b") is None
    assert len(sink.frames) == 1
    assert (watch.is_full, watch.oldest_at) == (sink.is_full, sink.oldest_at)


def test_the_root_counts_where_the_instance_has_no_link() -> None:
    watch = FrameWatch(ListSink())
    watch.accept(frame('"apikey":"B6D711FC"', None))
    assert watch.exposes_key(SERVER, "a") is True
    watch.accept(frame('"apikey":null', "a"))
    assert watch.exposes_key(SERVER, "a") is False


def test_the_watch_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ponteio.upstream.diagnosis_records._MOST_TARGETS", 2)
    watch = FrameWatch(ListSink())
    for name in ("a", "b", "c"):
        watch.accept(frame('"apikey":"B6D711FC"', name))
    assert [watch.exposes_key(SERVER, name) for name in ("a", "b", "c")] == [None, True, True]


def test_room_is_passed_on() -> None:
    told: list[str] = []
    FrameWatch(ListSink()).when_room(lambda: told.append("room"))
    assert told in ([], ["room"])


async def test_what_was_kept_is_read_for_the_instance_alone(tmp_path: Path) -> None:
    async with rest_house(tmp_path, started=False) as house:
        scope = await house.organization("acme", "loja-01", "loja-02")
        await house.gaps.record(Gap(LinkTarget(SERVER, "loja-01"), GapKind.OVERSIZE, NOW, NOW))
        for number in range(READ_EVENTS + 5):
            await house.store(scope, "loja-01", "messages.upsert", b'{"key":{"id":"M%d"}}' % number)
        await house.store(scope, "loja-02", "messages.upsert", b'{"key":{"id":"other"}}')
        await house.store(scope, "loja-01", "presence.update", b'{"key":{"id":"none"}}')
        await house.store(scope, "loja-01", "send.message", b"[]")
        records = KeptRecords(house.directory, house.gaps, house.log)
        seen = await records.seen(SERVER, "loja-01")
        assert (seen.is_kept, len(seen.events), len(seen.gaps), seen.exposes_key) == (True, READ_EVENTS, 1, None)
        assert [each.message_id for each in seen.events[-3:]] == [f"M{READ_EVENTS + 4}", None, None]
        assert seen.instance is not None
        assert await records.is_stored(SERVER, "loja-01", f"M{READ_EVENTS + 4}")
        assert not await records.is_stored(SERVER, "loja-01", "other")
        assert not await records.is_stored(SERVER, "nobody", "M1")
        assert (await records.seen(SERVER, "loja-03")).events == ()
        assert (await records.seen(SERVER, "nobody")).instance is None
        assert (await records.seen(SERVER, None)).gaps == seen.gaps
        assert (await KeptRecords(house.directory, house.gaps).seen(SERVER, "loja-01")).events == ()


async def test_without_records_nothing_is_known() -> None:
    assert await NoRecords().seen(SERVER, "a") == Seen()
    assert not await NoRecords().is_stored(SERVER, "a", "M1")
