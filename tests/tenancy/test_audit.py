from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from tests.support.log_world import NOON
from tests.support.machine_world import MachineWorld, TurnableClock

from ponteio.storage.database import Database
from ponteio.storage.tables import audit_log
from ponteio.tenancy.audit import MAX_PAGE, Action, Actor, AuditEntry, AuditLog
from ponteio.tenancy.identifiers import SECRET_PREFIXES, new_secret

ANA = Actor("session", "usr_1", "ana@example.com", "192.0.2.7")


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def audit(database: Database, clock: TurnableClock) -> AuditLog:
    return AuditLog(database, clock)


async def _detail_of(audit: AuditLog, detail: dict[str, Any]) -> Any:
    await audit.record(Action.KEY_MADE, ANA, detail=detail)
    return (await audit.list(None, limit=1))[0].detail


async def test_who_did_what_when_and_from_where(audit: AuditLog) -> None:
    await audit.record(Action.KEY_MADE, ANA, organization_id="org_a", target="key_1", detail={"scopes": ["admin"]})
    await audit.record(Action.KEYS_ROTATED, Actor("terminal"))
    newest, entry = await audit.list(None, limit=10)
    assert newest == AuditEntry(newest.audit_id, NOON, None, Actor("terminal"), Action.KEYS_ROTATED, None, None)
    assert (entry.at, entry.organization_id, entry.actor) == (NOON, "org_a", ANA)
    assert (entry.action, entry.target, entry.detail) == ("key.made", "key_1", {"scopes": ["admin"]})


async def test_an_organization_reads_its_own_entries_only(audit: AuditLog) -> None:
    """I4: neither another's nor the deployment's."""
    for owner in ("org_a", "org_b", None, "org_a"):
        await audit.record(Action.KEY_MADE, ANA, organization_id=owner)
    assert [entry.organization_id for entry in await audit.list("org_a", limit=10)] == ["org_a", "org_a"]
    assert len(await audit.list(None, limit=10)) == 4
    assert await audit.list("", limit=10) == []
    assert await audit.list("org_x", limit=10) == []


async def test_pages_go_back_without_holes(audit: AuditLog) -> None:
    for number in range(7):
        await audit.record(Action.KEY_MADE, ANA, organization_id="org_a", target=str(number))
        await audit.record(Action.KEY_MADE, ANA, organization_id="org_b")
    seen: list[str | None] = []
    before = None
    while page := await audit.list("org_a", limit=3, before=before):
        assert len(page) <= 3
        seen += [entry.target for entry in page]
        before = page[-1].audit_id
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


async def test_a_page_is_bounded(audit: AuditLog) -> None:
    await audit.record(Action.KEY_MADE, ANA)
    assert MAX_PAGE == 500
    assert len(await audit.list(None, limit=10**9)) == 1
    assert await audit.list(None, limit=0) == []
    assert await audit.list(None, limit=-1) == []


async def test_entries_can_be_looked_for_by_action(audit: AuditLog) -> None:
    await audit.record(Action.KEY_MADE, ANA, organization_id="org_a")
    await audit.record(Action.KEY_REVOKED, ANA, organization_id="org_a")
    found = await audit.list("org_a", limit=10, action=Action.KEY_REVOKED)
    assert [entry.action for entry in found] == ["key.revoked"]
    assert await audit.list("org_a", limit=10, action="nothing") == []


async def test_only_what_has_a_name_is_written_down(audit: AuditLog) -> None:
    with pytest.raises(ValueError, match="made up"):
        await audit.record("made up", ANA)
    assert await audit.list(None, limit=1) == []


def test_actions_are_written_as_thing_and_deed() -> None:
    """They are stored in rows: they may be added to, never changed."""
    assert all(re.fullmatch(r"[a-z_]+\.[a-z_]+", action) for action in Action)


@pytest.mark.parametrize("prefix", SECRET_PREFIXES)
async def test_a_secret_is_masked_wherever_it_stands(audit: AuditLog, database: Database, prefix: str) -> None:
    """I5: and what was done is written down all the same, so that nobody escapes the log by a name."""
    secret = new_secret(prefix)
    actor = Actor("key", "key_1", f"label {secret}", secret)
    detail = {"a": secret, "b": [{"c": f"x{secret}x"}], secret: 1, "d": (secret,), "e": {secret}}
    await audit.record(Action.KEY_MADE, actor, target=f"/{secret}", detail=detail)
    async with database.read() as connection:
        row = (await connection.execute(select(audit_log))).one()
    assert secret not in repr(row)
    assert secret[8:] not in repr(row)
    entry = (await audit.list(None, limit=1))[0]
    assert entry.target == f"/{secret[:8]}…"
    assert entry.detail is not None
    assert entry.detail["a"] == f"{secret[:8]}…"


async def test_a_signed_token_is_masked_too(audit: AuditLog, database: Database) -> None:
    """I5: it opens a socket for five minutes."""
    token = (await MachineWorld.make(database)).token()
    assert await _detail_of(audit, {"token": f"Bearer {token}"}) == {"token": f"Bearer {token[:8]}…"}


@pytest.mark.parametrize(
    "text",
    [
        "pnt_abcdefgh",
        "ana.maria@mail.example.com",
        "https://evo.example.com:8080/x",
        "key_0123456789abcdef01234567",
        "Zé",
    ],
)
async def test_what_only_looks_a_little_like_one_stays(audit: AuditLog, text: str) -> None:
    assert await _detail_of(audit, {"it": text}) == {"it": text}


async def test_long_texts_are_cut_and_large_details_left_out(audit: AuditLog) -> None:
    await audit.record(Action.KEY_MADE, Actor("key", "k", "x" * 999, "y" * 999), target="z" * 999)
    entry = (await audit.list(None, limit=1))[0]
    assert (entry.actor.label, entry.actor.address, entry.target) == ("x" * 256, "y" * 256, "z" * 256)
    assert await _detail_of(audit, {"it": "x" * 9_999}) == {"it": "x" * 256}
    large = await _detail_of(audit, {str(number): "x" * 256 for number in range(100)})
    assert set(large) == {"too_large"}


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(max_size=9), _json, max_size=3))
async def test_every_small_detail_comes_back(audit: AuditLog, detail: dict[str, Any]) -> None:
    assert await _detail_of(audit, detail) == detail


async def test_odd_texts_are_written_down_as_they_are(audit: AuditLog) -> None:
    odd = "\x00\ud800\r\n{}"
    await audit.record(Action.KEY_MADE, Actor("key", "k", odd, odd), target=odd, detail={odd: odd})
    entry = (await audit.list(None, limit=1))[0]
    assert (entry.actor.label, entry.actor.address, entry.target, entry.detail) == (odd, odd, odd, {odd: odd})


async def test_old_entries_are_forgotten_and_no_others(audit: AuditLog, clock: TurnableClock) -> None:
    for day in range(4):
        clock.now = NOON + timedelta(days=day)
        await audit.record(Action.KEY_MADE, ANA, target=str(day))
    assert await audit.prune(NOON + timedelta(days=2)) == 2
    assert [entry.target for entry in await audit.list(None, limit=10)] == ["3", "2"]
    assert await audit.prune(NOON) == 0


async def test_writing_raises_no_version(audit: AuditLog, database: Database) -> None:
    """A crowd of failed log-ins must not make every process read the directory anew."""
    world = await MachineWorld.make(database)
    before = await world.keys.version()
    await audit.record(Action.LOGIN_FAILED, Actor("session"))
    assert await world.keys.version() == before
