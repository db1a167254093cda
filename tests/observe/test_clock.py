"""The wall clock."""

from __future__ import annotations

from datetime import UTC

from ponteio.observe.clock import utc_now


def test_now_is_aware_and_in_utc() -> None:
    assert utc_now().tzinfo is UTC
