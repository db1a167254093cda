from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model import outcome
from ponteio.model.outcome import Outcome, RefusalError
from ponteio.notify.attempt import DELIVERED, Attempt, Ending, of_refusal, of_status


@pytest.mark.parametrize(
    ("refused_with", "ending", "retry"),
    [
        (outcome.ADDRESS_REFUSED, Ending.ADDRESS_REFUSED, False),
        (outcome.SECRET_UNREADABLE, Ending.UNREADABLE, True),
        (outcome.UPSTREAM_TIMEOUT, Ending.TIMEOUT, True),
        (outcome.UPSTREAM_UNREACHABLE, Ending.UNREACHABLE, True),
        (outcome.UPSTREAM_BAD_ANSWER, Ending.BAD_ANSWER, True),
        (outcome.UPSTREAM_AUTH_FAILED, Ending.REJECTED, False),
    ],
)
def test_a_refused_call_ends_by_what_refused_it(refused_with: Outcome, ending: Ending, retry: bool) -> None:
    attempt = of_refusal(RefusalError(refused_with, "Why."))
    assert (attempt.ending, attempt.retry, attempt.detail) == (ending, retry, "Why.")


@given(st.integers(100, 599))
def test_only_success_is_success_and_only_410_is_for_good(status: int) -> None:
    attempt = of_status(status, 3.0)
    assert attempt.is_delivered is (200 <= status < 300)
    assert (attempt.ending is Ending.GONE) is (status == 410)
    assert attempt.retry is (not attempt.is_delivered and status != 410)
    assert attempt.status == status
    assert not attempt.was_silent


def test_a_redirect_says_what_to_do() -> None:
    assert "enter the address that it leads to" in of_status(301).detail
    assert "redirect" not in of_status(500).detail


def test_silence_is_told_from_an_answer() -> None:
    assert Attempt(Ending.TIMEOUT).was_silent
    assert Attempt(Ending.UNREACHABLE).was_silent
    assert not Attempt(Ending.BAD_ANSWER).was_silent
    assert DELIVERED.is_delivered
