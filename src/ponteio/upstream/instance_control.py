"""What people do to instances on Evolution: create, connect, restart, log out, delete, look at."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import structlog

from ponteio.model import outcome
from ponteio.model.identity import Instance, InstanceChange, InstanceState
from ponteio.model.link import LinkState, LinkStatus, LinkTarget
from ponteio.model.outcome import RefusalError
from ponteio.storage.errors import StorageError
from ponteio.tenancy.directory import Directory
from ponteio.upstream.evolution_answers import EvolutionRefusalError, Pairing, WebsocketSettings, news_of_state
from ponteio.upstream.evolution_api import EvolutionApi, NewInstance

log = structlog.get_logger(__name__)

MAX_NAME = 100
LINK_WAIT_S = 1.0
"""How long a person who connects a phone waits for the link. Evolution takes longer for its first QR code."""
LINK_LOOK_S = 0.02


_TOKEN = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_-]{20,1024}")
"""Whatever is a token is taken out of every organization's events, so it must look like nothing that events hold: no
word, no number, no address."""


class Links(Protocol):
    """What of the link service is needed here."""

    @property
    def enabled(self) -> bool: ...
    @property
    def global_events(self) -> bool: ...
    def status(self, target: LinkTarget) -> LinkStatus: ...
    def held_back(self, name: str) -> AbstractContextManager[None]: ...
    async def connect_instance(self, name: str) -> LinkStatus: ...
    def reconcile(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Connected:
    """An instance that was told to connect, and how far its pairing is."""

    instance: Instance
    pairing: Pairing


@dataclass(frozen=True, slots=True)
class InstanceDetail:
    """An instance with what it emits on Evolution. `refusal` says why Evolution could not be asked."""

    instance: Instance
    websocket: WebsocketSettings | None = None
    refusal: RefusalError | None = None


class InstanceControl:
    """Acts on instances of one server by name. Who may do so has been decided before; every call may raise the
    `RefusalError`s of `EvolutionApi`, and INSTANCE_NOT_FOUND when Evolution no longer has the instance: it is then
    marked as removed. What is learned about an instance is noted, and told to `on_instances`. `wished` gives the events
    that were chosen for an instance; none stand for all.
    """

    def __init__(
        self,
        *,
        server_id: str,
        api: EvolutionApi,
        directory: Directory,
        links: Links,
        wished: Callable[[Instance], Awaitable[Sequence[str]]] | None = None,
        on_instances: Callable[[Sequence[Instance]], None] = lambda _changed: None,
    ) -> None:
        self._server_id = server_id
        self._api = api
        self._directory = directory
        self._links = links
        self._wished = wished
        self._on_instances = on_instances

    async def create(
        self,
        *,
        name: str,
        integration: str,
        number: str | None = None,
        token: str | None = None,
        business_id: str | None = None,
        organization_id: str | None = None,
    ) -> Instance:
        """Make the instance on Evolution, with all its events switched on, and give it to the organization (None: to
        nobody yet). In traditional mode its link is dialled.

        The organization owns the name before Evolution is asked, so that the first events find it; should Evolution
        refuse, nobody does. Raises NAME_TAKEN, INVALID_NAME, UNLINKABLE_NAME for a comma where only its own link could
        hear it, and INVALID_REQUEST for a token that is too simple.
        """
        self._check_name(name)
        _check_token(token)
        await self._require_absence(name)
        with self._links.held_back(name):
            async with self._reserved(name, organization_id):
                made = await self._api.create_instance(NewInstance(name, integration, number, token, business_id))
            await self._directory.register(self._server_id, {name: made.change})
            if organization_id is not None and self._known(name).organization_id != organization_id:
                upstream_id = made.change.upstream_id
                await self._directory.assign(name, organization_id, server_id=self._server_id, upstream_id=upstream_id)
        instance = self._known(name)
        log.info("instance created", server=self._server_id, organization=organization_id)
        self._tell(instance)
        return instance

    async def connect(self, name: str, number: str | None = None) -> Connected:
        """Tell Evolution to connect the phone; with `number` it makes a pairing code too. Harmless when connected.

        Before that, the instance's own link is connected if nothing else hears it, and its events are switched on on
        Evolution, so that the first QR code is not missed. A list of events that is set there is left as it is.
        """
        if not self._is_heard_globally() and self._links.enabled and "," not in name:
            async with self._existing(name):
                await self._enable_events(name)
            await self._links.connect_instance(name)
            await self._link_settled(name)
        async with self._existing(name):
            pairing = await self._api.connect_instance(name, number)
            return await self._settled(name, pairing)

    async def restart(self, name: str) -> Connected:
        """Drop the phone's connection and make it anew."""
        async with self._existing(name):
            return await self._settled(name, await self._api.restart(name))

    async def logout(self, name: str) -> Instance:
        """End the session with the phone. Harmless when there is none: Evolution refuses that, and says `close`."""
        async with self._existing(name):
            try:
                await self._api.logout(name)
            except EvolutionRefusalError as refusal:
                if refusal.upstream_status != 400 or await self._api.connection_state(name) is not InstanceState.CLOSE:
                    raise
        return await self._note(name, InstanceChange(state=InstanceState.CLOSE))

    async def delete(self, name: str) -> Instance:
        """Remove the instance from Evolution. Its link is off, and it is forgotten that anybody wanted it so or
        not: the next instance of this name begins anew. Harmless when Evolution has lost it already.
        """
        try:
            await self._api.delete(name)
        except EvolutionRefusalError as refusal:
            if not refusal.is_absence:
                raise
        instance = await self._note(name, InstanceChange(removed=True))
        self._links.reconcile()
        log.info("instance deleted", server=self._server_id, organization=instance.organization_id)
        return instance

    async def detail(self, name: str) -> InstanceDetail:
        """The instance, with its state and its settings asked of Evolution now. Where Evolution cannot be asked, what
        is known here, and why.
        """
        try:
            async with self._existing(name):
                state = await self._api.connection_state(name)
                settings = await self._api.find_websocket(name)
        except RefusalError as refusal:
            if refusal.outcome is outcome.INSTANCE_NOT_FOUND:
                raise
            return InstanceDetail(self._known(name), refusal=refusal)
        return InstanceDetail(await self._note_state(name, state), settings)

    async def _require_absence(self, name: str) -> None:
        """Evolution has no instance of this name; one that was known is marked as removed."""
        known = self._directory.find(self._server_id, name)
        if await self._api.fetch_instance(name) is not None:
            raise RefusalError(outcome.NAME_TAKEN)
        if known is not None and known.upstream_id is not None:
            # By its id: one that somebody makes under this name in the meantime stays.
            await self._note(name, InstanceChange(removed=True, upstream_id=known.upstream_id))

    @asynccontextmanager
    async def _reserved(self, name: str, organization_id: str | None) -> AsyncIterator[None]:
        """The name is the organization's; should what is done meanwhile fail, it is as it was."""
        if organization_id is None:
            yield
            return
        reservation = await self._directory.reserve(name, organization_id, server_id=self._server_id)
        try:
            yield
        except BaseException:
            try:
                await self._directory.release(reservation)
            except (StorageError, RefusalError) as error:
                log.error("a name that was kept could not be freed", error=type(error).__name__)
            raise

    async def _enable_events(self, name: str) -> None:
        settings = await self._api.find_websocket(name)
        if settings is None or not settings.enabled:
            events = () if self._wished is None else await self._wished(self._known(name))
            await self._api.set_websocket(name, enabled=True, events=events)

    async def _link_settled(self, name: str) -> None:
        """The first dial has come to something, or has had `LINK_WAIT_S`: whether it joined does not matter here."""
        target = LinkTarget(self._server_id, name)
        for _ in range(int(LINK_WAIT_S / LINK_LOOK_S)):
            if self._links.status(target).state is not LinkState.CONNECTING:
                return
            await asyncio.sleep(LINK_LOOK_S)

    async def _settled(self, name: str, pairing: Pairing) -> Connected:
        state = pairing.state or await self._api.connection_state(name)
        return Connected(await self._note_state(name, state), pairing)

    async def _note_state(self, name: str, told: InstanceState) -> Instance:
        return await self._note(name, InstanceChange(state=news_of_state(self._known(name), told)))

    async def _note(self, name: str, change: InstanceChange) -> Instance:
        changed = await self._directory.note(self._server_id, name, change)
        if changed is not None:
            self._tell(changed)
        return self._known(name)

    @asynccontextmanager
    async def _existing(self, name: str) -> AsyncIterator[None]:
        """Turns Evolution's "no such instance" into ours, with the instance marked as removed."""
        try:
            yield
        except EvolutionRefusalError as refusal:
            if not refusal.is_absence:
                raise
            await self._note(name, InstanceChange(removed=True))
            raise RefusalError(outcome.INSTANCE_NOT_FOUND, "Evolution API no longer has this instance.") from None

    def _is_heard_globally(self) -> bool:
        return self._links.status(LinkTarget(self._server_id)).state is not LinkState.OFF

    def _known(self, name: str) -> Instance:
        found = self._directory.find(self._server_id, name)
        if found is None:
            raise RefusalError(outcome.INSTANCE_NOT_FOUND)
        return found

    def _tell(self, instance: Instance) -> None:
        self._on_instances([instance])

    def _check_name(self, name: str) -> None:
        if not 1 <= len(name) <= MAX_NAME or name in (".", ".."):
            raise RefusalError(outcome.INVALID_NAME, f"A name has 1 to {MAX_NAME} characters and is not '.' or '..'.")
        # Newer releases of Evolution cut spaces off the ends, and the instance would have another name than ours.
        if name != name.strip() or any(unicodedata.category(char) in ("Cc", "Cs") for char in name):
            detail = "A name has no space at its ends and no control characters."
            raise RefusalError(outcome.INVALID_NAME, detail)
        if "," in name and not self._links.global_events:
            raise RefusalError(outcome.UNLINKABLE_NAME)


def _check_token(token: str | None) -> None:
    if token is not None and _TOKEN.fullmatch(token) is None:
        detail = "A token has 20 to 1024 letters, digits, '-' and '_', at least one of them a letter."
        raise RefusalError(outcome.INVALID_REQUEST, detail)
