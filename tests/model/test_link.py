from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ponteio.model.link import Gap, GapKind, LinkState, LinkStatus, LinkTarget

AT = datetime(2026, 11, 23, 14, 46, tzinfo=UTC)


def test_the_global_link_listens_in_the_root_namespace() -> None:
    assert LinkTarget("main").is_global
    assert LinkTarget("main").namespace == "/"


@pytest.mark.parametrize("name", ["alpha", "Loja Centro", "ação", "a/b", "a?b", "a#b", "🙂", "a%20b"])
def test_the_namespace_of_an_instance_is_its_raw_name(name: str) -> None:
    target = LinkTarget("main", name)
    assert not target.is_global
    assert target.namespace == f"/{name}"


def test_a_target_is_a_key_by_server_and_exact_name() -> None:
    targets = {
        LinkTarget("main", "alpha"),
        LinkTarget("main", "alpha"),
        LinkTarget("main", "Alpha"),
        LinkTarget("b", "alpha"),
    }
    assert len(targets) == 3


def test_states_and_kinds_are_their_words_on_the_wire() -> None:
    assert {str(state) for state in LinkState} == {
        *("off", "connecting", "connected", "namespace_pending", "unreachable", "auth_failed"),
        *("upstream_disabled", "unlinkable"),
    }
    assert {str(kind) for kind in GapKind} == {"link_down", "namespace_pending", "oversize"}


def test_what_is_not_said_is_nothing_wrong() -> None:
    status = LinkStatus(LinkTarget("main"), LinkState.CONNECTED, AT)
    assert (status.attempts, status.reconnects, status.events, status.last_event_at) == (0, 0, 0, None)
    assert (status.reason, status.detail) == (None, None)
    assert Gap(LinkTarget("main"), GapKind.LINK_DOWN, AT).to_at is None
