"""Which links are wanted, for every mixture of modes, wishes by hand and owners."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.identity import Instance
from ponteio.model.link import LinkTarget
from ponteio.upstream.link_wishes import wanted_links

SERVER = "main"
ROOT = LinkTarget(SERVER)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def target(name: str) -> LinkTarget:
    return LinkTarget(SERVER, name)


def instance(name: str, owner: str | None = "org_a", *, removed: bool = False, server: str = SERVER) -> Instance:
    return Instance(f"id-{name}", server, name, owner, removed_at=LONG_AGO if removed else None)


HOUSE = [
    instance("owned"),
    instance("other", "org_b"),
    instance("nobodys", None),
    instance("removed", removed=True),
    instance("elsewhere", server="second"),
]


def wanted(
    *, global_events: bool, intents: dict[LinkTarget, bool] | None = None, enabled: bool = True
) -> set[str | None]:
    found = wanted_links(
        server_id=SERVER, enabled=enabled, global_events=global_events, intents=intents or {}, instances=HOUSE
    )
    return {each.instance for each in found}


def test_global_mode_wants_the_root_alone() -> None:
    assert wanted(global_events=True) == {None}


def test_traditional_mode_wants_each_owned_instance_that_is_still_there() -> None:
    assert wanted(global_events=False) == {"owned", "other"}


@pytest.mark.parametrize(
    ("global_events", "intents", "expected"),
    [
        (True, {ROOT: False}, set()),
        (True, {ROOT: True}, {None}),
        (True, {target("owned"): True}, {None, "owned"}),
        (True, {target("owned"): False}, {None}),
        (False, {ROOT: True}, {None, "owned", "other"}),
        (False, {ROOT: False}, {"owned", "other"}),
        (False, {target("owned"): False}, {"other"}),
        (False, {target("nobodys"): True}, {"owned", "other", "nobodys"}),
        (False, {target("never seen"): True}, {"owned", "other", "never seen"}),
        (False, {target("removed"): True}, {"owned", "other"}),
        (True, {target("removed"): True}, {None}),
        (False, {LinkTarget("second", "elsewhere"): True}, {"owned", "other"}),
    ],
)
def test_what_was_done_by_hand_goes_before_the_mode(
    global_events: bool, intents: dict[LinkTarget, bool], expected: set[str | None]
) -> None:
    assert wanted(global_events=global_events, intents=intents) == expected


@pytest.mark.parametrize("global_events", [True, False])
def test_nothing_is_wanted_where_websocket_is_switched_off(global_events: bool) -> None:
    assert wanted(global_events=global_events, intents={ROOT: True, target("owned"): True}, enabled=False) == set()


NAMES = st.sampled_from(["a", "b", "c"])
TARGETS = st.none() | NAMES


@given(
    global_events=st.booleans(),
    intents=st.dictionaries(TARGETS, st.booleans()),
    owned=st.dictionaries(NAMES, st.sampled_from([None, "org_a"])),
    removed=st.sets(NAMES),
)
def test_hands_decide_unless_the_instance_is_gone(
    global_events: bool, intents: dict[str | None, bool], owned: dict[str, str | None], removed: set[str]
) -> None:
    instances = [instance(name, owner, removed=name in removed) for name, owner in owned.items()]
    found = wanted_links(
        server_id=SERVER,
        enabled=True,
        global_events=global_events,
        intents={LinkTarget(SERVER, name): by_hand for name, by_hand in intents.items()},
        instances=instances,
    )
    for name in (None, "a", "b", "c"):
        is_gone = name in owned and name in removed
        by_mode = global_events if name is None else not global_events and owned.get(name) is not None
        assert (LinkTarget(SERVER, name) in found) == (not is_gone and intents.get(name, by_mode))
