"""`/api/logs`: what happened to links and instances, on one timeline."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, Field

from ponteio.api.authentication import READING, Needs, Services, visible_instances
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.problems import errors
from ponteio.api.schemas import Moment
from ponteio.eventlog.link_journal import JournalQuery, kinds_of
from ponteio.model import outcome
from ponteio.model.identity import Principal
from ponteio.model.journal import JournalEntry, JournalKind
from ponteio.model.outcome import RefusalError
from ponteio.model.rights import Right

router = APIRouter(prefix="/api/logs", tags=["logs"], route_class=GuardedRoute)

Reader = Annotated[Principal, Needs(Right.INSTANCES_READ)]


class LogEntry(BaseModel):
    """One thing that happened. When the same happened again and again, `count` says how often, and `last_at` when it
    last did; `detail`, `attempts` and `duration_s` are then those of the last time.
    """

    id: int
    at: Moment
    last_at: Moment
    count: int
    kind: JournalKind
    server: str | None = Field(description="Null where no Evolution server is meant, such as for a limit.")
    instance: str | None = Field(description="Null for the global link.")
    organization: str | None = Field(description="Whose it was then; null: nobody's, or of a global link.")
    state: str | None = Field(description="Where the link or the instance stood from then on.")
    reason: str | None = Field(description="A stable code; for instances Evolution's own number.")
    detail: str | None
    attempts: int | None = Field(description="Dials since the link was last connected.")
    reconnects: int | None
    duration_s: float | None = Field(description="How long what ended had lasted.")
    gap: int | None = Field(description="The gap that opened or closed.")


class LogsAnswer(BaseModel):
    """The newest first. `next_before` continues with older ones; null at the end."""

    entries: list[LogEntry]
    next_before: int | None


async def wanted(
    instance: Annotated[str | None, Query(max_length=200)] = None,
    server: Annotated[str | None, Query(max_length=64)] = None,
    kind: Annotated[
        list[str] | None, Query(max_length=20, description="A kind (`link.lost`) or a family (`link.*`); repeatable.")
    ] = None,
    since: Annotated[AwareDatetime | None, Query(description="What still happened then or later.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="What began before.")] = None,
    before: Annotated[int | None, Query(ge=1, lt=2**63, description="The `next_before` of the page before.")] = None,
) -> JournalQuery:
    """What the request asks for. Raises `RefusalError` INVALID_REQUEST for a kind that there is none of."""
    try:
        kinds = kinds_of(kind or ())
    except ValueError as unknown:
        raise RefusalError(outcome.INVALID_REQUEST, f"There is no kind {str(unknown)[:64]!r} of entries.") from None
    return JournalQuery(instance, server, kinds, since, until, before)


@router.get("", operation_id="listLogs", responses=errors(*READING, outcome.INVALID_REQUEST))
async def list_logs(
    caller: Reader,
    services: Services,
    asked: Annotated[JournalQuery, Depends(wanted)],
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> LogsAnswer:
    """Links connected and lost, gaps, states of instances, limits reached, drift. An organization sees its own, and
    when the global links of servers on which it has instances were up and down; the operator sees all.
    """
    if caller.scope is not None:
        servers = {instance.server_id for instance in visible_instances(caller, services)}
        found = await services.journal.list_of(caller.scope, servers, asked, limit)
    else:
        found = await services.journal.list(asked, limit) if caller.is_operator else []
    return LogsAnswer(
        entries=[_entry(entry) for entry in found],
        next_before=found[-1].entry_id if len(found) == limit else None,
    )


def _entry(entry: JournalEntry) -> LogEntry:
    note = entry.note
    return LogEntry(
        id=entry.entry_id,
        at=note.at,
        last_at=entry.last_at,
        count=entry.count,
        kind=note.kind,
        server=note.server_id,
        instance=note.instance,
        organization=note.organization_id,
        state=note.state,
        reason=note.reason,
        detail=note.detail,
        attempts=note.attempts,
        reconnects=note.reconnects,
        duration_s=note.duration_s,
        gap=note.gap_id,
    )
