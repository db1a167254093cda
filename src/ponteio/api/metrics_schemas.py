"""The shapes of `/api/metrics`, as `/openapi.json` shows them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field

from ponteio.api.schemas import LinkCounts, Moment
from ponteio.model.link import GapKind, LinkState
from ponteio.observe.figures import Hop


class Window(StrEnum):
    """How far back."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"


class Latency(BaseModel):
    """How long events took, in milliseconds; null without events. The true value is at most 5/3 of what is shown, and
    at least 3/5; below 1 ms it is 1 ms off at most.
    """

    count: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class SocketFigures(BaseModel):
    now: int
    most: int = Field(description="The most at once in the window.")


class EventCount(BaseModel):
    event: str = Field(description="A name of Evolution's catalogue; `other` for all that are not in it.")
    count: int


class GapFigures(BaseModel):
    """Spans of the window in which events may have been missed."""

    count: int
    lasting: int
    seconds: float = Field(description="Their length within the window, one added to the other.")


class InstanceFigures(BaseModel):
    name: str
    link: LinkState = Field(description="How it is heard now.")
    events: int | None = Field(description="Null where counting them took too long.")
    reconnects: int = Field(description="Of its own link; the global one is everybody's.")


class Point(BaseModel):
    """A part of the window, `step_s` long, from `at` on."""

    at: Moment
    events: int
    reconnects: int
    held: int
    refused: int
    sockets: int = Field(description="The most at once.")
    p95_ms: dict[Hop, float | None]


class MetricsFigures(BaseModel):
    """What the window held; the part that is not over yet counts as far as it has come."""

    window: Window
    since: Moment
    until: Moment
    step_s: int = Field(description="Length of a point of `series`.")
    links: LinkCounts = Field(description="Instances by how they are heard now.")
    gaps: dict[GapKind, GapFigures]
    reconnects: int | None
    reconnects_per_hour: float | None
    sockets: SocketFigures | None
    events: int | None
    events_per_minute: float | None
    early: int | None = Field(description="Events dated after their arrival: counted as under way for 0 ms.")
    latency: dict[Hop, Latency] | None
    most_common: list[EventCount] | None
    held: int | None = Field(description="Events that the storm damper kept from a socket.")
    refused: dict[str, int] | None = Field(description="By code: limits that were reached.")
    series: list[Point] | None


class MetricsAnswer(MetricsFigures):
    """An organization's. A key or ticket that is narrowed to some instances or events sees its own `links`, `gaps`,
    `instances`, `events` and `most_common`; what is kept for the organization as a whole is null.
    """

    instances: list[InstanceFigures] = Field(description="Those with most events, then most reconnects.")


class DeploymentMetricsAnswer(MetricsFigures):
    """All organizations together; `refused` counts every refusal of frames, events and sockets."""

    organizations: int
