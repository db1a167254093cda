"""The composition root: builds the rooms, hands each what it needs, starts them in order and stops them in reverse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from ponteio.api.activity import LastEvents
from ponteio.api.factory import create_api
from ponteio.api.middleware import CommonHeaders
from ponteio.chores import Chores
from ponteio.config import GatewaySettings
from ponteio.decode.decoder import Decoder
from ponteio.decode.redaction import KnownSecrets
from ponteio.expiry import expiries
from ponteio.first_run import first_operator_token
from ponteio.fleet import Fleet
from ponteio.foundation import SERVER_ID, Foundation
from ponteio.front import api_services, live_options
from ponteio.indexing import Indexing
from ponteio.journal_scribe import hire_scribe
from ponteio.limit_scribe import LimitScribe
from ponteio.listener import Listener, bind
from ponteio.live.edge import LiveEdge
from ponteio.live.socketio_edge import uvicorn_options
from ponteio.metrics_desk import MetricsDesk
from ponteio.model.identity import Server
from ponteio.newsroom import newsroom
from ponteio.observe.counters import Counters
from ponteio.pipeline import Corridor, FrameQueue, Voices, record_unstored
from ponteio.station import StationNeeds
from ponteio.switchboard import Switchboard
from ponteio.tenancy.limit_notices import LimitNotices
from ponteio.upkeep import Upkeep
from ponteio.upstream.event_runner import EventRunner
from ponteio.upstream.link_options import LinkOptions

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
        self._undo: list[Callable[[], Awaitable[object]]] = []

    async def start(self) -> None:
        """Build, migrate, listen, dial. Raises what went wrong, with everything undone."""
        try:
            await self._open_rooms()
            self._hire()
            await self._fleet.open()
            await self._listen()
            self._undo.append(self._hang_up)
            await self._fleet.start()
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

    async def first_operator_token(self) -> str | None:
        """A one-time token for whoever is to run the deployment; None once somebody does."""
        return await first_operator_token(self._base)

    async def _open_rooms(self) -> None:
        settings = self._settings
        self._counters = Counters()
        self._base = await Foundation.open(settings, checkpoints=True, limits=settings.limits, counters=self._counters)
        self._undo.append(self._base.close)
        await self._base.directory.ensure_server(
            SERVER_ID, settings.evolution_api_url, global_events=settings.websocket_global_events
        )
        self._notices = LimitNotices(self._counters)
        self._secrets = KnownSecrets([settings.evolution_api_key.get_secret_value()])
        self._queue = FrameQueue(settings.queue_frames, settings.queue_mib * MIB)

    def _hire(self) -> None:
        base = self._base
        self._live = LiveEdge(
            log=base.events,
            authenticator=base.authenticator,
            directory=base.directory,
            notices=self._notices,
            counters=self._counters,
            options=live_options(self._settings),
        )
        self._activity = LastEvents()
        lines = Switchboard(self._live, base.directory, self._activity, self._counters)
        journal = hire_scribe(base, lines, self._notices)
        needs = StationNeeds(
            enabled=self._settings.websocket_enabled,
            sync_s=self._settings.sync_s,
            link_options=self._link_options,
            directory=base.directory,
            intents=base.intents,
            wishes=base.wishes,
            events=base.events,
            audit=base.audit,
            gaps=base.gaps,
            counters=self._counters,
            notices=self._notices,
            secrets=self._secrets,
            sink=self._queue,
            on_status=lines.link_changed,
            on_instances=lines.instances_changed,
            on_drift=journal.drift_noticed,
        )
        self._fleet = Fleet(needs, self._key_of)
        history = Indexing(base.database, self._settings.database_url, base.events)
        self._metrics = MetricsDesk(base, self._counters, self._queue, self._live, self._fleet, history)
        self._news = newsroom(base, self._settings, self._notices, self._live, self._fleet, lines)
        self._runner = EventRunner(base.event_runs, base.directory, lambda server: self._fleet.station(server).events)
        scribe = LimitScribe(base.audit)
        self._notices.on_notice(scribe.note)
        looks = [base.directory.refresh, self._live.enforce, self._fleet.refresh, scribe.write, journal.write]
        keep = timedelta(days=self._settings.journal_days)
        prunes = expiries(base, self._settings.keep_days, self._news.prune, lambda: journal.prune(keep))
        upkeep = Upkeep(looks, base.events, prunes)
        base.directory.on_change(self._directory_changed)
        self._directory_changed()
        self._undo += [journal.close, self._metrics.close, self._chores.end]
        self._chores.start(
            corridor=self._corridor(lines).run(),
            watch=upkeep.watch(),
            prune=upkeep.prune(),
            event_runs=self._runner.run(),
            metrics=self._metrics.run(),
            news=self._news.run(),
            history=history.run(),
        )

    def _corridor(self, lines: Switchboard) -> Corridor:
        return Corridor(
            queue=self._queue,
            decoder=Decoder(self._secrets),
            directory=self._base.directory,
            events=self._base.events,
            quarantine=self._base.quarantine,
            counters=self._counters,
            voices=Voices(lines.announce, lines.instance_changed, lines.pass_on),
        )

    async def _key_of(self, server: Server) -> str:
        if server.is_from_environment:
            return self._settings.evolution_api_key.get_secret_value()
        return await self._base.servers.key(server.server_id)

    async def _listen(self) -> None:
        settings = self._settings
        services = api_services(
            self._base, settings, self._fleet, self._live, self._notices, self._activity, self._metrics, self._news
        )
        options = {**uvicorn_options(), "forwarded_allow_ips": settings.trusted_proxies}
        front = CommonHeaders(self._live.asgi(create_api(services)), is_https=services.web.is_https)
        self._listener = Listener(front, bind(settings.host, settings.port), options)
        await self._live.start()
        self._undo.append(self._close_listener)
        await self._listener.open()
        await self._metrics.open(settings.metrics_host, settings.metrics_port)
        self.url = self._listener.url
        log.info("listening", url=self.url, mode="global" if settings.websocket_global_events else "traditional")
        if not settings.websocket_enabled:
            log.warning("WEBSOCKET_ENABLED=false: nothing is dialled until it is true")

    async def _hang_up(self) -> None:
        await self._news.stop()
        await self._fleet.hang_up()
        if not await self._queue.drained(DRAIN_S):
            await record_unstored(self._queue, self._base.gaps)

    async def _close_listener(self) -> None:
        await self._live.close()
        await self._listener.close()
        await self._fleet.close()

    def _directory_changed(self) -> None:
        for instance in self._base.directory.all_instances():
            self._secrets.add_name(instance.name)
        self._fleet.reconcile()
