"""The composition root: builds the rooms, hands each what it needs, starts them in order and stops them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta

import structlog
import uvicorn

from ponteio.api.factory import create_api
from ponteio.api.services import ApiServices
from ponteio.config import GatewaySettings
from ponteio.decode.decoder import Decoder
from ponteio.decode.redaction import KnownSecrets
from ponteio.eventlog.gaps import GapLog
from ponteio.eventlog.log import EventLog
from ponteio.eventlog.quarantine import Quarantine
from ponteio.listener import Listener, bind
from ponteio.live.edge import LiveEdge
from ponteio.live.options import LiveOptions
from ponteio.live.socketio_edge import uvicorn_options
from ponteio.model.identity import Instance
from ponteio.model.link import LinkState, LinkStatus
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters
from ponteio.pipeline import Corridor, FrameQueue, Voices
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageError
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.link_intents import LinkIntents
from ponteio.upstream.connection_test import ConnectionTest
from ponteio.upstream.evolution_api import EvolutionApi
from ponteio.upstream.evolution_websocket import EvolutionWebSocket
from ponteio.upstream.instance_control import InstanceControl
from ponteio.upstream.instance_sync import InstanceSync
from ponteio.upstream.link import LinkOptions
from ponteio.upstream.link_probe import probe_link

log = structlog.get_logger(__name__)

SERVER_ID = "main"
"""The Evolution server that the environment names."""
WATCH_S = 1.0
"""Seconds between two looks at what other processes changed: half of what a revocation may take."""
PRUNE_S = 3600.0
FINGERPRINTS_KEPT = timedelta(hours=48)
DRAIN_S = 10.0


class Gateway:
    """The whole house in one process. `await start()`, then `await stop()`; `url` is where it answers."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._tasks: list[asyncio.Task[None]] = []
        self._undo: list[Callable[[], Awaitable[object]]] = []
        self.url = ""

    async def start(self) -> None:
        """Build, migrate, listen, dial. Raises what went wrong, with everything undone."""
        try:
            await self._build()
            await self._listen()
            await self._links.start()
            await self._sync.start()
            self._undo.append(self._hush)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Links first, then what they brought is stored and said, then the sockets, then the database."""
        while self._undo:
            with contextlib.suppress(Exception):
                await self._undo.pop()()

    async def _build(self) -> None:
        settings, clock = self._settings, utc_now
        self._database = await Database.open(settings.database_url)
        self._undo.append(self._database.close)
        await self._database.migrate()
        self._counters = Counters()
        self._directory = Directory(self._database, clock)
        self._keys = KeyRing(self._database, clock)
        self._events = EventLog(self._database, clock)
        self._gaps = GapLog(self._database)
        quarantine = Quarantine(self._database)
        await self._directory.ensure_server(SERVER_ID, settings.evolution_api_url)
        await self._directory.load()
        key = settings.evolution_api_key.get_secret_value()
        secrets = KnownSecrets()
        secrets.add(key)
        self._queue = FrameQueue(settings.queue_frames, settings.queue_mib * 1024 * 1024)
        self._live = LiveEdge(
            log=self._events,
            keys=self._keys,
            directory=self._directory,
            counters=self._counters,
            options=LiveOptions(
                allowed_origins=settings.allowed_origins,
                sockets_per_organization=settings.sockets_per_organization,
                sockets_per_process=settings.sockets_per_process,
            ),
            clock=clock,
        )
        corridor = Corridor(
            queue=self._queue,
            decoder=Decoder(secrets),
            directory=self._directory,
            events=self._events,
            quarantine=quarantine,
            counters=self._counters,
            voices=Voices(announce=self._live.announce, instance_changed=self._live.instance_status),
        )
        self._links = EvolutionWebSocket(
            server_id=SERVER_ID,
            url=settings.evolution_api_url,
            key=key,
            enabled=settings.websocket_enabled,
            global_events=settings.websocket_global_events,
            directory=self._directory,
            intents=LinkIntents(self._database),
            gaps=self._gaps,
            counters=self._counters,
            sink=self._queue,
            on_status=self._link_changed,
            options=LinkOptions(max_frame_bytes=settings.max_frame_mib * 1024 * 1024),
            clock=clock,
            rng=random.Random(),  # noqa: S311 - jitter
        )
        self._api = EvolutionApi(settings.evolution_api_url, key, on_secret=secrets.add, scrub=secrets.scrub)
        self._sync = InstanceSync(
            server_id=SERVER_ID,
            api=self._api,
            directory=self._directory,
            counters=self._counters,
            on_instances=self._instances_changed,
            interval_s=settings.sync_s,
        )
        self._services = ApiServices(
            server_id=SERVER_ID,
            links=self._links,
            control=InstanceControl(server_id=SERVER_ID, api=self._api, directory=self._directory, links=self._links),
            test=ConnectionTest(self._api, probe=probe_link),
            live=self._live,
            directory=self._directory,
            keys=self._keys,
            events=self._events,
            quarantine=quarantine,
            gaps=self._gaps,
            counters=self._counters,
            allowed_origins=settings.allowed_origins,
        )
        self._spawn(corridor.run(), "corridor")
        self._spawn(self._watch(), "watch")
        self._spawn(self._prune(), "prune")
        self._undo.append(self._end_tasks)

    async def _listen(self) -> None:
        settings = self._settings
        await self._live.start()
        bound = bind(settings.host, settings.port)
        app = self._live.asgi(create_api(self._services))
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=5,
            **uvicorn_options(),
        )
        self._listener = Listener(config, bound)
        await self._listener.open()
        self._undo.append(self._close_listener)
        host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 - only compared
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self._listener.port}"
        log.info("listening", url=self.url, mode="global" if settings.websocket_global_events else "traditional")
        if settings.key_is_public:
            log.warning("EVOLUTION_API_KEY is a default that Evolution's examples print: anybody may use it")
        if not settings.websocket_enabled:
            log.warning("WEBSOCKET_ENABLED=false: nothing is dialled until it is true")

    async def _hush(self) -> None:
        await self._sync.stop()
        await self._links.stop()
        if not await self._queue.drained(DRAIN_S):
            log.error("frames were left unstored at shutdown", frames=len(self._queue))

    async def _close_listener(self) -> None:
        await self._live.close()
        await self._listener.close()
        await self._api.close()

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    def _link_changed(self, status: LinkStatus) -> None:
        if status.target.is_global:
            owners = {organization.organization_id for organization in self._directory.organizations()}
        else:
            instance = self._directory.find(SERVER_ID, status.target.instance or "")
            owners = {instance.organization_id} if instance and instance.organization_id else set()
        self._live.link_status(status, owners)
        if status.state is LinkState.CONNECTED:
            self._sync.request()

    def _instances_changed(self, changed: Sequence[Instance]) -> None:
        for instance in changed:
            self._live.instance_status(instance)
        self._links.reconcile()

    async def _watch(self) -> None:
        """What the command line (another process) changes takes effect here within two seconds."""
        self._directory.on_change(self._links.reconcile)
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                await self._directory.refresh()
                await self._live.enforce()
            except StorageError as error:
                log.warning("database could not be asked for changes", error=type(error).__name__)

    async def _prune(self) -> None:
        while True:
            try:
                await self._events.prune_fingerprints(utc_now() - FINGERPRINTS_KEPT)
            except StorageError as error:
                log.warning("old fingerprints could not be removed", error=type(error).__name__)
            await asyncio.sleep(PRUNE_S)
