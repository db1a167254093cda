from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.decode.catalogue import CATALOGUE
from ponteio.decode.instance_change import instance_change
from ponteio.model.identity import InstanceChange, InstanceState

REPORTING = [
    "connection.update",
    "status.instance",
    "logout.instance",
    "remove.instance",
    "instance.delete",
    "instance.create",
]


@pytest.mark.parametrize(("state", "reason"), [("open", 200), ("connecting", 200), ("close", 401), ("refused", 428)])
def test_connection_update_tells_the_state_and_its_reason(state: str, reason: int) -> None:
    data = {"instance": "wa1", "state": state, "statusReason": reason, "wuid": None}
    assert instance_change("connection.update", data) == InstanceChange(state=InstanceState(state), reason=reason)


@pytest.mark.parametrize("state", ["unknown", "OPEN", "", None, 1, ["open"], {"open": 1}])
def test_a_state_that_evolution_does_not_have_is_no_news(state: object) -> None:
    assert instance_change("connection.update", {"state": state, "statusReason": 200}) is None


@pytest.mark.parametrize("reason", [None, "401", True, -1, 2**31, 401.5, [401]])
def test_a_reason_that_is_no_code_is_left_out(reason: object) -> None:
    data = {"state": "close", "statusReason": reason}
    assert instance_change("connection.update", data) == InstanceChange(state=InstanceState.CLOSE)


def test_status_instance_is_a_close_for_good() -> None:
    data = {"instance": "wa1", "status": "closed", "disconnectionReasonCode": 401, "disconnectionObject": "{}"}
    assert instance_change("status.instance", data) == InstanceChange(state=InstanceState.CLOSE, reason=401)
    assert instance_change("status.instance", {"status": "opened"}) is None


def test_logout_closes_and_deletion_removes() -> None:
    assert instance_change("logout.instance", None) == InstanceChange(state=InstanceState.CLOSE)
    assert instance_change("remove.instance", None) == InstanceChange(removed=True)
    assert instance_change("instance.delete", {"instanceName": "a", "instanceId": "id-1"}) == InstanceChange(
        removed=True
    )


def test_creation_tells_evolutions_id() -> None:
    assert instance_change("instance.create", {"instanceName": "a", "instanceId": "id-1"}) == InstanceChange(
        upstream_id="id-1"
    )


@pytest.mark.parametrize("upstream_id", [None, "", 7, "x" * 256, "a\0b", ["id-1"]])
def test_an_id_that_cannot_be_one_is_no_news(upstream_id: object) -> None:
    assert instance_change("instance.create", {"instanceId": upstream_id}) is None


@pytest.mark.parametrize("event", [*sorted(set(CATALOGUE) - set(REPORTING)), "later.event"])
def test_other_events_are_no_news_about_the_instance(event: str) -> None:
    data = {"instanceId": "id-2", "state": "open", "status": "closed"}
    assert instance_change(event, data) is None
    assert instance_change(event, [data]) is None


@given(
    st.sampled_from(REPORTING),
    st.none()
    | st.integers()
    | st.text()
    | st.lists(st.dictionaries(st.text(), st.integers()))
    | st.dictionaries(
        st.sampled_from(["state", "statusReason", "status", "disconnectionReasonCode", "instanceId"]),
        st.none() | st.integers() | st.text() | st.lists(st.text()) | st.floats() | st.booleans(),
    ),
)
def test_hostile_shapes_are_survived(event: str, data: object) -> None:
    change = instance_change(event, data)
    if change is not None and change.reason is not None:
        assert 0 <= change.reason < 2**31
