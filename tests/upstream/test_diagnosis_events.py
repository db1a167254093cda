"""What arrives: verdicts over given records and answers. The whole is in test_diagnosis.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from tests.support.diagnosis_rig import Answer, Given, always, answering, said

from ponteio.model.identity import Instance
from ponteio.model.link import Gap, GapKind, LinkState, LinkStatus, LinkTarget
from ponteio.outbound.http_client import HttpAnswer
from ponteio.upstream import diagnosis_events as arriving
from ponteio.upstream.diagnosis_records import Seen, SeenEvent

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OWN, ROOT, OTHER = LinkTarget("main", "a"), LinkTarget("main"), LinkTarget("main", "b")
OWNED = Instance("ins_1", "main", "a", "org_1")


def clock() -> datetime:
    return NOW


def gap(kind: GapKind, ago: timedelta, target: LinkTarget = OWN) -> Gap:
    return Gap(target, kind, NOW - ago, NOW - ago)


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ((), "ok:fit"),
        ((gap(GapKind.OVERSIZE, timedelta(hours=30)), gap(GapKind.LINK_DOWN, timedelta(0))), "ok:fit"),
        ((gap(GapKind.OVERSIZE, timedelta(hours=2), OTHER),), "ok:fit"),
        ((gap(GapKind.OVERSIZE, timedelta(hours=2)),), "warn:oversize"),
        ((gap(GapKind.OVERSIZE, timedelta(hours=2), ROOT),), "warn:oversize"),
    ],
)
async def test_frames_that_were_too_large(gaps: tuple[Gap, ...], expected: str) -> None:
    async with answering(always(200), records=Given(Seen(True, gaps=gaps)), clock=clock) as walk:
        assert said(await arriving.frames(walk)) == expected


@pytest.mark.parametrize(
    ("minutes", "expected"), [((1, 2), "ok:steady"), ((1, 2, 3), "warn:breaking"), ((1, 2, 90), "ok:steady")]
)
async def test_links_that_break_again_and_again(minutes: tuple[int, ...], expected: str) -> None:
    gaps = tuple(gap(GapKind.LINK_DOWN, timedelta(minutes=each)) for each in minutes)
    async with answering(always(200), records=Given(Seen(True, gaps=gaps)), clock=clock) as walk:
        assert said(await arriving.stability(walk)) == expected


async def test_without_records_nothing_is_claimed() -> None:
    async with answering(always(200)) as walk:
        assert said(await arriving.frames(walk)) == "skipped:unknown"
        assert said(await arriving.stability(walk)) == "skipped:unknown"
        assert said(await arriving.link(walk)) == "skipped:unknown"


@pytest.mark.parametrize(
    ("state", "reason", "blocked", "expected"),
    [
        (LinkState.CONNECTED, None, {}, "ok:connected"),
        (LinkState.OFF, "too_many_links", {}, "fail:limit"),
        (LinkState.OFF, None, {}, "warn:off"),
        (LinkState.NAMESPACE_PENDING, None, {}, "ok:pending"),
        (LinkState.UNLINKABLE, None, {}, "ok:pending"),
        (LinkState.AUTH_FAILED, None, {"key": "key"}, "skipped:cause"),
        (LinkState.CONNECTING, None, {}, "warn:waiting"),
    ],
)
async def test_the_gateways_own_link(
    state: LinkState, reason: str | None, blocked: dict[str, str], expected: str
) -> None:
    def status_of(target: LinkTarget) -> LinkStatus:
        return LinkStatus(target, state, NOW, reason=reason)

    async with answering(always(200), records=Given(Seen(True, OWNED)), status_of=status_of) as walk:
        walk.blocked |= blocked
        assert said(await arriving.link(walk)) == expected


def _row(**row: object) -> Answer:
    return always(200, json=row)


ALL = sorted(arriving.DELIVERABLE)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (_row(enabled=True, events=ALL), "ok:all"),
        (_row(enabled=True, events=[each for each in ALL if each not in arriving.MANAGERS_LACK]), "warn:manager"),
        (_row(enabled=True, events=["CALL"]), "warn:missing"),
        (_row(enabled=True, events=[]), "fail:off"),
        (_row(enabled=False, events=[]), "fail:off"),
        (always(200, content=b"null"), "fail:never_set"),
        (always(200, content=b""), "fail:never_set"),
        (always(500, json={}), "fail:failed"),
    ],
)
async def test_the_list_of_events(answer: Answer, expected: str) -> None:
    async with answering(answer) as walk:
        assert said(await arriving.events(walk)) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (frozenset({"CALL", "GROUP_UPDATE"}), "ok:all"),
        (frozenset({"CALL", "MESSAGES_SET"}), "warn:missing"),
        (None, "warn:missing"),
    ],
)
async def test_what_was_chosen_is_what_is_wanted(wanted: frozenset[str] | None, expected: str) -> None:
    async def desired(_instance: Instance) -> frozenset[str] | None:
        return wanted

    records = Given(Seen(True, OWNED))
    async with answering(_row(enabled=True, events=["CALL"]), records=records, desired=desired) as walk:
        assert said(await arriving.events(walk)) == expected


def test_the_manager_has_26_of_31_names() -> None:
    assert len(arriving.MANAGERS_LACK) == 5
    assert arriving.MANAGERS_LACK <= arriving.DELIVERABLE


@pytest.mark.parametrize(
    ("total", "found", "age_s", "expected"),
    [
        (7, 1, 60, "ok:on"),
        (7, 0, 60, "warn:off"),
        (7, 0, 1, "ok:on"),
        (0, 0, None, "skipped:unknown"),
        (3, 0, None, "ok:on"),
    ],
)
async def test_whether_messages_are_kept(total: int, found: int, age_s: int | None, expected: str) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        count = found if b'"id"' in request.content else total
        return httpx2.Response(200, json={"messages": {"total": count}})

    at = NOW - timedelta(seconds=age_s or 0)
    events = () if age_s is None else (SeenEvent("messages.upsert", None, at, "M1"), SeenEvent("call", None, at, None))
    async with answering(answer, records=Given(Seen(True, OWNED, events)), clock=clock) as walk:
        assert said(await arriving.saving(walk)) == expected


@pytest.mark.parametrize("answer", [always(500, json={}), always(200, json={"messages": []}), always(200, json=[])])
async def test_a_search_that_fails_is_no_verdict(answer: Answer) -> None:
    async with answering(answer) as walk:
        assert said(await arriving.saving(walk)) == "skipped:failed"


@pytest.mark.parametrize(
    ("kept", "now", "expected"),
    [
        (None, None, "skipped:unknown"),
        (True, None, "warn:exposed"),
        (False, None, "ok:none"),
        (True, False, "ok:none"),
        (None, True, "warn:exposed"),
    ],
)
async def test_keys_in_events(
    kept: bool | None, now: bool | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "LISTEN_S", 0.01)
    async with answering(always(200), records=Given(Seen(True, OWNED, exposes_key=kept))) as walk:
        walk.ear.namespaces["/a"].exposes_key = now
        assert said(await arriving.keys_exposed(walk)) == expected


def _told(skew_s: float, date: str | None = None) -> HttpAnswer:
    told = format_datetime(NOW + timedelta(seconds=skew_s), usegmt=True) if date is None else date
    return HttpAnswer(200, "", b"", date=told)


@pytest.mark.parametrize(
    ("page", "event", "expected", "minutes"),
    [
        (_told(0), None, "ok:right", None),
        (_told(-20), None, "ok:right", None),
        (_told(90), None, "warn:wrong", None),
        (_told(0), timedelta(hours=-3, seconds=2), "ok:right", -180),
        (_told(0), timedelta(hours=5, minutes=45), "ok:right", 345),
        (_told(0), timedelta(hours=-3, seconds=100), "warn:wrong", -180),
        (None, timedelta(seconds=1), "ok:right", None),
        (_told(0, "nonsense"), None, "skipped:untold", None),
        (_told(0, "Tue, 24 Nov 2026 12:00:00"), None, "ok:right", None),
        (None, None, "skipped:untold", None),
    ],
)
async def test_clocks(page: HttpAnswer | None, event: timedelta | None, expected: str, minutes: int | None) -> None:
    stored: tuple[SeenEvent, ...] = ()
    if event is not None:
        wall = (NOW + event).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        stored = (SeenEvent("call", wall, NOW, None), SeenEvent("call", None, NOW, None))[::-1]
    async with answering(always(200), records=Given(Seen(True, OWNED, stored)), clock=clock) as walk:
        walk.start_page, walk.start_page_at = page, NOW
        found = await arriving.clock(walk)
    if minutes is None:
        assert said(found) == expected
        assert "clock.zone" not in found.evidence
    else:
        assert f"{found.verdict}:" in expected + ":"
        assert found.values["minutes"] == minutes


async def test_times_that_are_heard_now_count_too() -> None:
    async with answering(always(200), records=Given(), clock=clock) as walk:
        walk.ear.namespaces["/a"].times.append((NOW - timedelta(hours=3), NOW))
        found = await arriving.clock(walk)
    assert found.values["minutes"] == -180
