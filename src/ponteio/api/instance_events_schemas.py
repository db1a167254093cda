"""The shapes of requests and answers about which events instances are to send."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ponteio.api.schemas import Mode, Moment, Unavailable
from ponteio.model.instance_events import ItemState, RunState

EventNames = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64)]],
    Field(min_length=1, max_length=64, description="Wire names (`messages.upsert`) or setting names."),
]
PresetName = Annotated[str, Field(min_length=1, max_length=64, description="`minimum`, `support`, `audit` or `all`.")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class EventChoiceRequest(_Request):
    """The events that an instance is to send: those of a preset, or a list."""

    preset: PresetName | None = None
    events: EventNames | None = None
    keep: bool = Field(
        False, description="Set Evolution back when something else changes it; at most three times within a day."
    )


class ApplyRequest(_Request):
    """Whether to try it only. A trial may be of another choice than the one that is stored."""

    dry_run: bool = False
    preset: PresetName | None = None
    events: EventNames | None = None


class RunRequest(_Request):
    """A choice for many instances: the named ones, or all that the caller sees."""

    preset: PresetName | None = None
    events: EventNames | None = None
    keep: bool = False
    instances: Annotated[list[str], Field(min_length=1, max_length=5_000)] | None = None
    dry_run: bool = False


class EventName(BaseModel):
    """An event by both its names. `event` is null for one that this release does not know."""

    event: str | None = Field(description="As it arrives: `messages.upsert`.")
    config: str = Field(description="As Evolution's settings call it: `MESSAGES_UPSERT`.")


class RemarkAnswer(BaseModel):
    """Something worth knowing about these events. Programs decide by `code`."""

    code: str
    text: str
    events: list[EventName]


class PresetAnswer(BaseModel):
    name: str
    purpose: str
    events: list[EventName]


class PresetsAnswer(BaseModel):
    """Lists by purpose, and every event that can be chosen."""

    presets: list[PresetAnswer]
    events: list[EventName]


class ChosenEvents(BaseModel):
    """What was chosen here. `applied_at` is when it came into force, null while it has not."""

    preset: str | None
    events: list[EventName]
    keep: bool
    changed_at: Moment
    applied_at: Moment | None
    set_back: int = Field(description="How often the gateway set Evolution back lately.")


class SentEventsAnswer(BaseModel):
    """What Evolution has. `is_set` is false while nobody ever set it: then nothing is sent."""

    is_set: bool
    enabled: bool
    events: list[EventName]


class DifferenceAnswer(BaseModel):
    """`missing` was chosen and is not sent; `extra` is sent and was not chosen."""

    missing: list[EventName]
    extra: list[EventName]


class InstanceEventsAnswer(BaseModel):
    """An instance's events: chosen here, set on Evolution, and how they differ."""

    instance: str
    server: str
    integration: str | None
    mode: Mode
    chosen: ChosenEvents | None = Field(description="Null: nothing was chosen here.")
    evolution: SentEventsAnswer | None = Field(description="As it was last seen, where Evolution could not be asked.")
    unavailable: Unavailable | None = Field(description="Null when Evolution answered.")
    in_sync: bool | None = Field(description="Null where there is nothing to compare.")
    difference: DifferenceAnswer | None
    drift_since: Moment | None = Field(description="Since when Evolution differs from a choice that was in force.")
    remarks: list[RemarkAnswer]


class PlanAnswer(BaseModel):
    """What applying would do to an instance, or did."""

    instance: str
    server: str
    changes: bool
    before: SentEventsAnswer
    added: list[EventName]
    lost: list[EventName]
    remarks: list[RemarkAnswer]


class ApplyAnswer(BaseModel):
    dry_run: bool
    plan: PlanAnswer


class RunCounts(BaseModel):
    """Instances by what became of them."""

    total: int
    pending: int
    applied: int
    unchanged: int
    failed: int
    cancelled: int


class RunAnswer(BaseModel):
    """A run over many instances; it goes on after a restart of the gateway."""

    id: str
    preset: str | None
    events: list[EventName]
    keep: bool
    state: RunState
    created_at: Moment
    finished_at: Moment | None
    counts: RunCounts


class RunsAnswer(BaseModel):
    runs: list[RunAnswer]


class RunItemAnswer(BaseModel):
    """One instance of a run. `code` and `detail` say why it failed."""

    instance: str
    server: str
    state: ItemState
    code: str | None
    detail: str | None
    finished_at: Moment | None


class RunDetailAnswer(RunAnswer):
    instances: list[RunItemAnswer]
    next: str | None = Field(description="Give it as `after` for more; null at the end.")


class UnreachedServer(BaseModel):
    """A server whose instances could not be looked at."""

    server: str
    code: str
    detail: str


class NewRunAnswer(BaseModel):
    """A run that was begun; or, as a trial, what it would do."""

    dry_run: bool
    run: RunAnswer | None
    plans: list[PlanAnswer]
    unavailable: list[UnreachedServer]
