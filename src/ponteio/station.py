"""One Evolution server as the house works with it: its links, its REST side, and what is done to its instances."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ponteio.decode.redaction import KnownSecrets, hide
from ponteio.eventlog.gaps import GapLog
from ponteio.eventlog.log import EventLog
from ponteio.model import outcome
from ponteio.model.identity import Instance, Server
from ponteio.model.link import LinkState, LinkStatus
from ponteio.model.outcome import RefusalError
from ponteio.observe.counters import Counters
from ponteio.outbound.address_policy import AddressPolicy
from ponteio.outbound.connector import Connector
from ponteio.outbound.http_client import HttpOptions
from ponteio.tenancy.audit import AuditLog
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.instance_events import InstanceEvents
from ponteio.tenancy.limit_notices import LimitNotices
from ponteio.tenancy.link_intents import LinkIntents
from ponteio.tenancy.servers import is_public_default
from ponteio.upstream.diagnosis import Diagnosis
from ponteio.upstream.diagnosis_records import FrameWatch, KeptRecords
from ponteio.upstream.diagnosis_walk import Desired, Subject
from ponteio.upstream.event_configuration import DriftNews, EventConfiguration
from ponteio.upstream.evolution_answers import Sighting
from ponteio.upstream.evolution_api import EvolutionApi
from ponteio.upstream.evolution_websocket import EvolutionWebSocket
from ponteio.upstream.frame_sink import FrameSink
from ponteio.upstream.instance_control import InstanceControl
from ponteio.upstream.instance_sync import InstanceSync
from ponteio.upstream.link_options import LinkOptions
from ponteio.upstream.link_wishes import LinkLedger

PROOFS_AT_ONCE = 2
"""Claims that are put to one server at a time: each takes a connection of its own."""
_DISPROOFS = (outcome.UPSTREAM_AUTH_FAILED, outcome.UPSTREAM_REFUSED, outcome.INVALID_NAME)


@dataclass(frozen=True, slots=True)
class StationNeeds:
    """What every station works with, whichever its server. `enabled` is WEBSOCKET_ENABLED."""

    enabled: bool
    sync_s: int
    link_options: LinkOptions
    directory: Directory
    intents: LinkIntents
    wishes: InstanceEvents
    audit: AuditLog
    gaps: GapLog
    counters: Counters
    notices: LimitNotices
    secrets: KnownSecrets
    sink: FrameSink
    on_status: Callable[[LinkStatus], None]
    on_instances: Callable[[Sequence[Instance]], None]
    events: EventLog | None = None
    on_drift: Callable[[DriftNews], None] = lambda _news: None


class Station:
    """Built with the server's key in hand; `await start()`, then `await hang_up()` and `await close()`. Raises
    `ValueError` for an address that cannot be used.
    """

    def __init__(self, server: Server, key: str, needs: StationNeeds, ledger: LinkLedger | None = None) -> None:
        self.server = server
        self.key_is_public = is_public_default(key)
        self._key = key
        self._needs = needs
        self._proofs = asyncio.Semaphore(PROOFS_AT_ONCE)
        needs.secrets.add(key, permanent=True)
        connector = Connector(AddressPolicy(allow_private=server.allow_private))
        link_options = replace(needs.link_options, connector=connector)
        self._http = HttpOptions(connector=connector)
        self._api = self._evolution(key, breaks=True)
        self._watch = FrameWatch(needs.sink)
        self.links = EvolutionWebSocket(
            server_id=server.server_id,
            url=server.url,
            key=key,
            enabled=needs.enabled,
            global_events=server.global_events,
            directory=needs.directory,
            intents=needs.intents,
            gaps=needs.gaps,
            counters=needs.counters,
            sink=self._watch,
            on_status=self._link_changed,
            notices=needs.notices,
            ledger=ledger,
            options=link_options,
        )
        self.events = EventConfiguration(
            server_id=server.server_id,
            api=self._api,
            directory=needs.directory,
            wishes=needs.wishes,
            audit=needs.audit,
            global_mode=server.global_events,
            on_news=needs.on_drift,
        )
        self._sync = InstanceSync(
            server_id=server.server_id,
            api=self._api,
            directory=needs.directory,
            counters=needs.counters,
            on_instances=needs.on_instances,
            on_settings=self.events.heed,
            interval_s=needs.sync_s,
        )
        self.control = InstanceControl(
            server_id=server.server_id,
            api=self._api,
            directory=needs.directory,
            links=self.links,
            wished=self.events.wished,
            on_instances=needs.on_instances,
        )
        self.diagnosis = Diagnosis(self._subject(link_options))

    @property
    def server_id(self) -> str:
        return self.server.server_id

    async def start(self) -> None:
        """Links begin to dial, and the list of instances to be read."""
        await self.links.start()
        await self._sync.start()

    async def hang_up(self) -> None:
        """Nothing arrives any more; the server can still be asked."""
        await self._sync.stop()
        await self.events.close()
        await self.links.stop()

    async def close(self) -> None:
        """Nothing is open any more."""
        await self._api.close()

    def serves(self, server: Server, key: str) -> bool:
        """Whether the station is what `server` and its key want: a label alone makes no difference."""
        return key == self._key and _essence(server) == _essence(self.server)

    async def proved(self, name: str, token: str) -> Sighting | None:
        """The instance of this name, if `token` is its token by Evolution's own word; None for everything else. The
        server's global key proves nothing about an instance. Nothing is kept of a token that Evolution does not know:
        whatever counts as a secret is taken out of everybody's events.

        Raises `RefusalError` only when Evolution could not be asked.
        """
        tokens: list[str] = []
        async with self._proofs:
            asked = self._evolution(token, tokens.append)
            try:
                found = await asked.fetch_instance(name)
            except RefusalError as refusal:
                if refusal.outcome in _DISPROOFS:
                    return None
                raise
            finally:
                await asked.close()
        return found if token in tokens else None

    def _subject(self, link_options: LinkOptions) -> Subject:
        server, needs = self.server, self._needs
        return Subject(
            server_id=server.server_id,
            url=server.url,
            key=self._key,
            global_events=server.global_events,
            enabled=needs.enabled,
            is_from_environment=server.is_from_environment,
            link_options=link_options,
            http=self._http,
            records=KeptRecords(needs.directory, needs.gaps, needs.events, self._watch),
            status_of=self.links.status,
            desired=desired_events(needs.wishes),
            on_secret=needs.secrets.add,
        )

    def _evolution(
        self, key: str, on_token: Callable[[str], None] | None = None, *, breaks: bool = False
    ) -> EvolutionApi:
        secrets = self._needs.secrets

        def learn(token: str) -> None:
            secrets.add(token)
            if on_token is not None:
                on_token(token)

        return EvolutionApi(
            self.server.url,
            key,
            on_secret=learn,
            scrub=lambda text: hide(text, secrets.found_in(text.encode())),
            options=replace(self._http, breaks=breaks),
        )

    def _link_changed(self, status: LinkStatus) -> None:
        self._needs.on_status(status)
        if status.state is LinkState.CONNECTED:
            self._sync.request()


def desired_events(wishes: InstanceEvents) -> Desired:
    """What a diagnosis asks: the events that are wished of an instance, None where nobody wished any."""

    async def desired(instance: Instance) -> frozenset[str] | None:
        wish = await wishes.get(instance)
        return None if wish is None else frozenset(wish.wanted)

    return desired


def _essence(server: Server) -> tuple[object, ...]:
    return server.server_id, server.url, server.global_events, server.allow_private
