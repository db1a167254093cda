from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.log_world import NOON

from ponteio.model.identity import Instance, InstanceChange, InstanceState
from ponteio.tenancy.instance_life import after_event, after_listing, first_seen, is_heard

_LATER = NOON + timedelta(hours=1)
_OWNED = Instance("ins_1", "main", "alpha", "org_a", "id-1", "BAILEYS", InstanceState.OPEN, NOON)
_REMOVED = replace(_OWNED, removed_at=NOON)
_PLANNED = Instance("ins_2", "main", "alpha", "org_a")

_changes = st.builds(
    InstanceChange,
    state=st.none() | st.sampled_from(InstanceState),
    reason=st.none() | st.integers(0, 600),
    upstream_id=st.sampled_from([None, "id-1", "id-2"]),
    integration=st.sampled_from([None, "BAILEYS", "BUSINESS"]),
    removed=st.booleans(),
)
_rows = st.builds(
    Instance,
    instance_id=st.just("ins_1"),
    server_id=st.just("main"),
    name=st.just("alpha"),
    organization_id=st.sampled_from([None, "org_a"]),
    upstream_id=st.sampled_from([None, "id-1", "id-2"]),
    state=st.sampled_from(InstanceState),
    removed_at=st.sampled_from([None, NOON]),
)


@given(_rows, _changes)
def test_a_namesake_never_inherits_the_owner(row: Instance, change: InstanceChange) -> None:
    """I4: another upstream id under the same name is another instance."""
    for life in (after_event, after_listing):
        after = life(row, change, _LATER)
        if row.upstream_id and after.upstream_id != row.upstream_id:
            assert after.organization_id is None
            assert after.instance_id != row.instance_id
        else:
            assert after.organization_id in (row.organization_id, None)


@given(_rows, _changes)
def test_the_same_report_again_changes_nothing(row: Instance, change: InstanceChange) -> None:
    for life in (after_event, after_listing):
        once = life(row, change, _LATER)
        again = life(once, change, _LATER + timedelta(hours=1))
        assert replace(again, instance_id="") == replace(once, instance_id="")


@given(_rows, _changes)
def test_an_event_never_brings_back_what_was_removed_with_its_owner(row: Instance, change: InstanceChange) -> None:
    """I4: a reconnect loop that outlives its instance speaks for nobody."""
    after = after_event(replace(row, removed_at=NOON), change, _LATER)
    assert after.removed_at is not None or after.organization_id is None


def test_a_new_name_has_no_owner() -> None:
    row = first_seen("main", "alpha", InstanceChange(InstanceState.OPEN, 200, "id-1", "BAILEYS"), NOON)
    assert row is not None
    assert replace(row, instance_id="ins_1", organization_id="org_a") == replace(_OWNED, reason=200)
    assert row.organization_id is None
    silent = first_seen("main", "alpha", InstanceChange(), NOON)
    assert silent is not None
    assert (silent.state, silent.state_at) == (InstanceState.UNKNOWN, None)
    assert first_seen("main", "alpha", InstanceChange(removed=True), NOON) is None


@pytest.mark.parametrize("life", [after_event, after_listing])
def test_state_and_reason_follow_the_reports(life: type) -> None:
    closed = life(_OWNED, InstanceChange(InstanceState.CLOSE, 401), _LATER)
    assert (closed.state, closed.state_at, closed.reason) == (InstanceState.CLOSE, _LATER, 401)
    same = life(closed, InstanceChange(InstanceState.CLOSE), _LATER + timedelta(hours=1))
    assert same == closed
    reopened = life(closed, InstanceChange(InstanceState.OPEN), _LATER)
    assert (reopened.state, reopened.reason) == (InstanceState.OPEN, None)
    assert life(_OWNED, InstanceChange(), _LATER) == _OWNED


def test_a_list_brings_a_removed_instance_back_under_its_own_id_only() -> None:
    assert after_listing(_REMOVED, InstanceChange(upstream_id="id-1"), _LATER) == _OWNED
    assert after_listing(_REMOVED, InstanceChange(upstream_id="id-2"), _LATER).organization_id is None
    assert after_listing(_REMOVED, InstanceChange(), _LATER).organization_id is None
    assert after_listing(_REMOVED, InstanceChange(removed=True), _LATER) == _REMOVED


def test_removal_is_stamped_once_and_is_not_that_of_a_namesake() -> None:
    removed = after_event(_OWNED, InstanceChange(removed=True), _LATER)
    assert removed == replace(_OWNED, removed_at=_LATER)
    assert after_event(_OWNED, InstanceChange(upstream_id="id-0", removed=True), _LATER) == _OWNED
    assert after_listing(_OWNED, InstanceChange(removed=True), _LATER) == removed


def test_what_was_given_away_before_it_exists_is_not_removed_by_a_list_without_it() -> None:
    assert after_listing(_PLANNED, InstanceChange(removed=True), _LATER) == _PLANNED
    born = after_listing(_PLANNED, InstanceChange(upstream_id="id-9"), _LATER)
    assert (born.organization_id, born.upstream_id) == ("org_a", "id-9")


def test_events_of_a_namesake_are_not_the_instances_own() -> None:
    """I4: neither those before our row knows of the change, nor those after the instance is gone."""
    assert is_heard(_OWNED, None)
    assert is_heard(_OWNED, InstanceChange(upstream_id="id-1"))
    assert not is_heard(_OWNED, InstanceChange(upstream_id="id-2"))
    assert is_heard(_PLANNED, InstanceChange(upstream_id="id-2"))
    assert not is_heard(_REMOVED, None)
    assert not is_heard(_REMOVED, InstanceChange(InstanceState.CONNECTING))
    assert is_heard(_REMOVED, InstanceChange(removed=True))
