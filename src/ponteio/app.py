"""The composition root: builds the rooms, hands each what it needs, starts them in order and stops them in reverse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from ponteio.api.activity import LastEvents
from ponteio.api.factory import create_api
from ponteio.api.services import ApiServices
from ponteio.chores import Chores
from ponteio.config import GatewaySettings
from ponteio.decode.decoder import Decoder
from ponteio.decode.redaction import KnownSecrets, hide
from ponteio.foundation import SERVER_ID, Foundation
from ponteio.listener import Listener, bind
from ponteio.live.edge import LiveEdge
from ponteio.live.options import LiveOptions
from ponteio.live.socketio_edge import uvicorn_options
from ponteio.observe.counters import Counters
from ponteio.pipeline import Corridor, FrameQueue, Voices, record_unstored
from ponteio.switchboard import Switchboard
from ponteio.upkeep import Upkeep
from ponteio.upstream.connection_test import ConnectionTest
from ponteio.upstream.evolution_api import EvolutionApi
from ponteio.upstream.evolution_websocket import EvolutionWebSocket
from ponteio.upstream.instance_control import InstanceControl
from ponteio.upstream.instance_sync import InstanceSync
from ponteio.upstream.link import LinkOptions
from ponteio.upstream.link_probe import probe_link

log = structlog.get_logger(__name__)

MIB = 1024 * 1024
DRAIN_S = 10.0


class Gateway:
    """The whole house in one process. `await start()`, then `await stop()`; `url` is where it answers."""

    def __init__(self, settings: GatewaySettings, link_options: LinkOptions | None = None) -> None:
        self.url = ""
        self._chores = Chores()
        self._settings = settings
        self._link_options = replace(link_options or LinkOptions(), max_frame_bytes=settings.max_frame_mib * MIB)
        self._key = settings.evolution_api_key.get_secret_value()
        self._undo: list[Callable[[], Awaitable[object]]] = []

    async def start(self) -> None:
        """Build, migrate, listen, dial. Raises what went wrong, with everything undone."""
        try:
            await self._open_rooms()
            self._hire()
            await self._listen()
            self._undo.append(self._hang_up)
            await self._links.start()
            await self._sync.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Links first, then what they brought is stored and said, then the sockets, then the database."""
        while self._undo:
            try:
                await self._undo.pop()()
            except Exception as error:  # noqa: BLE001 - the rest must be stopped too
                log.error("a part of the house did not stop cleanly", error=type(error).__name__)

    async def broken(self) -> None:
        """Wait until a part that the house cannot do without has failed: then stop it and start another."""
        await self._chores.broken.wait()

    async def _open_rooms(self) -> None:
        self._base = await Foundation.open(self._settings.database_url, checkpoints=True)
        self._undo.append(self._base.close)
        await self._base.directory.ensure_server(SERVER_ID, self._settings.evolution_api_url)
        self._counters = Counters()
        self._secrets = KnownSecrets([self._key])
        self._queue = FrameQueue(self._settings.queue_frames, self._settings.queue_mib * MIB)

    def _hire(self) -> None:
        settings = self._settings
        self._live = LiveEdge(
            log=self._base.events,
            keys=self._base.keys,
            directory=self._base.directory,
            counters=self._counters,
            options=LiveOptions(
                allowed_origins=settings.allowed_origins,
                sockets_per_organization=settings.sockets_per_organization,
                sockets_per_process=settings.sockets_per_process,
            ),
        )
        self._activity = LastEvents()
        self._lines = Switchboard(self._live, self._base.directory, self._activity)
        self._links = EvolutionWebSocket(
            server_id=SERVER_ID,
            url=settings.evolution_api_url,
            key=self._key,
            enabled=settings.websocket_enabled,
            global_events=settings.websocket_global_events,
            directory=self._base.directory,
            intents=self._base.intents,
            gaps=self._base.gaps,
            counters=self._counters,
            sink=self._queue,
            on_status=self._lines.link_changed,
            options=self._link_options,
        )
        self._evolution = EvolutionApi(
            settings.evolution_api_url, self._key, on_secret=self._secrets.add, scrub=self._scrub
        )
        self._sync = InstanceSync(
            server_id=SERVER_ID,
            api=self._evolution,
            directory=self._base.directory,
            counters=self._counters,
            on_instances=self._lines.instances_changed,
            interval_s=settings.sync_s,
        )
        self._lines.on_connected = self._sync.request
        corridor = Corridor(
            queue=self._queue,
            decoder=Decoder(self._secrets),
            directory=self._base.directory,
            events=self._base.events,
            quarantine=self._base.quarantine,
            counters=self._counters,
            voices=Voices(announce=self._lines.announce, instance_changed=self._live.instance_status),
        )
        upkeep = Upkeep([self._base.directory.refresh, self._live.enforce], self._base.events)
        self._base.directory.on_change(self._directory_changed)
        self._directory_changed()
        self._undo.append(self._chores.end)
        self._chores.start(corridor=corridor.run(), watch=upkeep.watch(), prune=upkeep.prune())

    def _services(self) -> ApiServices:
        control = InstanceControl(
            server_id=SERVER_ID,
            api=self._evolution,
            directory=self._base.directory,
            links=self._links,
            on_instances=self._lines.instances_changed,
        )
        return ApiServices(
            server_id=SERVER_ID,
            links=self._links,
            control=control,
            test=ConnectionTest(
                self._evolution,
                probe=lambda namespace: probe_link(self._settings.evolution_api_url, self._key, namespace),
                global_events=self._settings.websocket_global_events,
            ),
            live=self._live,
            directory=self._base.directory,
            keys=self._base.keys,
            events=self._base.events,
            quarantine=self._base.quarantine,
            gaps=self._base.gaps,
            counters=self._counters,
            allowed_origins=self._settings.allowed_origins,
            activity=self._activity,
        )

    async def _listen(self) -> None:
        settings = self._settings
        app = self._live.asgi(create_api(self._services()))
        self._listener = Listener(app, bind(settings.host, settings.port), uvicorn_options())
        await self._live.start()
        self._undo.append(self._close_listener)
        await self._listener.open()
        self.url = self._listener.url
        log.info("listening", url=self.url, mode="global" if settings.websocket_global_events else "traditional")
        if settings.key_is_public:
            log.warning("EVOLUTION_API_KEY is a default that Evolution's examples print: anybody may use it")
        if not settings.websocket_enabled:
            log.warning("WEBSOCKET_ENABLED=false: nothing is dialled until it is true")

    async def _hang_up(self) -> None:
        await self._sync.stop()
        await self._links.stop()
        if not await self._queue.drained(DRAIN_S):
            await record_unstored(self._queue, self._base.gaps)

    async def _close_listener(self) -> None:
        await self._live.close()
        await self._listener.close()
        await self._evolution.close()

    def _directory_changed(self) -> None:
        for instance in self._base.directory.all_instances():
            self._secrets.add_name(instance.name)
        self._links.reconcile()

    def _scrub(self, text: str) -> str:
        return hide(text, self._secrets.found_in(text.encode()))
