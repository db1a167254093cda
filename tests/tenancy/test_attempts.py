from __future__ import annotations

import pytest

from ponteio.model.outcome import LOGIN_THROTTLED, RefusalError
from ponteio.tenancy.attempts import WINDOW_MIN, Attempts, Count


def _retry_after_s(attempts: Attempts, *counts: Count) -> int:
    with pytest.raises(RefusalError) as caught:
        attempts.add(*counts)
    assert caught.value.outcome is LOGIN_THROTTLED
    found = caught.value.extra["retry_after_s"]
    assert isinstance(found, int)
    return found


def test_a_full_count_says_when_to_come_back_and_others_go_on() -> None:
    attempts, one, other = Attempts(), Count("account", "ana", 2), Count("account", "bob", 2)
    attempts.add(one, other)
    attempts.add(one)
    assert 0 < _retry_after_s(attempts, one) <= WINDOW_MIN * 60
    attempts.add(other)
    attempts.add(Count("address", "ana", 2))


def test_what_comes_after_a_full_count_is_not_counted() -> None:
    attempts, full, after = Attempts(), Count("both", "ana", 1), Count("account", "ana", 1)
    attempts.add(full)
    _retry_after_s(attempts, full, after)
    attempts.add(after)


def test_a_forgotten_count_begins_anew() -> None:
    attempts, one = Attempts(), Count("both", "ana", 1)
    attempts.add(one)
    attempts.forget(one)
    attempts.add(one)
    attempts.forget(Count("both", "nobody", 1))


def test_memory_does_not_grow_with_what_strangers_type() -> None:
    """I7: places are bounded, and no key is kept."""
    attempts = Attempts()
    for number in range(20_000):
        attempts.add(Count("both", f"stranger-{number}@b.co", 1_000))
    kept = attempts._limiter.storage.events  # type: ignore[attr-defined]
    assert len(kept) <= 2**14
    assert not any("stranger" in key for key in kept)
