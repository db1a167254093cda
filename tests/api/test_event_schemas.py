"""Answers about events, as they are written."""

from __future__ import annotations

from datetime import UTC, datetime

from ponteio.api.event_schemas import HistogramAnswer, MessageAnswer, RelatedAnswer, StepAnswer
from ponteio.model.message_story import MessageStatus, StepKind

AT = datetime(2026, 11, 23, 14, 46, 13, 999_000, UTC)


def test_a_message_is_told_with_its_times_in_utc() -> None:
    answer = MessageAnswer(id="3EB0", instance="one", status=MessageStatus.READ, edited_at=AT, deleted_at=None)
    assert answer.model_dump(mode="json") == {
        "id": "3EB0",
        "instance": "one",
        "status": "read",
        "edited_at": "2026-11-23T14:46:13.999Z",
        "deleted_at": None,
    }


def test_a_step_has_a_status_or_none() -> None:
    steps = [StepAnswer(cursor="0123abcd-1", step=StepKind.EDIT, status=None)]
    answer = RelatedAnswer(message=None, steps=steps, events=[], complete=True)
    assert answer.model_dump(mode="json")["steps"] == [{"cursor": "0123abcd-1", "step": "edit", "status": None}]


def test_a_histogram_says_where_it_begins_and_ends() -> None:
    answer = HistogramAnswer(since=AT, until=AT, step_s=60, counts=[1], gaps=[], complete=True, known_from=AT)
    assert answer.model_dump(mode="json")["since"] == "2026-11-23T14:46:13.999Z"
