"""What the routes ask for. Rooms beside this one are known by Protocols; those below by their own classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ponteio.api.activity import LastEvents
from ponteio.eventlog.gaps import GapLog
from ponteio.eventlog.log import EventLog
from ponteio.eventlog.quarantine import Quarantine
from ponteio.model.identity import Instance, OrganizationScope
from ponteio.model.link import CheckStep, LinkStatus, LinkTarget
from ponteio.model.outcome import RefusalError
from ponteio.observe.counters import Counters
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.directory import Directory


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


class LinkTest(Protocol):
    """The connection test. Never raises, leaves no link behind."""

    async def run(self, name: str) -> Sequence[CheckStep]: ...


class LiveStats(Protocol):
    """What the live edge can say about itself."""

    def socket_count(self, scope: OrganizationScope | None) -> int: ...


@dataclass(frozen=True, slots=True)
class ApiServices:
    """Everything that the routes need. `allowed_origins` are web pages elsewhere that may call; `*` allows all."""

    server_id: str
    links: Links
    control: Control
    test: LinkTest
    live: LiveStats
    directory: Directory
    keys: KeyRing
    events: EventLog
    quarantine: Quarantine
    gaps: GapLog
    counters: Counters
    allowed_origins: Sequence[str] = ()
    activity: LastEvents = field(default_factory=LastEvents)
