"""How many events, of what and when, with the times at which we were deaf."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.api.test_events_routes import talked
from tests.support.rest_client import Caller, RestDesk, code, rest_desk
from tests.support.rest_house import ON_EACH_DATABASE

from ponteio.api.event_count_routes import CHOSEN_STEPS, MOST_STEPS, STEPS_S, fitting_step
from ponteio.model.event import utc_text
from ponteio.model.link import Gap, GapKind, LinkTarget

FACETS, HISTOGRAM = "/api/events/facets", "/api/events/histogram"
HOUR = timedelta(hours=1)


@pytest.fixture
async def desk(tmp_path: Path, database_url: str) -> AsyncIterator[RestDesk]:
    async with rest_desk(tmp_path, instances=3, started=False, database_url=database_url) as opened:
        await talked(opened)
        await opened.house.store(opened.acme_scope, "loja-01", "call", b"{}")
        yield opened


async def asked(caller: Caller, path: str, **params: str) -> dict[str, Any]:
    answer = await caller.get(path, params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def counted(found: dict[str, Any], name: str) -> dict[str, int]:
    return {one["value"]: one["count"] for one in found[name]}


@ON_EACH_DATABASE
async def test_values_with_their_counts(desk: RestDesk) -> None:
    found = await asked(desk.acme, FACETS)
    assert counted(found, "instances") == {"loja-01": 7, "loja-02": 6}
    assert counted(found, "events") == {"messages.upsert": 12, "call": 1}
    assert counted(found, "origins") == {"live": 13}
    assert (found["count"], found["complete"]) == (13, True)
    few = await asked(desk.acme, FACETS, limit="1")
    assert few["instances"] == [{"value": "loja-01", "count": 7}]
    assert few["count"] == 13


@ON_EACH_DATABASE
async def test_values_within_a_filter_and_a_time(desk: RestDesk) -> None:
    found = await asked(desk.acme, FACETS, filter="text:boleto", since="1h")
    assert (counted(found, "instances"), found["count"]) == ({"loja-02": 2, "loja-01": 2}, 4)
    assert (await asked(desk.acme, FACETS, since="30d", until="2h"))["count"] == 0
    assert (await asked(desk.acme, FACETS, filter="inst:loja-03"))["count"] == 0
    assert (await asked(desk.rival, FACETS))["count"] == 1


@ON_EACH_DATABASE
async def test_density_over_time(desk: RestDesk) -> None:
    found = await asked(desk.acme, HISTOGRAM, since="1h", step="60")
    assert (found["step_s"], sum(found["counts"]), found["complete"]) == (60, 13, True)
    assert len(found["counts"]) in (60, 61)
    since = datetime.fromisoformat(found["since"])
    assert datetime.fromisoformat(found["until"]) - since == timedelta(minutes=len(found["counts"]))
    boleto = await asked(desk.acme, HISTOGRAM, filter="text:boleto", since="1h")
    assert sum(boleto["counts"]) == 4
    assert boleto["step_s"] == 30
    week = await asked(desk.acme, HISTOGRAM)
    assert (week["step_s"], sum(week["counts"])) == (3_600, 13)


async def test_whoever_may_not_see_content_cannot_count_it(desk: RestDesk) -> None:
    """I5: counts are no oracle either."""
    _, secret = await desk.house.keys.create(desk.acme_scope.organization_id, "m", metadata_only=True)
    blind = Caller(desk, secret)
    assert (await asked(blind, FACETS, filter="text:boleto"))["count"] == 0
    assert sum((await asked(blind, HISTOGRAM, filter="text:boleto"))["counts"]) == 0


async def test_gaps_of_ones_own_links_are_laid_in(desk: RestDesk) -> None:
    """I8: and never another organization's, nor what was on the link of all."""
    now = datetime.now(UTC)
    for instance, kind in (
        ("loja-01", GapKind.LINK_DOWN),
        ("loja-02", GapKind.OVERSIZE),
        ("loja-03", GapKind.LINK_DOWN),
        (None, GapKind.LINK_DOWN),
        (None, GapKind.OVERSIZE),
    ):
        await desk.house.gaps.record(Gap(LinkTarget("main", instance), kind, now - HOUR, now - HOUR / 2, "detail"))
    await desk.house.gaps.record(Gap(LinkTarget("main", "loja-01"), GapKind.LINK_DOWN, now - 5 * HOUR, now - 4 * HOUR))
    found = await asked(desk.acme, HISTOGRAM, since="2h")
    assert {(gap["instance"], gap["kind"], gap["detail"]) for gap in found["gaps"]} == {
        ("loja-01", "link_down", "detail"),
        ("loja-02", "oversize", "detail"),
        (None, "link_down", None),
    }
    one = await asked(desk.acme, HISTOGRAM, since="2h", filter="inst:loja-02 text:boleto")
    assert {gap["instance"] for gap in one["gaps"]} == {"loja-02", None}
    assert [gap["instance"] for gap in (await asked(desk.rival, HISTOGRAM, since="2h"))["gaps"]].count("loja-03") == 1


async def test_a_key_that_may_not_see_links_is_shown_no_gaps(desk: RestDesk) -> None:
    from ponteio.model.rights import KeyScope

    now = datetime.now(UTC)
    await desk.house.gaps.record(Gap(LinkTarget("main", "loja-01"), GapKind.LINK_DOWN, now - HOUR, now))
    organization_id = desk.acme_scope.organization_id
    _, secret = await desk.house.keys.create(organization_id, "r", scopes=frozenset({KeyScope.EVENTS_READ}))
    reader = Caller(desk, secret)
    may = (await reader.get("/api/instances")).status_code == 200
    assert bool((await asked(reader, HISTOGRAM))["gaps"]) is may


REFUSED: list[tuple[str, dict[str, str], int, str]] = [
    (FACETS, {"since": "nonsense"}, 422, "invalid_request"),
    (FACETS, {"since": "1h text:x"}, 422, "invalid_request"),
    (FACETS, {"since": ""}, 422, "invalid_request"),
    (FACETS, {"since": "1h", "until": "2h"}, 422, "invalid_request"),
    (FACETS, {"limit": "0"}, 422, "invalid_request"),
    (FACETS, {"filter": "colour:red"}, 400, "invalid_filter"),
    (FACETS, {"step": "5"}, 422, "invalid_request"),
    (HISTOGRAM, {"step": "0"}, 422, "invalid_request"),
    (HISTOGRAM, {"since": "7d", "step": "60"}, 422, "invalid_request"),
    (HISTOGRAM, {"until": "5h,6h"}, 422, "invalid_request"),
]


async def test_what_is_refused(desk: RestDesk) -> None:
    for path, params, status, expected in REFUSED:
        answer = await desk.acme.get(path, params=params)
        assert (answer.status_code, code(answer)) == (status, expected), params
    assert code(await desk.operator.get(FACETS)) == "organization_only"


async def test_moments_are_taken_as_well_as_ages(desk: RestDesk) -> None:
    since = utc_text(datetime.now(UTC) - HOUR)
    found = await asked(desk.acme, HISTOGRAM, since=since, step="3600")
    assert sum(found["counts"]) == 13


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=40_000)))
def test_a_chosen_step_is_a_known_one_and_gives_few_enough(span: timedelta) -> None:
    step = fitting_step(span)
    assert span.total_seconds() / step <= CHOSEN_STEPS < MOST_STEPS
    assert step in STEPS_S or step % 86_400 == 0
    smaller = [each for each in STEPS_S if each < step]
    assert not smaller or span.total_seconds() / smaller[-1] > CHOSEN_STEPS
