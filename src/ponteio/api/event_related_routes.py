"""`/api/events/{cursor}/related`: all that was heard of one message."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, Response

from ponteio.api.authentication import Services
from ponteio.api.event_filters import parse_cursor
from ponteio.api.event_pages import PAGE_BYTES, oldest_first
from ponteio.api.event_schemas import MessageAnswer, RelatedAnswer, StepAnswer
from ponteio.api.events_routes import READING_EVENTS, USING_CURSORS, Scope, found_at
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.problems import errors
from ponteio.model import outcome
from ponteio.model.event import StoredEvent
from ponteio.model.filter_tree import Filter, IdIs, InstanceIs, all_of
from ponteio.model.message_story import Step, StepKind, Story, message_ids, step_of, story_of
from ponteio.model.sight import ALL_SEEN, Sight

router = APIRouter(prefix="/api/events", tags=["events"], route_class=GuardedRoute)

MOST = 200
"""Events of one message that are shown: one in a group of many has an acknowledgement for each reader."""


@router.get(
    "/{cursor}/related",
    operation_id="getRelatedEvents",
    response_model=RelatedAnswer,
    responses=errors(*READING_EVENTS, *USING_CURSORS, outcome.NOT_FOUND, outcome.INVALID_REQUEST),
)
async def get_related(scope: Scope, services: Services, cursor: str) -> Response:
    """The events of the message that the event at the cursor is about (same `key.id`, same instance), and its status
    as they tell it together. For an event about no message, or about many, itself alone.
    """
    log = services.events
    about = await found_at(log, scope, parse_cursor(cursor))
    ids = message_ids(about.event, about.facts(ALL_SEEN).data)
    if len(ids) != 1:
        return _answer(None, [about], [Step(StepKind.OTHER)], scope.sight, complete=True)
    names = Filter(all_of([InstanceIs(frozenset({about.instance})), IdIs(frozenset(ids))]))
    page = await oldest_first(log, scope, names, after=None, limit=MOST, max_bytes=PAGE_BYTES)
    events = [event for event in page.events if ids[0] in message_ids(event.event, event.facts(ALL_SEEN).data)]
    # Of the whole data: who may not see content is told what became of a message, and not what is in it.
    steps = [step_of(event.event, event.facts(ALL_SEEN).data, ids[0]) for event in events]
    story = story_of((step, event.occurred_at) for step, event in zip(steps, events, strict=True))
    message = _message(ids[0], about.instance, story)
    return _answer(message, events, steps, scope.sight, complete=page.complete and not page.more)


def _message(message_id: str, instance: str, story: Story) -> MessageAnswer:
    return MessageAnswer(
        id=message_id,
        instance=instance,
        status=story.status,
        edited_at=story.edited_at,
        deleted_at=story.deleted_at,
    )


def _answer(
    message: MessageAnswer | None, events: list[StoredEvent], steps: list[Step], sight: Sight, *, complete: bool
) -> Response:
    """The answer around the events' own bytes."""
    shown = [
        StepAnswer(cursor=str(event.cursor), step=step.kind, status=step.status).model_dump(mode="json")
        for event, step in zip(events, steps, strict=True)
    ]
    told = None if message is None else message.model_dump(mode="json")
    head = orjson.dumps({"message": told, "steps": shown, "complete": complete})
    body = b'%b,"events":[%b]}' % (head[:-1], b",".join(event.envelope(sight) for event in events))
    return Response(body, media_type="application/json")
