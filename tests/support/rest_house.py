"""The rooms behind the REST API, real ones, around a simulator: database, directory, links, control, and keys."""

from __future__ import annotations

import random
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.databases import migrated, sqlite_url
from tests.support.simulator import running_simulator, until

from ponteio.decode.redaction import KnownSecrets, hide
from ponteio.eventlog.gaps import GapLog
from ponteio.eventlog.log import EventLog
from ponteio.eventlog.quarantine import Quarantine
from ponteio.model.event import AddressedEvent, DecodedEvent, RawFrame, StoredEvent
from ponteio.model.identity import Instance, OrganizationScope
from ponteio.model.link import LinkState, LinkStatus, LinkTarget
from ponteio.observe.counters import Counters
from ponteio.outbound.http_client import HttpOptions
from ponteio.simulator import Simulator
from ponteio.storage.database import Database
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.audit import AuditLog
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.instance_events import InstanceEvents
from ponteio.tenancy.link_intents import LinkIntents
from ponteio.upstream.diagnosis import Diagnosis
from ponteio.upstream.diagnosis_records import FrameWatch, KeptRecords
from ponteio.upstream.diagnosis_walk import Subject
from ponteio.upstream.event_configuration import EventConfiguration
from ponteio.upstream.evolution_api import EvolutionApi
from ponteio.upstream.evolution_websocket import EvolutionWebSocket
from ponteio.upstream.instance_control import InstanceControl
from ponteio.upstream.instance_sync import InstanceSync
from ponteio.upstream.link_options import LinkOptions
from ponteio.upstream.pace import Pace

SERVER = "main"
ON_EACH_DATABASE = pytest.mark.parametrize(
    "dialect", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
"""For a test of the API that is to run on PostgreSQL too."""


class Basket:
    """A frame sink that keeps everything."""

    def __init__(self) -> None:
        self.frames: list[RawFrame] = []

    def accept(self, frame: RawFrame) -> None:
        self.frames.append(frame)

    @property
    def is_full(self) -> bool:
        return False

    @property
    def oldest_at(self) -> None:
        return None

    def when_room(self, resume: Callable[[], None]) -> None:
        resume()

    def events(self, instance: str) -> list[bytes]:
        """The frames that came over the instance's own link."""
        return [frame.payload for frame in self.frames if frame.target.instance == instance]


@dataclass
class RestHouse:
    """What `rest_house` yields. `told` are the instances that a change was announced for."""

    simulator: Simulator
    database: Database
    directory: Directory
    keys: KeyRing
    log: EventLog
    quarantine: Quarantine
    gaps: GapLog
    counters: Counters
    api: EvolutionApi
    links: EvolutionWebSocket
    control: InstanceControl
    wishes: InstanceEvents
    configuration: EventConfiguration
    sync: InstanceSync
    subject: Subject
    diagnosis: Diagnosis
    sink: Basket
    told: list[Instance] = field(default_factory=list)

    def instance(self, name: str) -> Instance:
        found = self.directory.find(SERVER, name)
        assert found is not None
        return found

    def link(self, name: str | None = None) -> LinkStatus:
        return self.links.status(LinkTarget(SERVER, name))

    async def link_is(self, state: LinkState, name: str | None = None) -> None:
        """Wait for the link's state."""
        await until(lambda: self.link(name).state is state)

    async def link_heard(self, name: str | None = None) -> None:
        """Wait for an event over the link."""
        await until(lambda: self.link(name).events > 0)

    async def organization(self, name: str, *instances: str) -> OrganizationScope:
        """A new organization that owns these instances."""
        made = await self.directory.create_organization(name)
        for instance in instances:
            await self.directory.assign(instance, made.organization_id, server_id=SERVER)
        return self.directory.scope_of(made.organization_id)

    async def store(self, scope: OrganizationScope, instance: str, event: str, data: bytes) -> StoredEvent:
        """An event in the organization's log."""
        now = datetime.now(UTC)
        decoded = DecodedEvent(
            target=LinkTarget(SERVER, instance),
            instance=instance,
            event=event,
            data=data,
            extra=None,
            sender=None,
            date_time=None,
            occurred_at=now,
            received_at=now,
            fingerprint=secrets.token_bytes(32),
        )
        address = AddressedEvent(scope.organization_id, self.instance(instance).instance_id, decoded)
        (stored,) = (await self.log.append([address])).stored
        return stored


@asynccontextmanager
async def rest_house(
    folder: Path,
    *,
    enabled: bool = True,
    global_events: bool = False,
    started: bool = True,
    url: str | None = None,
    key: str | None = None,
    dials_per_second: float = 20.0,
    database_url: str | None = None,
    **simulator_options: Any,
) -> AsyncIterator[RestHouse]:
    """A house with every instance of the simulator in its directory. `url` and `key` replace the simulator's; without
    a `database_url` its database is a new file in `folder`.
    """
    options = {"global_events": global_events, **simulator_options}
    opening = migrated(database_url or sqlite_url(folder))
    async with running_simulator(**options) as simulator, opening as database:
        house = await _built(
            simulator,
            database,
            url or simulator.url,
            key or simulator.api_key,
            enabled=enabled,
            global_events=global_events,
            options=LinkOptions(dials_per_second=dials_per_second),
        )
        if url is None and key is None:
            await house.sync.sync_once()
        if started:
            await house.links.start()
        try:
            yield house
        finally:
            await house.links.stop()
            await house.configuration.close()
            await house.api.close()


async def _built(
    simulator: Simulator,
    database: Database,
    url: str,
    key: str,
    *,
    enabled: bool,
    global_events: bool,
    options: LinkOptions,
) -> RestHouse:
    directory, counters, gaps, sink = Directory(database), Counters(), GapLog(database), Basket()
    watch = FrameWatch(sink)
    await directory.ensure_server(SERVER, url)
    await directory.load()
    known = KnownSecrets([key])
    api = EvolutionApi(url, key, on_secret=known.add, scrub=lambda text: hide(text, known.found_in(text.encode())))
    links = EvolutionWebSocket(
        server_id=SERVER,
        url=url,
        key=key,
        enabled=enabled,
        global_events=global_events,
        directory=directory,
        intents=LinkIntents(database),
        gaps=gaps,
        counters=counters,
        sink=watch,
        on_status=lambda _status: None,
        options=options,
        rng=random.Random(1),
    )
    subject = Subject(
        server_id=SERVER,
        url=url,
        key=key,
        global_events=global_events,
        enabled=enabled,
        link_options=options,
        http=HttpOptions(connector=options.connector),
        records=KeptRecords(directory, gaps, EventLog(database), watch),
        status_of=links.status,
        on_secret=known.add,
    )
    directory.on_change(links.reconcile)
    told: list[Instance] = []
    wishes = InstanceEvents(database)
    configuration = EventConfiguration(
        server_id=SERVER,
        api=api,
        directory=directory,
        wishes=wishes,
        audit=AuditLog(database),
        global_mode=global_events,
        pace=Pace(500),
    )
    control = InstanceControl(
        server_id=SERVER,
        api=api,
        directory=directory,
        links=links,
        wished=configuration.wished,
        on_instances=told.extend,
    )
    sync = InstanceSync(
        server_id=SERVER,
        api=api,
        directory=directory,
        counters=counters,
        on_instances=told.extend,
        on_settings=configuration.heed,
    )
    return RestHouse(
        simulator=simulator,
        database=database,
        directory=directory,
        keys=KeyRing(database),
        log=EventLog(database),
        quarantine=Quarantine(database),
        gaps=gaps,
        counters=counters,
        api=api,
        links=links,
        control=control,
        wishes=wishes,
        configuration=configuration,
        sync=sync,
        subject=subject,
        diagnosis=Diagnosis(subject),
        sink=sink,
        told=told,
    )
