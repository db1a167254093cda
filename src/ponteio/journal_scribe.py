"""Puts what happens to links and instances into the link journal. Told in the loop, written off the corridor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from ponteio.eventlog.journal_buffer import HOUR, JournalBuffer
from ponteio.eventlog.link_journal import LinkJournal
from ponteio.foundation import Foundation
from ponteio.model.identity import Instance
from ponteio.model.journal import JournalKind, JournalNote
from ponteio.model.link import Gap, LinkState, LinkStatus, LinkTarget
from ponteio.observe.clock import utc_now
from ponteio.storage.errors import StorageError
from ponteio.switchboard import Switchboard
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.limit_notices import LimitNotice, LimitNotices
from ponteio.upstream.event_configuration import DriftNews

log = structlog.get_logger(__name__)

PORTION = 100
"""Entries of one transaction: the corridor waits behind it."""
PORTIONS = 10
"""Transactions of one look: more wait for the next, so that a storm leaves the database to events."""
FRESH = timedelta(minutes=1)

_OF_STATE = {
    LinkState.OFF: JournalKind.LINK_OFF,
    LinkState.CONNECTED: JournalKind.LINK_CONNECTED,
    LinkState.NAMESPACE_PENDING: JournalKind.LINK_PENDING,
    LinkState.CONNECTING: JournalKind.LINK_CONNECTING,
}
_OF_DRIFT = {
    "drifted": JournalKind.EVENTS_DRIFTED,
    "mended": JournalKind.EVENTS_MENDED,
    "mending_failed": JournalKind.EVENTS_MENDING_FAILED,
    "mending_stopped": JournalKind.EVENTS_MENDING_STOPPED,
}


class JournalScribe:
    """What it is told it notes at once, without waiting for anything and without raising; `write` is called again and
    again, and `close` once at the end.
    """

    def __init__(
        self,
        journal: LinkJournal,
        directory: Directory,
        buffer: JournalBuffer | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._journal = journal
        self._directory = directory
        self._buffer = JournalBuffer() if buffer is None else buffer
        self._clock = clock
        self._turned_at: dict[LinkTarget, datetime] = {}
        self._states: dict[str, tuple[object, ...]] = {}

    def link_changed(self, status: LinkStatus) -> None:
        """A link has another state, or another reason for it."""
        target, now = status.target, self._clock()
        turned_at = self._turned_at.get(target)
        is_up = status.state is LinkState.CONNECTED
        is_lost = status.state is LinkState.CONNECTING and status.reason is not None
        if is_up or is_lost or turned_at is None:
            self._turned_at[target] = now
        if status.state is LinkState.OFF:
            self._turned_at.pop(target, None)
        kind = JournalKind.LINK_LOST if is_lost else _OF_STATE.get(status.state, JournalKind.LINK_FAILED)
        self._buffer.add(
            JournalNote(
                kind=kind,
                at=now,
                organization_id=self._owner(target.server_id, target.instance),
                server_id=target.server_id,
                instance=target.instance,
                state=status.state.value,
                reason=status.reason,
                detail=status.detail,
                attempts=status.attempts,
                reconnects=status.reconnects,
                duration_s=None if turned_at is None else round((now - turned_at).total_seconds(), 3),
            )
        )

    def gap_changed(self, gap_id: int, gap: Gap) -> None:
        """A gap has opened, or has ended."""
        target, to_at = gap.target, gap.to_at
        self._buffer.add(
            JournalNote(
                kind=JournalKind.GAP_OPENED if to_at is None else JournalKind.GAP_CLOSED,
                at=self._clock(),
                organization_id=self._owner(target.server_id, target.instance),
                server_id=target.server_id,
                instance=target.instance,
                reason=gap.kind.value,
                # Of the global link it may speak of anybody's event.
                detail=None if target.is_global else gap.detail,
                duration_s=None if to_at is None else round((to_at - gap.from_at).total_seconds(), 3),
                gap_id=gap_id,
            )
        )

    def instances_changed(self, changed: Sequence[Instance]) -> None:
        """Instances have another state of their WhatsApp connection, or are gone."""
        for instance in changed:
            state = (instance.state, instance.reason, instance.removed_at is None)
            turned_at = instance.removed_at or instance.state_at
            # Other things of an instance change too, such as its owner.
            is_news = turned_at is not None and self._clock() - turned_at < FRESH
            if is_news and self._states.get(instance.instance_id) != state:
                self._states[instance.instance_id] = state
                self._buffer.add(self._of_instance(instance))

    def limit_reached(self, organization_id: str, notice: LimitNotice) -> None:
        """An organization has reached a limit."""
        self._buffer.add(
            JournalNote(JournalKind.LIMIT_REACHED, notice.last_at, organization_id=organization_id, reason=notice.code)
        )

    def drift_noticed(self, news: DriftNews) -> None:
        """What an instance sends differs from what was chosen, or something was done about it."""
        self._buffer.add(
            JournalNote(
                kind=_OF_DRIFT[news.kind],
                at=news.at,
                organization_id=news.instance.organization_id,
                server_id=news.instance.server_id,
                instance=news.instance.name,
                detail=news.detail,
            )
        )

    async def write(self) -> None:
        """What waits is in the journal, as far as one look may. Raises `StorageError`; then it still waits."""
        for _ in range(PORTIONS):
            drafts = self._buffer.take(PORTION)
            if not drafts:
                return
            self._buffer.written(drafts, await self._journal.write(drafts))

    async def prune(self, kept: timedelta) -> None:
        """What is older than `kept` is gone, and what is too much. Raises `StorageError`."""
        self._buffer.forget(self._clock() - HOUR)
        known = {instance.instance_id for instance in self._directory.all_instances()}
        self._states = {instance_id: state for instance_id, state in self._states.items() if instance_id in known}
        await self._journal.prune(self._clock() - kept)

    async def close(self) -> None:
        """What waits is written, if the database takes it."""
        try:
            while len(self._buffer):
                await self.write()
        except StorageError as error:
            log.warning("the link journal was not finished", error=type(error).__name__, count=len(self._buffer))

    def _of_instance(self, instance: Instance) -> JournalNote:
        return JournalNote(
            kind=JournalKind.INSTANCE_STATE if instance.removed_at is None else JournalKind.INSTANCE_REMOVED,
            at=self._clock(),
            organization_id=instance.organization_id,
            server_id=instance.server_id,
            instance=instance.name,
            state=instance.state.value,
            reason=None if instance.reason is None else str(instance.reason),
        )

    def _owner(self, server_id: str, name: str | None) -> str | None:
        instance = None if name is None else self._directory.find(server_id, name)
        return None if instance is None else instance.organization_id


def hire_scribe(base: Foundation, lines: Switchboard, notices: LimitNotices) -> JournalScribe:
    """A scribe that hears of everything but drift, which stations tell."""
    scribe = JournalScribe(base.journal, base.directory)
    lines.write_down(scribe)
    base.gaps.on_gap(scribe.gap_changed)
    notices.on_notice(scribe.limit_reached)
    return scribe
