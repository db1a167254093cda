"""A pause for a server that does not answer: it is spared, and so is everybody who would wait for it. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Breaker:
    """Opens after `failures` failures within `window_s`, for `pause_s`; then one call may try. `now` is of a clock that
    only goes forward, in seconds.
    """

    failures: int = 5
    window_s: float = 30.0
    pause_s: float = 30.0
    _failed_at: deque[float] = field(default_factory=deque)
    _open_until: float | None = None

    def may_call(self, now: float) -> bool:
        """Whether a call may be made now. Of those that come after the pause, the first alone: the others when it has
        succeeded, or after another pause.
        """
        if self._open_until is None:
            return True
        if now < self._open_until:
            return False
        self._open_until = now + self.pause_s
        return True

    def succeeded(self) -> None:
        """The server answered."""
        self._failed_at.clear()
        self._open_until = None

    def failed(self, now: float) -> None:
        """The server did not answer."""
        self._failed_at.append(now)
        while self._failed_at and self._failed_at[0] < now - self.window_s:
            self._failed_at.popleft()
        if self._open_until is not None or len(self._failed_at) >= self.failures:
            self._open_until = now + self.pause_s
