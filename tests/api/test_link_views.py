"""How link states are shown. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ponteio.api.link_views import count_links, instance_link, last_error, link_answer
from ponteio.model.link import LinkState, LinkStatus, LinkTarget

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OFF, CONNECTED, CONNECTING = LinkState.OFF, LinkState.CONNECTED, LinkState.CONNECTING
PENDING, UNREACHABLE = LinkState.NAMESPACE_PENDING, LinkState.UNREACHABLE


def own(state: LinkState, **more: object) -> LinkStatus:
    return LinkStatus(LinkTarget("main", "a"), state, NOW, **more)  # type: ignore[arg-type]


def shared(state: LinkState, **more: object) -> LinkStatus:
    return LinkStatus(LinkTarget("main"), state, NOW + timedelta(minutes=1), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("own_state", "shared_state", "mode", "state"),
    [
        (OFF, OFF, "none", OFF),
        (CONNECTED, OFF, "instance", CONNECTED),
        (PENDING, OFF, "instance", PENDING),
        (OFF, CONNECTED, "global", CONNECTED),
        (OFF, UNREACHABLE, "global", UNREACHABLE),
        (CONNECTED, CONNECTED, "both", CONNECTED),
        (PENDING, CONNECTED, "both", CONNECTED),
        (CONNECTED, UNREACHABLE, "both", CONNECTED),
        (PENDING, UNREACHABLE, "both", PENDING),
        (LinkState.UNLINKABLE, CONNECTED, "both", CONNECTED),
    ],
)
def test_an_instance_shows_the_link_that_hears_it(
    own_state: LinkState, shared_state: LinkState, mode: str, state: LinkState
) -> None:
    shown = instance_link(own(own_state), shared(shared_state), None)
    assert (shown.mode, shown.state) == (mode, state)


def test_the_last_event_is_the_instances_own_and_never_that_of_the_global_link() -> None:
    """I4: when the global link last heard something is news about others."""
    loud = shared(CONNECTED, last_event_at=NOW + timedelta(hours=9), events=9)
    assert instance_link(own(OFF), loud, None).last_event_at is None
    assert instance_link(own(OFF), loud, NOW).last_event_at == NOW
    later = NOW + timedelta(seconds=1)
    assert instance_link(own(CONNECTED, last_event_at=later), loud, NOW).last_event_at == later
    hidden = link_answer(loud, sees_all=False)
    assert (hidden.events, hidden.last_event_at) == (None, None)
    assert link_answer(loud, sees_all=True).events == 9
    assert link_answer(own(CONNECTED, events=3), sees_all=False).events == 3
    assert (hidden.server, hidden.instance) == ("main", None)


def test_links_are_counted_by_state() -> None:
    counts = count_links([own(CONNECTED), own(CONNECTED), own(PENDING)])
    assert (counts.total, counts.by_state) == (3, {CONNECTED: 2, PENDING: 1})
    assert count_links([]).total == 0


def test_the_last_error_is_the_newest_that_lasts() -> None:
    assert last_error([own(CONNECTED), shared(OFF, reason="operator")]) is None
    assert last_error([own(CONNECTING)]) is None
    trouble = last_error([own(PENDING, reason="invalid_namespace"), shared(UNREACHABLE, reason="dns_failed")])
    assert trouble is not None
    assert (trouble.server, trouble.instance, trouble.reason) == ("main", None, "dns_failed")
