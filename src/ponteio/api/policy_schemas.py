"""The shapes of requests and answers about an organization's event policy."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ponteio.api.schemas import Moment
from ponteio.model.event_policy import FOREVER_DAYS, MAX_PATTERN, MAX_POLICIES, EventPolicy

Preset = Literal["all", "without presence", "minimum"]
Pattern = Annotated[str, Field(min_length=1, max_length=MAX_PATTERN, description="A name, `family.*` or `*`.")]
KeepDays = Annotated[int, Field(ge=1, le=FOREVER_DAYS)]
_KEEP = "Days for which they are kept; null for the deployment's default; 36500, a hundred years, is for ever."


class PolicyEntry(BaseModel):
    """What becomes of the events that a pattern fits; the most specific pattern decides."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    pattern: Pattern
    store: bool = Field(True, description="Whether they get a place in the log. If not, they can never be asked for.")
    keep_days: KeepDays | None = Field(None, description=_KEEP)
    push: bool = Field(True, description="Whether sockets are sent them: as `live-event` those that are not stored.")

    @classmethod
    def of(cls, policy: EventPolicy) -> Self:
        return cls(pattern=policy.pattern, store=policy.store, keep_days=policy.keep_days, push=policy.push)

    def policy(self) -> EventPolicy:
        return EventPolicy(self.pattern, self.store, self.keep_days, self.push)


class PolicyRequest(BaseModel):
    """The whole list, or the name of a preset."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    policies: list[PolicyEntry] | None = Field(None, max_length=MAX_POLICIES)
    preset: Preset | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.policies is None) is (self.preset is None):
            raise ValueError("give either policies or a preset")
        return self


class Fate(BaseModel):
    """What becomes of an event. `kept_days` is for those that are stored: what was chosen, within what is allowed."""

    pattern: str = Field(description="The pattern that decides.")
    store: bool
    push: bool
    kept_days: int


class PolicyAnswer(BaseModel):
    """What the organization chose."""

    policies: list[PolicyEntry]
    preset: Preset | None = Field(description="The preset that this is, if it is one.")
    unknown: list[str] = Field(description="Patterns that fit no event of Evolution API 2.3.7: a slip of the pen?")
    default_keep_days: int = Field(description="Days for which events are kept where nothing else was chosen.")
    most_keep_days: int = Field(description="What the operator allows at most.")
    general_keep_days: int = Field(description="After these days a cursor is too old.")
    whole_after: str = Field(description="The cursor after which nothing was removed for its age in general.")
    presets: dict[str, list[PolicyEntry]]


class PreviewEntry(BaseModel):
    """One event of the last 24 hours: how many are in the log, and what becomes of such now and then."""

    event: str
    count: int
    bytes: int
    now: Fate
    then: Fate


class PreviewAnswer(BaseModel):
    """What a policy would have meant. Events that are not stored are not in the log, and cannot be counted."""

    events: list[PreviewEntry]
    since: Moment
    until: Moment
    complete: bool = Field(description="False when there was too much to count: then `since` is later.")
    stored: int = Field(description="Events of these that would have been stored.")
    stored_bytes: int
    unknown: list[str]
