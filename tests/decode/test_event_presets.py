from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.decode.catalogue import CONFIG_NAMES
from ponteio.decode.event_presets import (
    EVENT_NAMES,
    KINDS,
    PRESETS,
    UNKNOWN_TO_MANAGER,
    choice_of,
    config_names,
    wire_name,
)
from ponteio.model.outcome import INVALID_REQUEST, RefusalError
from ponteio.simulator.state import EVENT_NAMES as EVOLUTIONS_NAMES


def test_the_names_are_those_that_evolution_takes() -> None:
    assert set(EVENT_NAMES) == CONFIG_NAMES == set(EVOLUTIONS_NAMES)
    assert len(EVENT_NAMES) == 31
    assert len(EVENT_NAMES) - len(UNKNOWN_TO_MANAGER) == 26
    assert set(EVENT_NAMES) > UNKNOWN_TO_MANAGER


@given(st.sets(st.sampled_from(EVENT_NAMES)), st.sampled_from(["wire", "config", "hyphens", "dots", "lower"]))
def test_every_spelling_means_the_same(names: set[str], spelling: str) -> None:
    spellings: dict[str, Callable[[str], str]] = {
        "wire": lambda name: KINDS[name].name,
        "config": str,
        "hyphens": lambda name: name.replace("_", "-").lower() if name == "CALL" else name,
        "dots": lambda name: KINDS[name].name.upper(),
        "lower": str.lower,
    }
    found = config_names(spellings[spelling](name) for name in names)
    assert set(found) == names
    assert list(found) == [name for name in EVENT_NAMES if name in names]


def test_the_odd_ones() -> None:
    assert config_names(["groups.update", "GROUPS_UPDATE", "GROUP_UPDATE"]) == ("GROUP_UPDATE",)
    assert config_names(["group-participants.update"]) == ("GROUP_PARTICIPANTS_UPDATE",)
    assert config_names(["typebot.change-status"]) == ("TYPEBOT_CHANGE_STATUS",)
    assert wire_name("GROUP_UPDATE") == "groups.update"
    assert wire_name("MESSAGING_HISTORY_SET") is None


def test_presets_grow_from_the_minimum_to_all() -> None:
    minimum, support, audit = (set(PRESETS[name].events) for name in ("minimum", "support", "audit"))
    assert {"CONNECTION_UPDATE", "QRCODE_UPDATED", "MESSAGES_UPSERT", "SEND_MESSAGE", "MESSAGES_UPDATE"} <= minimum
    assert minimum < audit < support < set(PRESETS["all"].events)
    assert PRESETS["all"].events == EVENT_NAMES
    for name in ("minimum", "support", "audit"):
        assert all(KINDS[one].emitted and KINDS[one].reaches_namespace for one in PRESETS[name].events)


def test_a_choice_is_a_preset_or_a_list() -> None:
    assert choice_of("all", None).wants_all
    assert not choice_of(None, EVENT_NAMES).wants_all
    assert choice_of("minimum", None, keep=True).keep
    assert choice_of(None, ["call", "CALL"]).events == ("CALL",)


@pytest.mark.parametrize(
    ("preset", "events"),
    [(None, None), ("all", ["call"]), ("everything", None), (None, []), (None, ["new.jwt"]), (None, ["call", ""])],
)
def test_what_is_no_choice_is_refused(preset: str | None, events: list[str] | None) -> None:
    with pytest.raises(RefusalError) as caught:
        choice_of(preset, events)
    assert caught.value.outcome is INVALID_REQUEST
