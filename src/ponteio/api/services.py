"""What the routes ask for. Rooms beside this one are known by Protocols; those below by their own classes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from starlette.types import ASGIApp

from ponteio.api.activity import LastEvents
from ponteio.api.alert_protocols import Alerts
from ponteio.api.diagnosis_answers import DiagnosisTurns
from ponteio.api.export_places import ExportPlaces
from ponteio.api.post_protocols import PostOffice
from ponteio.decode.event_comparison import EventDifference, Remark
from ponteio.eventlog.gaps import GapLog
from ponteio.eventlog.link_journal import LinkJournal
from ponteio.eventlog.log import EventLog
from ponteio.eventlog.metric_rollups import MetricRollups
from ponteio.eventlog.quarantine import Quarantine
from ponteio.model.diagnosis import Asked, Finding
from ponteio.model.filter_tree import Filter
from ponteio.model.identity import Instance, OrganizationScope, Principal
from ponteio.model.instance_events import EventChoice, EventWish, SentEvents
from ponteio.model.link import LinkStatus, LinkTarget
from ponteio.model.outcome import Outcome, RefusalError
from ponteio.observe.counters import Counters
from ponteio.tenancy.accounts import Accounts
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.audit import AuditLog
from ponteio.tenancy.authenticator import Authenticator
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.event_runs import EventRuns
from ponteio.tenancy.instance_events import InstanceEvents
from ponteio.tenancy.invitations import Invitations
from ponteio.tenancy.limit_notices import LimitNotices
from ponteio.tenancy.login import LoginDesk
from ponteio.tenancy.memberships import Memberships
from ponteio.tenancy.servers import Servers
from ponteio.tenancy.tickets import Tickets
from ponteio.tenancy.token_signers import TokenSigners
from ponteio.tenancy.user_sessions import UserSessions


class Links(Protocol):
    """The links to one Evolution server. Connecting and disconnecting raises WEBSOCKET_DISABLED when not `enabled`."""

    @property
    def enabled(self) -> bool: ...
    @property
    def global_events(self) -> bool: ...
    async def connect_global(self) -> LinkStatus: ...
    async def disconnect_global(self) -> LinkStatus: ...
    async def connect_instance(self, name: str) -> LinkStatus: ...
    async def disconnect_instance(self, name: str) -> LinkStatus: ...
    async def connect_all(self, scope: OrganizationScope | None) -> list[LinkStatus]: ...
    async def disconnect_all(self, scope: OrganizationScope | None) -> list[LinkStatus]: ...
    def status(self, target: LinkTarget) -> LinkStatus: ...
    def statuses(self) -> list[LinkStatus]: ...


class PairingView(Protocol):
    """How far the pairing with a phone is."""

    @property
    def code(self) -> str | None: ...
    @property
    def pairing_code(self) -> str | None: ...
    @property
    def base64(self) -> str | None: ...
    @property
    def count(self) -> int | None: ...


class ConnectedView(Protocol):
    """An instance that was told to connect."""

    @property
    def instance(self) -> Instance: ...
    @property
    def pairing(self) -> PairingView: ...


class SettingsView(Protocol):
    """What an instance emits on its own namespace."""

    @property
    def enabled(self) -> bool: ...
    @property
    def events(self) -> tuple[str, ...]: ...


class DetailView(Protocol):
    """An instance with what Evolution said about it just now; `refusal` says why it could not be asked."""

    @property
    def instance(self) -> Instance: ...
    @property
    def websocket(self) -> SettingsView | None: ...
    @property
    def refusal(self) -> RefusalError | None: ...


class Control(Protocol):
    """What can be done to an instance on Evolution. Raises `RefusalError`."""

    async def create(
        self,
        *,
        name: str,
        integration: str,
        number: str | None,
        token: str | None,
        business_id: str | None,
        organization_id: str | None,
    ) -> Instance: ...
    async def connect(self, name: str, number: str | None = None) -> ConnectedView: ...
    async def restart(self, name: str) -> ConnectedView: ...
    async def logout(self, name: str) -> Instance: ...
    async def delete(self, name: str) -> Instance: ...
    async def detail(self, name: str) -> DetailView: ...


class Diagnosis(Protocol):
    """The diagnosis of one server and an instance of it. Never raises, leaves no link behind when it is closed."""

    def steps(self, asked: Asked) -> AsyncGenerator[Finding, None]: ...


class EventsView(Protocol):
    """An instance's events: what was chosen, what Evolution has, how they differ; `refusal` says why it could not be
    asked.
    """

    @property
    def global_mode(self) -> bool: ...
    @property
    def wish(self) -> EventWish | None: ...
    @property
    def sent(self) -> SentEvents | None: ...
    @property
    def difference(self) -> EventDifference | None: ...
    @property
    def remarks(self) -> Sequence[Remark]: ...
    @property
    def refusal(self) -> RefusalError | None: ...


class PlanView(Protocol):
    """What applying a choice to an instance would do, or did."""

    @property
    def instance(self) -> Instance: ...
    @property
    def sent(self) -> SentEvents: ...
    @property
    def added(self) -> tuple[str, ...]: ...
    @property
    def lost(self) -> tuple[str, ...]: ...
    @property
    def remarks(self) -> Sequence[Remark]: ...


class EventConfiguration(Protocol):
    """What the instances of one Evolution server are set to send. Raises `RefusalError`."""

    async def look(self, instance: Instance) -> EventsView: ...
    async def plan(self, instance: Instance, choice: EventChoice) -> PlanView: ...
    async def plan_many(self, instances: Sequence[Instance], choice: EventChoice) -> Sequence[PlanView]: ...
    async def apply(self, instance: Instance) -> PlanView: ...


class Watch(Protocol):
    """The right of somebody who reads for long. `outcome` is why it ended, None while it lasts."""

    @property
    def outcome(self) -> Outcome | None: ...
    async def ended(self) -> Outcome: ...


class LiveStats(Protocol):
    """The live edge, as routes know it. `open_stream` raises `RefusalError`; its answer is an ASGI application for one
    request. While a `watch` is open, it ends with the right of its principal.
    """

    def socket_count(self, scope: OrganizationScope | None) -> int: ...
    async def open_stream(self, principal: Principal, *, address: str, cursor: object, wanted: Filter) -> ASGIApp: ...
    def watch(self, principal: Principal) -> AbstractContextManager[Watch]: ...


class Metrics(Protocol):
    """What Prometheus is shown."""

    async def text(self) -> bytes: ...


class Station(Protocol):
    """One Evolution server. `key_is_public` for a key that everybody knows."""

    @property
    def server_id(self) -> str: ...
    @property
    def key_is_public(self) -> bool: ...
    @property
    def links(self) -> Links: ...
    @property
    def control(self) -> Control: ...
    @property
    def diagnosis(self) -> Diagnosis: ...
    @property
    def events(self) -> EventConfiguration: ...


class Fleet(Protocol):
    """The Evolution servers. `station` raises SERVER_NOT_FOUND, or INVALID_REQUEST when the id is needed."""

    def station(self, server_id: str | None = None) -> Station: ...
    def stations(self) -> Sequence[Station]: ...
    def is_reachable(self, server_id: str) -> bool: ...
    def refusal_of(self, server_id: str) -> Outcome | None: ...
    async def refresh(self) -> None: ...
    async def claim(self, server_id: str | None, name: str, token: str, organization_id: str) -> Instance: ...


@dataclass(frozen=True, slots=True)
class WebOptions:
    """How browsers reach the gateway. `public_url` is empty where it is not known; `allowed_origins` are web pages
    elsewhere that may call, `*` allowing all; `requests_per_address` counts REST calls a minute.
    """

    public_url: str = ""
    own_origins: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    requests_per_address: int = 1_200
    requests_of_operators: int = 1_200

    @property
    def is_https(self) -> bool:
        """Whether browsers come over HTTPS."""
        return self.public_url.startswith("https://")


@dataclass(frozen=True, slots=True)
class ApiServices:
    """Everything that the routes need."""

    fleet: Fleet
    live: LiveStats
    directory: Directory
    servers: Servers
    authenticator: Authenticator
    accounts: Accounts
    sessions: UserSessions
    memberships: Memberships
    invitations: Invitations
    login: LoginDesk
    keys: KeyRing
    tickets: Tickets
    signers: TokenSigners
    audit: AuditLog
    notices: LimitNotices
    events: EventLog
    quarantine: Quarantine
    gaps: GapLog
    journal: LinkJournal
    wishes: InstanceEvents
    event_runs: EventRuns
    counters: Counters
    post: PostOffice
    alerts: Alerts
    metrics: Metrics
    rollups: MetricRollups
    enabled: bool = True
    web: WebOptions = field(default_factory=WebOptions)
    activity: LastEvents = field(default_factory=LastEvents)
    exports: ExportPlaces = field(default_factory=ExportPlaces)
    diagnoses: DiagnosisTurns = field(default_factory=DiagnosisTurns)
