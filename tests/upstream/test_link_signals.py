"""The alphabet of the link machine is complete and made of values."""

from __future__ import annotations

import typing

import pytest

from ponteio.upstream import link_signals as signals
from ponteio.upstream.link_failure import CONNECTION_LOST


def test_signals_are_values_that_compare_and_hash() -> None:
    assert signals.Lost(CONNECTION_LOST) == signals.Lost(CONNECTION_LOST)
    assert signals.SetTimer(1.0) != signals.SetTimer(2.0)
    assert len({signals.Wanted(), signals.Wanted(), signals.Unwanted()}) == 2


@pytest.mark.parametrize("union", [signals.Happening, signals.Command])
def test_every_signal_is_frozen(union: object) -> None:
    for kind in typing.get_args(union):
        assert kind.__dataclass_params__.frozen, kind


def test_every_signal_is_a_happening_or_a_command() -> None:
    named = {value for value in vars(signals).values() if hasattr(value, "__dataclass_params__")}
    listed = {*typing.get_args(signals.Happening), *typing.get_args(signals.Command)}
    assert {each for each in named if each.__module__ == signals.__name__} == listed
