"""The link journal over REST: whose it is, how it is filtered and paged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.support.rest_client import Caller, code
from tests.support.rest_house import ON_EACH_DATABASE
from tests.support.tenant_desk import TenantDesk

from ponteio.eventlog.journal_buffer import JournalBuffer
from ponteio.model.journal import JournalKind, JournalNote
from ponteio.model.rights import Role

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
LOGS = "/api/logs"


async def kept(here: TenantDesk, *notes: tuple[JournalKind, str | None, str | None]) -> None:
    """Entries of (kind, owner, instance), a minute apart."""
    buffer = JournalBuffer()
    for number, (kind, owner, instance) in enumerate(notes):
        at = NOW + timedelta(minutes=number)
        buffer.add(JournalNote(kind, at, owner, "main", instance, "off", "why", "Because.", 1, 2, 3.5))
    drafts = buffer.take(1_000)
    buffer.written(drafts, await here.desk.services.journal.write(drafts))


async def told(caller: Caller, query: str = "") -> list[str]:
    entries = (await caller.get(f"{LOGS}?{query}")).json()["entries"]
    return [f"{one['kind']} {one['instance']}" for one in entries]


@ON_EACH_DATABASE
async def test_everybody_sees_their_own(here: TenantDesk) -> None:
    """I4: an organization its own instances and the global link's ups and downs, a narrowed key its instance's."""
    acme, rival = here.acme.organization_id, here.rival.organization_id
    await kept(
        here,
        (JournalKind.LINK_LOST, acme, "loja-01"),
        (JournalKind.LINK_LOST, acme, "loja-02"),
        (JournalKind.LINK_LOST, rival, "loja-03"),
        (JournalKind.LINK_CONNECTED, None, None),
        (JournalKind.LINK_OFF, None, "nobodys"),
    )
    assert await told(here.desk.acme) == ["link.connected None", "link.lost loja-02", "link.lost loja-01"]
    assert await told(here.desk.rival) == ["link.connected None", "link.lost loja-03"]
    assert await told(here.acme.keys["narrowed"].caller) == ["link.connected None", "link.lost loja-01"]
    assert len(await told(here.desk.operator)) == 5
    for query in ("instance=loja-03", "instance=nobodys", "server=other"):
        assert await told(here.desk.acme, query) == []
    (one,) = (await here.desk.acme.get(f"{LOGS}?instance=loja-01")).json()["entries"]
    assert one | {"id": 0} == {
        "id": 0,
        "at": "2026-11-24T03:00:00.000Z",
        "last_at": "2026-11-24T03:00:00.000Z",
        "count": 1,
        "kind": "link.lost",
        "server": "main",
        "instance": "loja-01",
        "organization": acme,
        "state": "off",
        "reason": "why",
        "detail": "Because.",
        "attempts": 1,
        "reconnects": 2,
        "duration_s": 3.5,
        "gap": None,
    }


async def test_filters_and_pages(here: TenantDesk) -> None:
    acme, caller = here.acme.organization_id, here.desk.acme
    kinds = (JournalKind.LINK_LOST, JournalKind.GAP_OPENED, JournalKind.LINK_CONNECTED, JournalKind.GAP_CLOSED)
    await kept(here, *((kind, acme, "loja-01") for kind in kinds))
    assert await told(caller, "kind=gap.*") == ["gap.closed loja-01", "gap.opened loja-01"]
    assert await told(caller, "kind=gap.opened&kind=link.lost") == ["gap.opened loja-01", "link.lost loja-01"]
    assert await told(caller, "since=2026-11-24T03:02:00Z") == ["gap.closed loja-01", "link.connected loja-01"]
    assert await told(caller, "until=2026-11-24T03:01:00Z") == ["link.lost loja-01"]
    first = (await caller.get(f"{LOGS}?limit=3")).json()
    second = (await caller.get(f"{LOGS}?limit=3&before={first['next_before']}")).json()
    assert [one["kind"] for one in (*first["entries"], *second["entries"])] == [kind.value for kind in kinds[::-1]]
    assert second["next_before"] is None
    for wrong in ("kind=nonsense", "since=yesterday", "since=2026-11-24T03:02:00", "before=0", "limit=501"):
        assert code(await caller.get(f"{LOGS}?{wrong}")) == "invalid_request"


async def test_who_acts_for_nobody_sees_nothing(here: TenantDesk) -> None:
    await kept(here, (JournalKind.LINK_LOST, here.acme.organization_id, "loja-01"))
    viewer = here.acme.people[Role.VIEWER]
    await here.desk.services.memberships.remove(here.acme.organization_id, here.acme.ids["viewer_id"])
    answer = await viewer.caller.get(LOGS)
    assert (answer.status_code, code(answer)) == (403, "forbidden")
