"""What the steps of one diagnosis share: whom it is about, what was asked, and what earlier steps have learned."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from ponteio.model.diagnosis import Asked, Finding, Value, Verdict
from ponteio.model.identity import Instance
from ponteio.model.link import LinkStatus, LinkTarget
from ponteio.observe.clock import utc_now
from ponteio.outbound.http_client import HttpAnswer, HttpOptions
from ponteio.upstream.diagnosis_ear import Ear
from ponteio.upstream.diagnosis_records import Records, Seen
from ponteio.upstream.diagnosis_rest import InstanceRow, RestProbe
from ponteio.upstream.link_options import LinkOptions

CALL_S = 5.0
"""The longest wait for one answer."""
Desired = Callable[[Instance], Awaitable[frozenset[str] | None]]
"""The event names (Evolution's setting names) that are wanted of an instance; None where nobody chose any."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One Evolution server as this gateway is set up for it.

    `has_gateway` says whether a gateway runs that stores events; `status_of` knows how its own links stand, None where
    that cannot be asked. `on_secret` is told each token that an answer holds.
    """

    server_id: str
    url: str
    key: str = field(repr=False)
    global_events: bool
    link_options: LinkOptions
    http: HttpOptions
    records: Records
    enabled: bool = True
    is_from_environment: bool = True
    has_gateway: bool = True
    status_of: Callable[[LinkTarget], LinkStatus] | None = None
    desired: Desired | None = None
    on_secret: Callable[[str], None] = lambda _secret: None
    clock: Callable[[], datetime] = utc_now


@dataclass(slots=True)
class TestEvent:
    """A message that was sent to come back. `stored` ends with the seconds until it was in the log."""

    __test__ = False

    message_id: str
    sent_on: float
    status: int
    stored: asyncio.Task[float] | None = None


@dataclass(slots=True)
class Walk:
    """One walk through the steps. `close` it: nothing is left open then."""

    subject: Subject
    asked: Asked
    keyed: RestProbe = field(init=False)
    keyless: RestProbe = field(init=False)
    ear: Ear = field(init=False)
    blocked: dict[str, str] = field(default_factory=dict)
    """Each step that failed, or was not tried for it, with the one that is to blame."""
    addresses: list[str] = field(default_factory=list)
    start_page: HttpAnswer | None = None
    start_page_at: datetime | None = None
    version: tuple[int, ...] = ()
    row: InstanceRow | None = None
    polling_works: bool = False
    is_pending: bool = False
    test_event: TestEvent | None = None
    test_refusal: str | None = None
    _seen: Seen | None = None

    def __post_init__(self) -> None:
        subject = self.subject
        call_s = min(subject.http.total_s, CALL_S)
        options = replace(subject.http, total_s=call_s, connect_s=call_s, breaks=False, parallel=2)
        self.keyed = RestProbe(subject.url, subject.key, options, subject.on_secret)
        self.keyless = RestProbe(subject.url, "", options, subject.on_secret)
        self.ear = Ear(subject.url, subject.key, subject.link_options.connection, subject.clock)

    @property
    def name(self) -> str:
        """The instance that was asked about. Only for steps that need one."""
        if self.asked.instance is None:
            raise LookupError("no instance was asked about")
        return self.asked.instance

    @property
    def target(self) -> LinkTarget:
        """The link that is to hear the instance in the mode that is set."""
        return LinkTarget(self.subject.server_id, None if self.subject.global_events else self.name)

    @property
    def values(self) -> dict[str, Value]:
        """What texts may name: where the server's address and key are set."""
        if self.subject.is_from_environment:
            return {"url_setting": "EVOLUTION_API_URL", "key_setting": "EVOLUTION_API_KEY"}
        place = f"PATCH /api/servers/{self.subject.server_id}"
        return {"url_setting": f"url ({place})", "key_setting": f"key ({place})"}

    async def seen(self) -> Seen:
        """What the gateway has kept about the instance and its server; read once."""
        if self._seen is None:
            self._seen = await self.subject.records.seen(self.subject.server_id, self.asked.instance)
        return self._seen

    async def close(self) -> None:
        """Nothing is open any more."""
        if self.test_event is not None and self.test_event.stored is not None:
            self.test_event.stored.cancel()
        await asyncio.gather(self.ear.close(), self.keyed.close(), self.keyless.close(), return_exceptions=True)


def finding(verdict: Verdict, text: str, *actions: str, step: str, **values: Value) -> Finding:
    """A finding with a text that may stand in any step."""
    return Finding(step, verdict, (text,), actions, values=values)


def ok(text: str, *actions: str, **values: Value) -> Finding:
    """All is well here. The step is in front of the text's dot."""
    return _made(Verdict.OK, text, actions, values)


def warn(text: str, *actions: str, **values: Value) -> Finding:
    """It works, and something is to be done."""
    return _made(Verdict.WARN, text, actions, values)


def fail(text: str, *actions: str, **values: Value) -> Finding:
    """It does not work."""
    return _made(Verdict.FAIL, text, actions, values)


def skipped(text: str, *actions: str, **values: Value) -> Finding:
    """It could not be tried, or cannot be told."""
    return _made(Verdict.SKIPPED, text, actions, values)


def showing(found: Finding, *private: str) -> Finding:
    """The finding, with what whoever runs the deployment is told besides."""
    return replace(found, private=private)


def _made(verdict: Verdict, text: str, actions: tuple[str, ...], values: Mapping[str, Value]) -> Finding:
    return Finding(text.partition(".")[0], verdict, (text,), actions, values=values)
