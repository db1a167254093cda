"""The shapes of requests and answers about alert rules and incidents."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ponteio.api.access_schemas import Names
from ponteio.api.schemas import Moment
from ponteio.model.alert import Condition, EntryKind, IncidentState, Language, SubjectKind

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["08:00"])]
Seconds = Annotated[int, Field(ge=0, le=604_800)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, populate_by_name=True)


class HoursForm(_Request):
    """Hours of the week by the clocks of a place. Where `to` is not later than `from`, they end on the next day."""

    days: list[Day] = Field(min_length=1, max_length=7, examples=[["mon", "tue", "wed", "thu", "fri"]])
    from_: Clock = Field(alias="from")
    to: Clock
    zone: str = Field(max_length=64, examples=["America/Sao_Paulo"])


class QuietForm(HoursForm):
    """Hours in which nothing is told."""

    then: Literal["hold", "drop"] = Field("hold", description="`hold`: summed up when they end.")


class ChannelQuietForm(_Request):
    """When a channel is told nothing; null: it always is told."""

    quiet_hours: QuietForm | None


class RuleRequest(_Request):
    """A rule: when `instances` are `condition` for `for_s` in `hours`, tell `channels`."""

    condition: Condition
    channels: list[str] = Field(default_factory=list, max_length=20, description="Ids of channels.")
    name: str = Field("", max_length=100)
    enabled: bool = True
    instances: Names | None = Field(None, description="Null: any.")
    for_s: Seconds = Field(300, description="How long it must last; for `event`, the span in which events are counted.")
    filter: str | None = Field(None, max_length=2000, description="For `event`.")
    count: int = Field(1, ge=1, le=10_000, description="For `event`: how many must match within `for_s`.")
    usual_hours: bool = Field(False, description="For `silent`: only in hours in which the instance usually talks.")
    hours: HoursForm | None = Field(None, description="Something is found only in these.")
    quiet_hours: QuietForm | None = None
    language: Language = Language.EN
    include_content: bool = Field(False, description="For `event`: tell the text of the newest event that matches.")
    remind_every_s: Seconds | None = Field(None, description="Tell again until somebody acknowledges.")
    tell_resolved: bool = True
    reopen_s: Seconds = Field(600, description="What is back within this time continues its incident.")


class RuleAnswer(BaseModel):
    """A rule. `sentence` says it by language; `maker` is the account or key that saved it last."""

    id: str
    condition: Condition
    channels: list[str]
    name: str
    enabled: bool
    instances: list[str] | None
    for_s: int
    filter: str | None
    count: int
    usual_hours: bool
    hours: HoursForm | None
    quiet_hours: QuietForm | None
    language: Language
    include_content: bool
    remind_every_s: int | None
    tell_resolved: bool
    reopen_s: int
    sentence: dict[str, str]
    maker: str
    created_at: Moment
    updated_at: Moment


class RulesAnswer(BaseModel):
    rules: list[RuleAnswer]


class SuggestionAnswer(BaseModel):
    """A rule to begin with: post `rule`, with channels."""

    rule: RuleRequest
    sentence: dict[str, str]


class SuggestionsAnswer(BaseModel):
    suggestions: list[SuggestionAnswer]


class TestAnswer(BaseModel):
    """A test message is on its way to so many channels."""

    channels: int


class SubjectAnswer(BaseModel):
    """What was in trouble: an instance, a server (by its id), a limit (by its code), or events."""

    kind: SubjectKind
    name: str


class PreviewMoment(BaseModel):
    at: Moment
    subject: SubjectAnswer


class PreviewAnswer(BaseModel):
    """How often the rule would have fired. `basis` says what this was computed from and what that cannot show; see
    docs/notifications.md.
    """

    count: int
    moments: list[PreviewMoment]
    since: Moment
    until: Moment
    basis: list[str]
    complete: bool = Field(description="False: time ran out, or there are more moments than are shown.")


class IncidentAnswer(BaseModel):
    """An incident. `instances` are at most a hundred of `instance_count`."""

    id: str
    rule: str
    rule_name: str
    condition: Condition
    state: IncidentState
    subject: SubjectAnswer
    reason: str | None
    since: Moment
    opened_at: Moment
    updated_at: Moment
    instances: list[str]
    instance_count: int
    event_count: int
    flaps: int = Field(description="How often it went and came back.")
    acknowledged_at: Moment | None
    acknowledged_by: str | None
    resolved_at: Moment | None
    resolved_by: str | None = Field(description="Null where it ended by itself.")


class IncidentPage(BaseModel):
    incidents: list[IncidentAnswer]
    next_before: str | None = Field(description="`before` for the page of older ones; null at the end.")


class TimelineEntry(BaseModel):
    at: Moment
    kind: EntryKind
    actor: str | None
    detail: dict[str, JsonValue]


class IncidentDetail(BaseModel):
    """An incident and what happened to it, the oldest first."""

    incident: IncidentAnswer
    timeline: list[TimelineEntry]
