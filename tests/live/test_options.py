from __future__ import annotations

import dataclasses

from ponteio.live.options import LiveOptions


def test_no_limit_is_without_end() -> None:
    for name, value in dataclasses.asdict(LiveOptions()).items():
        if not isinstance(value, tuple):
            assert value > 0, name


def test_the_stated_memory_of_one_socket_is_that_of_its_numbers() -> None:
    options = LiveOptions()
    assert options.buffer_bytes + max(options.batch_bytes, options.event_bytes) == 512 * 1024
