"""Requests in a minute: the counters alone, and as callers meet them."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.rest_client import Caller, RestDesk, code, rest_desk

from ponteio.api import rate_limits
from ponteio.api.rate_limits import FAILURE_COST, WINDOW_S, RateLimits
from ponteio.listener import Listener, bind
from ponteio.model.outcome import RATE_LIMITED, RefusalError


class Clock:
    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


steps = st.lists(st.tuples(st.floats(0, 200), st.integers(1, 8)), min_size=1, max_size=60)


@given(st.integers(1, 12), steps, st.floats(0, 1_000_000))
def test_no_more_than_the_limit_fits_into_a_minute(limit: int, calls: list[tuple[float, int]], start: float) -> None:
    clock = Clock(start)
    limits = RateLimits(clock)
    taken: deque[tuple[int, int]] = deque()
    for wait_s, cost in calls:
        clock.now += wait_s
        quota = limits.count("x", limit, "a", cost)
        assert 0 <= quota.left <= limit
        assert quota.reset_s >= 1
        if not quota.is_exceeded:
            taken.append((int(clock.now // WINDOW_S), min(cost, limit)))
    for minute in {at for at, _ in taken}:
        assert sum(cost for at, cost in taken if at == minute) <= limit


@given(st.integers(1, 12), steps, st.integers(1, 12))
def test_whoever_waits_as_long_as_told_is_let_in(limit: int, calls: list[tuple[float, int]], cost: int) -> None:
    clock = Clock()
    limits = RateLimits(clock)
    for wait_s, taken in calls:
        clock.now += wait_s / 10
        limits.count("x", limit, "a", taken)
    quota = limits.count("x", limit, "a", cost)
    if quota.is_exceeded:
        assert quota.reset_s <= 2 * WINDOW_S
        clock.now += quota.reset_s
        assert not limits.count("x", limit, "a", cost).is_exceeded


def test_the_window_slides() -> None:
    clock = Clock(59.0)
    limits = RateLimits(clock)
    assert limits.take("x", 4, "a", cost=4).left == 0
    clock.now = 61.0  # two seconds later another minute has begun, and nothing is forgiven yet
    assert limits.count("x", 4, "a").is_exceeded
    clock.now = 75.0  # a quarter has left the window
    assert not limits.count("x", 4, "a").is_exceeded
    assert limits.count("x", 4, "a").is_exceeded
    clock.now = 180.0
    assert limits.take("x", 4, "a").left == 3


def test_a_refusal_says_how_long_to_wait_and_is_not_counted() -> None:
    clock = Clock()
    limits = RateLimits(clock)
    limits.take("x", 1, "a")
    for _ in range(5):
        with pytest.raises(RefusalError) as caught:
            limits.take("x", 1, "a")
        assert caught.value.outcome is RATE_LIMITED
        assert caught.value.extra == {"retry_after_s": 120}
    clock.now = 120.0
    assert limits.take("x", 1, "a").left == 0


def test_callers_and_names_do_not_share() -> None:
    limits = RateLimits(Clock())
    for name, who in (("x", "a"), ("x", "b"), ("y", "a")):
        assert not limits.count(name, 1, who).is_exceeded
        assert limits.count(name, 1, who).is_exceeded


def test_zero_allows_nothing() -> None:
    quota = RateLimits(Clock()).count("x", 0, "a")
    assert (quota.is_exceeded, quota.left) == (True, 0)
    assert quota.reset_s >= 1


def test_more_than_the_limit_at_once_is_as_much_as_the_limit() -> None:
    limits = RateLimits(Clock())
    assert not limits.count("x", 3, "a", cost=100).is_exceeded
    assert limits.count("x", 3, "a").is_exceeded


def test_a_flood_from_everywhere_costs_bounded_memory_and_two_minutes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MOST_COUNTED", 100)
    clock = Clock()
    limits = RateLimits(clock)
    limits.take("x", 5, "early")
    for minute in range(3):
        clock.now = minute * WINDOW_S
        for number in range(1_000):
            limits.count("x", 5, f"{minute} {number}")
        assert len(limits) <= 2 * 101
    # Who was there before is counted alone; newcomers share one counter.
    assert limits.count("x", 5, "2 0").left == 3
    assert limits.count("x", 5, "one more").is_exceeded
    clock.now += 2 * WINDOW_S
    limits.count("x", 5, "later")
    assert len(limits) == 1


def test_headers_are_structured_fields() -> None:
    quota = RateLimits(Clock(30.0)).take("credential", 600, "a")
    assert quota.headers() == [
        (b"ratelimit-policy", b'"credential";q=600;w=60'),
        (b"ratelimit", b'"credential";r=599;t=90'),
    ]


# As callers meet them.


def left(answer: httpx2.Response) -> int:
    return int(answer.headers["ratelimit"].split("r=")[1].split(";")[0])


async def test_every_answer_to_somebody_known_says_what_is_left(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        for caller, limit in ((desk.acme, 600), (desk.operator, 1_200)):
            for number, path in enumerate(("/api/instances", "/api/instances/nobody", "/api/events?limit=x")):
                answer = await caller.get(path)
                assert answer.headers["ratelimit-policy"] == f'"credential";q={limit};w=60'
                assert left(answer) == limit - 1 - number
        for path in ("/api/instances", "/healthz", "/openapi.json"):
            assert "ratelimit" not in (await desk.nobody.get(path)).headers


async def test_over_one_connection_nobody_is_told_what_another_has_left(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        listener = Listener(desk.app, bind("127.0.0.1", 0), {})
        await listener.open()
        async with httpx2.AsyncClient(base_url=listener.url) as client:
            for _ in range(2):
                for key, limit in ((desk.api_keys[0], 600), (desk.api_keys[2], 1_200)):
                    answer = await client.get("/api/instances", headers={"apikey": key})
                    assert answer.headers["ratelimit-policy"] == f'"credential";q={limit};w=60'
                assert "ratelimit" not in (await client.get("/api/instances")).headers
        await listener.close()


async def test_a_credential_has_its_organization_s_limit_and_its_organization_hears_of_it(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        here = desk.acme_scope.organization_id
        another = await desk.caller(here)
        await desk.house.directory.set_limits(here, {"requests_per_minute": 2})
        for _ in range(2):
            assert (await desk.acme.get("/api/instances")).status_code == 200
        answer = await desk.acme.get("/api/instances")
        assert (answer.status_code, code(answer), left(answer)) == (429, "rate_limited", 0)
        assert answer.headers["retry-after"] == str(answer.json()["retry_after_s"])
        assert (await another.get("/api/instances")).status_code == 200
        assert (await desk.rival.get("/api/instances")).status_code == 200
        (notice,) = desk.services.notices.of(here)
        assert (notice.code, notice.count) == ("rate_limited", 1)
        assert desk.services.notices.of(desk.rival_scope.organization_id) == []


async def test_an_organization_that_may_ask_nothing_is_told_so(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        await desk.house.directory.set_limits(desk.acme_scope.organization_id, {"requests_per_minute": 0})
        assert code(await desk.acme.get("/api/instances")) == "rate_limited"


def from_address(desk: RestDesk, address: str) -> None:
    transport = httpx2.ASGITransport(app=desk.app, client=(address, 1))
    desk.client = httpx2.AsyncClient(transport=transport, base_url="http://gateway")


async def test_an_address_is_limited_before_anybody_is_known(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False, web={"requests_per_address": 3}) as desk:
        from_address(desk, "2001:db8:0:1::1")
        for path in ("/nope", "/openapi.json", "/api/instances"):
            await desk.nobody.get(path)
        from_address(desk, "2001:db8:0:1:ffff::2")  # the same site
        for caller in (desk.nobody, desk.acme):
            answer = await caller.get("/api/instances")
            assert (answer.status_code, code(answer)) == (429, "rate_limited")
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.headers["ratelimit-policy"] == '"address";q=3;w=60'
        for path in ("/healthz", "/readyz"):
            assert (await desk.nobody.get(path)).status_code == 200
        from_address(desk, "2001:db8:0:2::1")
        assert (await desk.acme.get("/api/instances")).status_code == 200
        assert desk.house.counters.total("requests_refused.rate_limited") == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"apikey": "pnt_" + "A" * 43},
        {"Authorization": "Bearer eyJh.eyJp.x"},
        {"Authorization": "Bearer guess"},
        {"Cookie": "ponteio=pns_" + "A" * 43},
    ],
)
async def test_keys_are_not_to_be_guessed(tmp_path: Path, headers: dict[str, str]) -> None:
    async with rest_desk(tmp_path, instances=3, started=False, web={"requests_per_address": 5 * FAILURE_COST}) as desk:
        told = []
        for number in range(30):
            from_address(desk, f"2001:db8:0:1::{number}")  # a site has as many addresses as it likes
            told.append(code(await desk.nobody.get("/api/instances", headers=headers)))
        assert told[:5] == ["auth_invalid"] * 5
        assert set(told[5:]) == {"rate_limited"}


async def test_one_time_links_are_not_to_be_guessed(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False, web={"requests_per_address": 5 * FAILURE_COST}) as desk:
        bodies = {
            "/api/invitations/look": {},
            "/api/invitations/accept": {"password": "correct horse battery", "email": "a@b.example"},
            "/api/account/reset": {"password": "correct horse battery"},
        }
        told = []
        for _ in range(5):
            for path, body in bodies.items():
                answer = await desk.nobody.post(path, json={"token": "pni_" + "A" * 43, **body})
                told.append(code(answer))
        assert told[:5] == ["invitation_invalid"] * 5
        assert set(told[5:]) == {"rate_limited"}


async def test_a_caller_without_a_credential_is_no_guesser(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False, web={"requests_per_address": FAILURE_COST}) as desk:
        for _ in range(FAILURE_COST):
            assert code(await Caller(desk, None).get("/api/instances")) == "auth_required"
