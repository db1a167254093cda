from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from ponteio.api.policy_schemas import PolicyEntry, PolicyRequest, Preset
from ponteio.model.event_policy import PRESETS, EventPolicy


def test_every_preset_can_be_asked_for() -> None:
    assert set(get_args(Preset)) == set(PRESETS)


@pytest.mark.parametrize("policies", PRESETS.values())
def test_an_entry_says_what_the_policy_says(policies: tuple[EventPolicy, ...]) -> None:
    assert tuple(PolicyEntry.of(one).policy() for one in policies) == policies


def test_what_is_left_out_is_as_if_nothing_was_chosen() -> None:
    assert PolicyEntry(pattern="call").policy() == EventPolicy("call")


@pytest.mark.parametrize("body", [{}, {"policies": [], "preset": "all"}, {"policies": None, "preset": None}])
def test_either_a_list_or_a_preset(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PolicyRequest.model_validate(body)
    assert PolicyRequest.model_validate({"policies": []}).policies == []
