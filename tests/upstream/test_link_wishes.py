"""Which links are wanted, for every mixture of modes, wishes by hand and owners."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.identity import Instance
from ponteio.model.link import LinkTarget
from ponteio.upstream.link_wishes import LinkLedger, wanted_links, within_limits

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


# Limits.

OWNERS = st.sampled_from([None, "org_a", "org_b"])
PLACES = st.builds(LinkTarget, st.sampled_from(["main", "second"]), TARGETS)
WISHES = st.dictionaries(PLACES, OWNERS)
LIMITS = st.fixed_dictionaries({"org_a": st.integers(0, 4), "org_b": st.integers(0, 4)})


@given(wishes=WISHES, limits=LIMITS, order=st.randoms())
def test_each_owner_gets_the_first_by_name_and_nobody_pays_for_another(
    wishes: dict[LinkTarget, str | None], limits: dict[str, int], order: random.Random
) -> None:
    allowed = within_limits(wishes, limits.__getitem__)
    shuffled = list(wishes.items())
    order.shuffle(shuffled)
    assert within_limits(dict(shuffled), limits.__getitem__) == allowed
    for owner, limit in limits.items():
        mine = sorted(
            (one for one in wishes if wishes[one] == owner and not one.is_global),
            key=lambda one: (one.server_id, one.namespace),
        )
        assert [one for one in mine if one in allowed] == mine[:limit]
    assert {one for one in wishes if one.is_global or wishes[one] is None} <= allowed


@given(wishes=WISHES, more=PLACES, limits=LIMITS)
def test_what_is_allowed_stays_when_something_later_is_wanted(
    wishes: dict[LinkTarget, str | None], more: LinkTarget, limits: dict[str, int]
) -> None:
    before = within_limits(wishes, limits.__getitem__)
    later = LinkTarget("second", f"z{more.instance}")
    assert before <= within_limits({**wishes, later: "org_a"}, limits.__getitem__)
    raised = {owner: limit + 1 for owner, limit in limits.items()}
    assert before <= within_limits(wishes, raised.__getitem__)


class Office:
    """Two servers with one ledger; `told` is who was told to look again."""

    def __init__(self, limit: int) -> None:
        self.ledger = LinkLedger(lambda _owner: limit)
        self.told: list[str] = []
        for server in ("main", "second"):
            self.ledger.join(server, lambda server=server: self.told.append(server))  # type: ignore[misc]

    def ask(self, server: str, *names: str | None) -> list[str | None]:
        wanted: dict[LinkTarget, str | None] = {LinkTarget(server, name): "org_a" for name in names}
        allowed = self.ledger.allowed(server, wanted)
        assert all(one.server_id == server for one in allowed)
        return sorted((one.instance for one in allowed), key=str)


def test_servers_share_the_limit_and_hear_of_each_other() -> None:
    office = Office(limit=2)
    assert office.ask("second", "x", "y", "z") == ["x", "y"]
    assert office.told == ["main"]
    assert office.ask("second", "x", "y", "z") == ["x", "y"]
    assert office.told == ["main"]
    assert office.ask("main", "b") == ["b"]
    assert office.told == ["main", "second"]
    assert office.ask("second", "x", "y", "z") == ["x"]
    assert office.told == ["main", "second"]
    office.ledger.leave("main")
    assert office.told == ["main", "second", "second"]
    assert office.ask("second", "x", "y", "z") == ["x", "y"]
    assert office.told == ["main", "second", "second"]


def test_the_global_link_counts_for_nobody() -> None:
    office = Office(limit=0)
    assert office.ask("main", None, "a") == [None]


def test_who_never_wanted_anything_leaves_in_silence() -> None:
    office = Office(limit=1)
    office.ledger.leave("main")
    office.ledger.leave("nowhere")
    assert office.told == []
