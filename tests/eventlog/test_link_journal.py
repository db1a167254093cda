from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ponteio.eventlog import link_journal
from ponteio.eventlog.journal_buffer import JournalBuffer
from ponteio.eventlog.link_journal import JournalQuery, LinkJournal, kinds_of
from ponteio.model.filter import EventFilter
from ponteio.model.identity import OrganizationScope
from ponteio.model.journal import JournalEntry, JournalKind, JournalNote
from ponteio.storage.database import Database

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
ACME, RIVAL = OrganizationScope("org_acme"), OrganizationScope("org_rival")
LOST, BACK = JournalKind.LINK_LOST, JournalKind.LINK_CONNECTED


def note(kind: JournalKind = LOST, at_s: float = 0, **more: object) -> JournalNote:
    said = {"organization_id": "org_acme", "server_id": "main", "instance": "loja-01", **more}
    return JournalNote(kind, NOW + timedelta(seconds=at_s), **said)  # type: ignore[arg-type]


async def kept(journal: LinkJournal, *notes: JournalNote) -> None:
    buffer = JournalBuffer()
    for one in notes:
        buffer.add(one)
    while drafts := buffer.take(7):
        buffer.written(drafts, await journal.write(drafts))


def told(entries: list[JournalEntry]) -> list[str]:
    return [f"{entry.note.kind} {entry.note.instance}" for entry in entries]


async def test_entries_come_back_as_they_were_noted(database: Database) -> None:
    journal = LinkJournal(database)
    whole = note(
        instance="loja \x00\ud800",
        state="connecting",
        reason="transport_closed",
        detail="Gone.",
        attempts=3,
        reconnects=2,
        duration_s=1.5,
        gap_id=7,
    )
    await kept(journal, whole, note(BACK, 5))
    second, first = await journal.list(JournalQuery(), 10)
    assert (first.note, first.count, first.last_at) == (whole, 1, whole.at)
    assert second.entry_id > first.entry_id


async def test_many_at_once_keep_their_order_and_repeats_raise_their_row(database: Database) -> None:
    journal, buffer = LinkJournal(database), JournalBuffer()
    for number in range(300):
        buffer.add(note(LOST, number, instance=f"loja-{number:03}"))
    drafts = buffer.take(1_000)
    buffer.written(drafts, await journal.write(drafts))
    found = await journal.list(JournalQuery(), 500)
    assert [entry.note.instance for entry in reversed(found)] == [f"loja-{number:03}" for number in range(300)]
    for second in range(100):
        buffer.add(note(LOST, second))
        if second % 10 == 0:
            drafts = buffer.take(1_000)
            buffer.written(drafts, await journal.write(drafts))
    drafts = buffer.take(1_000)
    buffer.written(drafts, await journal.write(drafts))
    mine = await journal.list(JournalQuery(instance="loja-01"), 500)
    assert sum(entry.count for entry in mine) == 100
    assert len(mine) == 20
    assert mine[0].last_at == NOW + timedelta(seconds=99)


async def test_pages_hold_everything_once(database: Database) -> None:
    journal = LinkJournal(database)
    await kept(journal, *(note(LOST, number, instance=f"loja-{number}") for number in range(25)))
    for whose in (None, ACME):
        seen: list[int] = []
        before: int | None = None
        while True:
            query = JournalQuery(before=before)
            page = await (journal.list(query, 4) if whose is None else journal.list_of(whose, {"main"}, query, 4))
            seen += [entry.entry_id for entry in page]
            if len(page) < 4:
                break
            before = page[-1].entry_id
        assert len(seen) == len(set(seen)) == 25
        assert seen == sorted(seen, reverse=True)


async def test_filters_narrow(database: Database) -> None:
    journal = LinkJournal(database)
    await kept(
        journal,
        note(LOST, 0),
        note(BACK, 60),
        note(JournalKind.GAP_CLOSED, 61, reason="link_down"),
        note(LOST, 120, instance="loja-02"),
        note(LOST, 180, server_id="other", instance="loja-01"),
    )

    async def asked(**query: object) -> list[str]:
        return told(await journal.list(JournalQuery(**query), 10))  # type: ignore[arg-type]

    assert await asked(instance="loja-02") == ["link.lost loja-02"]
    assert await asked(server_id="other") == ["link.lost loja-01"]
    assert await asked(kinds=kinds_of(["gap.*", "link.connected"])) == ["gap.closed loja-01", "link.connected loja-01"]
    minute = NOW + timedelta(seconds=60)
    assert len(await asked(since=minute)) == 4
    assert await asked(until=minute) == ["link.lost loja-01"]


async def test_what_still_happens_counts_as_new(database: Database) -> None:
    journal = LinkJournal(database)
    await kept(journal, *(note(LOST, second) for second in range(0, 3_000, 100)))
    late = await journal.list(JournalQuery(since=NOW + timedelta(seconds=2_850)), 10)
    assert [entry.count for entry in late] == [11]


async def test_an_organization_sees_its_own_and_the_ups_and_downs_of_its_global_links(database: Database) -> None:
    """I4: nothing of another organization, nor what a global link's entries tell of one."""
    journal = LinkJournal(database)
    everybodys: dict[str, Any] = {"organization_id": None, "instance": None}
    await kept(
        journal,
        note(LOST),
        note(LOST, organization_id="org_rival", instance="loja-03"),
        note(LOST, organization_id=None, instance="loja-05"),
        note(LOST, **everybodys, detail="Evolution API could not be reached."),
        note(JournalKind.GAP_OPENED, **everybodys, reason="link_down"),
        note(JournalKind.GAP_CLOSED, **everybodys, reason="oversize"),
        note(LOST, **everybodys, server_id="other"),
        note(JournalKind.JOURNAL_DROPPED, **everybodys, server_id=None),
        note(JournalKind.LIMIT_REACHED, server_id=None, instance=None, reason="too_many_links"),
        note(JournalKind.LIMIT_REACHED, organization_id="org_rival", server_id=None, instance=None),
    )
    mine = told(await journal.list_of(ACME, {"main"}, JournalQuery(), 100))
    assert mine == ["limit.reached None", "gap.opened None", "link.lost None", "link.lost loja-01"]
    assert told(await journal.list_of(RIVAL, set(), JournalQuery(), 100)) == ["limit.reached None", "link.lost loja-03"]
    narrowed = replace(ACME, allowed=EventFilter.of(["loja-02"]))
    assert told(await journal.list_of(narrowed, {"main"}, JournalQuery(), 100)) == ["gap.opened None", "link.lost None"]
    assert told(await journal.list_of(ACME, {"main"}, JournalQuery(instance="loja-03"), 100)) == []
    assert told(await journal.list_of(ACME, {"main"}, JournalQuery(instance="loja-01"), 100)) == ["link.lost loja-01"]
    assert len(await journal.list(JournalQuery(), 100)) == 10


async def test_what_is_old_or_too_much_is_forgotten(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_journal, "MAX_OF_PLACE", 10)
    monkeypatch.setattr(link_journal, "PORTION", 7)
    journal = LinkJournal(database)
    many = [note(LOST, 60 * 60 * number, instance="flapping") for number in range(30)]
    everybodys = [note(LOST, 60 * 60 * number, instance=None, organization_id=None) for number in range(15)]
    await kept(journal, note(LOST, -1, instance="old"), note(LOST, 0, instance="young"), *many, *everybodys)
    assert await journal.prune(NOW) == 1 + 20 + 5
    assert await journal.prune(NOW) == 0
    left = await journal.list(JournalQuery(), 100)
    assert len(left) == 1 + 10 + 10
    newest = [entry.note.at for entry in left if entry.note.instance == "flapping"]
    assert newest == [one.at for one in reversed(many[-10:])]


def test_kinds_and_families() -> None:
    assert kinds_of(["link.lost"]) == ("link.lost",)
    assert kinds_of(["gap"]) == kinds_of(["gap.*"]) == ("gap.opened", "gap.closed")
    assert kinds_of([]) == ()
    for unknown in ("", "link.", "lost", "link.lost.*", "*"):
        with pytest.raises(ValueError, match="^" + unknown.replace("*", r"\*").replace(".", r"\.")):
            kinds_of([unknown])
