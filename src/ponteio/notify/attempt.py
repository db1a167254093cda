"""How one try to deliver something ended. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ponteio.model import outcome
from ponteio.model.outcome import RefusalError


class Ending(StrEnum):
    """The stable words for it."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    """It answered with a status that is no success."""
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    BAD_ANSWER = "bad_answer"
    """What answered does not speak HTTP, or says too much."""
    ADDRESS_REFUSED = "address_refused"
    """The address is private or otherwise out of bounds: not tried."""
    GONE = "gone"
    """It said that it will never take anything again."""
    TOO_LARGE = "too_large"
    UNREADABLE = "secret_unreadable"
    """The keys of this deployment do not open the channel's secrets."""
    NOT_INSTALLED = "not_installed"
    NO_DEVICE = "no_device"
    """Nobody whom the channel reaches has a device that takes pushes."""
    STOPPED = "stopped"
    """The channel was removed or switched off, or whoever it was for may not hear it any more."""
    EXPIRED = "expired"
    SPREAD = "spread"
    """It became one delivery for each device."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """`detail` is a sentence without secrets or content. `retry` says whether another try can help; not before
    `retry_after_s`, where the other side asked for that.
    """

    ending: Ending
    detail: str = ""
    status: int | None = None
    retry: bool = False
    retry_after_s: float | None = None

    @property
    def is_delivered(self) -> bool:
        return self.ending is Ending.DELIVERED

    @property
    def was_silent(self) -> bool:
        """Nobody answered: whoever else goes there would wait for nothing too."""
        return self.ending in (Ending.UNREACHABLE, Ending.TIMEOUT)


DELIVERED = Attempt(Ending.DELIVERED)

_BY_OUTCOME = {
    outcome.ADDRESS_REFUSED: (Ending.ADDRESS_REFUSED, False),
    outcome.SECRET_UNREADABLE: (Ending.UNREADABLE, True),
    outcome.UPSTREAM_TIMEOUT: (Ending.TIMEOUT, True),
    outcome.UPSTREAM_UNREACHABLE: (Ending.UNREACHABLE, True),
    outcome.UPSTREAM_BAD_ANSWER: (Ending.BAD_ANSWER, True),
}


def of_refusal(refusal: RefusalError) -> Attempt:
    """How a call that raised `refusal` ended."""
    ending, retry = _BY_OUTCOME.get(refusal.outcome, (Ending.REJECTED, False))
    return Attempt(ending, refusal.detail, retry=retry)


def of_status(status: int, retry_after_s: float | None = None) -> Attempt:
    """How a call ended that was answered with this HTTP status. 410 is for good; any other failure may be mended."""
    if 200 <= status < 300:
        return Attempt(Ending.DELIVERED, status=status)
    if status == 410:
        return Attempt(Ending.GONE, "It says that it takes nothing any more.", status)
    detail = f"It answered {status}."
    if 300 <= status < 400:
        detail = f"It answered {status}: redirects are not followed, enter the address that it leads to."
    return Attempt(Ending.REJECTED, detail, status, retry=True, retry_after_s=retry_after_s)
