"""What was kept out, and when we were deaf: for the operator, and for whom it concerns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.rest_client import rest_desk
from tests.support.rest_house import SERVER

from ponteio.model import outcome
from ponteio.model.event import Refusal
from ponteio.model.link import Gap, GapKind, LinkTarget

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def refusal(number: int, instance: str | None, server: str = SERVER) -> Refusal:
    return Refusal(
        outcome=outcome.UNASSIGNED if instance else outcome.MALFORMED_JSON,
        frame_target=LinkTarget(server, instance),
        received_at=NOW + timedelta(seconds=number),
        detail="why",
        size=number,
        excerpt='{"a":1}',
        instance=instance,
        event="messages.upsert",
    )


async def test_the_operator_pages_through_the_quarantine(tmp_path: Path) -> None:
    """I6: what could not be taken leaves a row that a human can read."""
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        await desk.house.quarantine.put([refusal(number, "stray") for number in range(3)] + [refusal(3, None)])
        first = (await desk.operator.get("/api/quarantine?limit=3")).json()
        assert [row["size"] for row in first["refused"]] == [3, 2, 1]
        assert first["refused"][0]["code"] == "malformed_json"
        assert first["refused"][0]["link"] is None
        assert first["refused"][1] == {
            "id": first["refused"][1]["id"],
            "code": "unassigned",
            "detail": "why",
            "server": "main",
            "instance": "stray",
            "event": "messages.upsert",
            "link": "stray",
            "received_at": "2026-11-24T12:00:02.000Z",
            "size": 2,
            "excerpt": '{"a":1}',
        }
        second = (await desk.operator.get(f"/api/quarantine?limit=3&before={first['next_before']}")).json()
        assert [row["size"] for row in second["refused"]] == [0]
        assert second["next_before"] is None


async def test_the_summary_counts_by_code_server_and_instance(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        await desk.house.quarantine.put([refusal(1, "stray"), refusal(2, "stray"), refusal(3, None)])
        summary = (await desk.operator.get("/api/quarantine/summary")).json()
        assert summary["total"] == 3
        assert summary["counts"][0] == {
            "code": "unassigned",
            "server": "main",
            "instance": "stray",
            "count": 2,
            "last_received_at": "2026-11-24T12:00:02.000Z",
        }


async def test_what_nobody_owns_is_shown_with_what_it_sent(tmp_path: Path) -> None:
    """A namesake on another server, or one with an owner, is not counted with it."""
    async with rest_desk(tmp_path, instances=5, started=False) as desk:
        strays = [refusal(number, "loja-04") for number in range(2)] + [refusal(9, "loja-04", "other")]
        await desk.house.quarantine.put([*strays, refusal(3, "loja-01")])
        nobodys = (await desk.operator.get("/api/quarantine/instances")).json()["instances"]
        assert [(one["name"], one["server"], one["state"]) for one in nobodys] == [
            ("loja-04", "main", "open"),
            ("loja-05", "main", "open"),
        ]
        assert [(one["quarantined"], one["last_received_at"]) for one in nobodys] == [
            (2, "2026-11-24T12:00:01.000Z"),
            (0, None),
        ]
        for caller in (desk.acme, desk.rival):
            assert (await caller.get("/api/quarantine/instances")).status_code == 403


async def test_limits_of_pages(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        for query in ("limit=0", "limit=501", "before=0", "before=x", f"before={2**63}"):
            assert (await desk.operator.get(f"/api/quarantine?{query}")).status_code == 422
        for query in ("limit=0", "limit=501"):
            assert (await desk.operator.get(f"/api/gaps?{query}")).status_code == 422


async def test_an_organization_sees_gaps_of_its_own_and_when_the_global_link_was_down(tmp_path: Path) -> None:
    """I8: our blindness is shown to those whom it concerns, without what concerns others."""
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        later = NOW + timedelta(minutes=1)
        for target, kind in (
            (LinkTarget(SERVER, "loja-01"), GapKind.NAMESPACE_PENDING),
            (LinkTarget(SERVER, "loja-03"), GapKind.LINK_DOWN),
            (LinkTarget(SERVER), GapKind.LINK_DOWN),
            (LinkTarget(SERVER), GapKind.OVERSIZE),
        ):
            await desk.house.gaps.record(Gap(target, kind, NOW, later, "a detail"))
        everything = (await desk.operator.get("/api/gaps")).json()["gaps"]
        assert len(everything) == 4
        assert all(gap["detail"] == "a detail" for gap in everything)
        own = (await desk.acme.get("/api/gaps")).json()["gaps"]
        assert own == [
            {
                "server": "main",
                "instance": None,
                "kind": "link_down",
                "from_at": "2026-11-24T12:00:00.000Z",
                "to_at": "2026-11-24T12:01:00.000Z",
                "detail": None,
            },
            {
                "server": "main",
                "instance": "loja-01",
                "kind": "namespace_pending",
                "from_at": "2026-11-24T12:00:00.000Z",
                "to_at": "2026-11-24T12:01:00.000Z",
                "detail": "a detail",
            },
        ]
        assert len((await desk.acme.get("/api/gaps?limit=1")).json()["gaps"]) == 1


async def test_a_gap_that_lasts_has_no_end(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        await desk.house.gaps.open(LinkTarget(SERVER, "loja-01"), GapKind.LINK_DOWN, NOW)
        (gap,) = (await desk.acme.get("/api/gaps")).json()["gaps"]
        assert gap["to_at"] is None
