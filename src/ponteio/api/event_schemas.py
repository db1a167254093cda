"""The shapes of answers about events, beside the events themselves."""

from __future__ import annotations

from pydantic import BaseModel, Field

from ponteio.api.schemas import EventAnswer, GapAnswer, Moment
from ponteio.model.message_story import MessageStatus, StepKind


class MessageAnswer(BaseModel):
    """What became of a message, by everything that was heard of it: late or repeated news never undo earlier ones."""

    id: str = Field(description="WhatsApp's own id of it: `key.id`.")
    instance: str
    status: MessageStatus | None = Field(description="How far it came; null while nothing was said about it.")
    edited_at: Moment | None = Field(description="Its last edit.")
    deleted_at: Moment | None


class StepAnswer(BaseModel):
    """What one event is to its message. `status` is what that event says, repaired; null if nothing."""

    cursor: str
    step: StepKind
    status: MessageStatus | None


class RelatedAnswer(BaseModel):
    """The events of one message, oldest first. `steps` has one for each, in the same order."""

    message: MessageAnswer | None = Field(description="Null for an event that is not about one message.")
    steps: list[StepAnswer]
    events: list[EventAnswer]
    complete: bool = Field(description="False when there are more of them than were found in time, or than are shown.")


class ValueCount(BaseModel):
    value: str
    count: int


class FacetsAnswer(BaseModel):
    """How many events there were, by the values of their columns, the most frequent first. What was counted hour by
    hour when it came includes events that were removed since then for their age.
    """

    instances: list[ValueCount]
    events: list[ValueCount]
    origins: list[ValueCount]
    count: int
    bytes: int = Field(description="Of their data.")
    since: Moment
    until: Moment
    complete: bool = Field(description="False: the time was over before all was counted.")
    known_from: Moment = Field(description="What was received since then has been counted in any case.")


class HistogramAnswer(BaseModel):
    """Events over time: `counts[n]` were received in the step that begins `n` steps after `since`. `gaps` are the spans
    in which events may have been missed, newest first: those of the organization's own links, and of the global one.
    """

    since: Moment
    until: Moment
    step_s: int
    counts: list[int]
    gaps: list[GapAnswer]
    complete: bool = Field(
        description="False: the time was over, and what came before `known_from` is not all counted."
    )
    known_from: Moment
