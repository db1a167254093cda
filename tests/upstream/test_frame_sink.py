"""The sink's contract fits the queue that the house has."""

from __future__ import annotations

from tests.support.list_sink import ListSink

from ponteio.pipeline import FrameQueue
from ponteio.upstream.frame_sink import FrameSink


async def test_the_houses_queue_and_the_tests_list_are_sinks() -> None:
    sinks: list[FrameSink] = [FrameQueue(), ListSink()]
    assert not any(sink.is_full for sink in sinks)
