"""What steps share, and that a walk without an instance says so."""

from __future__ import annotations

import pytest
from tests.support.diagnosis_rig import subject

from ponteio.model.diagnosis import Asked, Verdict
from ponteio.model.link import LinkTarget
from ponteio.upstream.diagnosis_walk import Walk, fail, finding, ok, skipped, warn


async def test_the_target_is_the_link_of_the_mode() -> None:
    assert Walk(subject("http://evo"), Asked("a")).target == LinkTarget("main", "a")
    assert Walk(subject("http://evo", global_events=True), Asked("a")).target == LinkTarget("main")
    with pytest.raises(LookupError):
        _ = Walk(subject("http://evo"), Asked()).name


async def test_an_added_server_is_changed_over_rest() -> None:
    values = Walk(subject("http://evo", is_from_environment=False, server_id="srv_1"), Asked()).values
    assert values == {"url_setting": "url (PATCH /api/servers/srv_1)", "key_setting": "key (PATCH /api/servers/srv_1)"}


def test_a_finding_belongs_to_the_step_before_the_dot() -> None:
    assert [make("tcp.open").verdict for make in (ok, warn, fail, skipped)] == [
        Verdict.OK,
        Verdict.WARN,
        Verdict.FAIL,
        Verdict.SKIPPED,
    ]
    assert ok("tcp.open").step == "tcp"
    assert finding(Verdict.SKIPPED, "any.no_time", step="tls").step == "tls"
