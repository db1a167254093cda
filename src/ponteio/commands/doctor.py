"""`ponteio doctor`: the gateway's own side, then the way to Evolution API and an instance's events. Needs no running
gateway, and changes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace

from ponteio.commands import doctor_house as house
from ponteio.commands.doctor_screen import DoctorScreen
from ponteio.commands.office import office
from ponteio.commands.runner import EXIT_FAILED
from ponteio.config import (
    GatewaySettings,
    Settings,
    SettingsError,
    load_client_settings,
    load_gateway_settings,
    load_settings,
)
from ponteio.foundation import SERVER_ID, Foundation
from ponteio.model.diagnosis import Asked, Finding, Verdict, language_of
from ponteio.model.identity import Server
from ponteio.model.outcome import RefusalError
from ponteio.observe.clock import utc_now
from ponteio.outbound.address_policy import AddressPolicy
from ponteio.outbound.connector import Connector
from ponteio.outbound.http_client import HttpOptions
from ponteio.station import desired_events
from ponteio.storage.errors import StorageError
from ponteio.upstream.diagnosis import Diagnosis
from ponteio.upstream.diagnosis_records import KeptRecords, NoRecords
from ponteio.upstream.diagnosis_walk import Subject
from ponteio.upstream.link_options import LinkOptions

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """What to look at, and how to say it. No `server`: those that have the `instance`, or all."""

    instance: str = ""
    server: str = ""
    lang: str = ""
    as_json: bool = False
    round_trip: bool = False


@dataclass(frozen=True, slots=True)
class _Patient:
    """What can be opened: the settings of the gateway, if they can be read, and the database, if it is current; and
    whether a gateway runs.
    """

    settings: GatewaySettings | None
    here: Foundation | None
    has_gateway: bool


async def doctor(options: DoctorOptions) -> int:
    """Say what is well and what is not. The answer is an exit status: 1 when something does not work."""
    screen = DoctorScreen(language_of(options.lang), as_json=options.as_json)
    screen.about_the_gateway()
    faults, settings, url = _settings()
    screen.show(house.own_settings(faults))
    if settings is not None:
        database = await house.database(settings)
        keys = house.secret_key(settings, is_new=database.reason == "absent")
        for each in (house.data_dir(settings), house.disk(settings), database, keys):
            screen.show(each)
        gateways = settings if isinstance(settings, GatewaySettings) else None
        gateway = await house.gateway(url, gateways)
        screen.show(gateway)
        # Opening what is not as it should be would make what is missing.
        async with _opened(settings, usable=(database.reason, keys.reason) == ("current", "readable")) as here:
            patient = _Patient(gateways, here, has_gateway=gateway.reason == "ready")
            await _look_inside(patient, options, screen)
    return EXIT_FAILED if screen.end() is Verdict.FAIL else 0


def _settings() -> tuple[list[str], Settings | None, str]:
    """What is wrong with the settings, as much of them as can be read, and where the gateway is looked for."""
    faults: list[str] = []
    found: Settings | None = None
    url = ""
    try:
        url = load_client_settings().url
        found = load_settings()
        found = load_gateway_settings()
    except SettingsError as error:
        faults = error.faults
    return faults, found, url


@asynccontextmanager
async def _opened(settings: Settings, *, usable: bool) -> AsyncIterator[Foundation | None]:
    if not usable:
        yield None
        return
    async with office(settings) as here:
        yield here


async def _look_inside(patient: _Patient, options: DoctorOptions, screen: DoctorScreen) -> None:
    if patient.here is not None:
        async for found in house.inside(patient.here):
            screen.show(found)
    servers = _servers(patient, options)
    if not servers:
        screen.show(Finding("servers", Verdict.FAIL, ("servers.none",), ("servers.list",)))
    for server in servers:
        await _walk(patient, server, options, screen)


def _servers(patient: _Patient, options: DoctorOptions) -> list[Server]:
    """The servers that are meant."""
    known = {} if patient.here is None else {it.server_id: it for it in patient.here.directory.servers()}
    known.pop(SERVER_ID, None)
    if patient.settings is not None:
        known = {SERVER_ID: _environments(patient.settings), **known}
    if options.server:
        return [known[options.server]] if options.server in known else []
    if options.instance and patient.here is not None:
        holders = {it.server_id for it in patient.here.directory.namesakes(options.instance)}
        return [it for it in known.values() if it.server_id in holders] or list(known.values())[:1]
    return list(known.values())


def _environments(settings: GatewaySettings) -> Server:
    """The server of the environment, as the gateway will know it."""
    return Server(
        server_id=SERVER_ID,
        url=settings.evolution_api_url,
        label="",
        created_at=utc_now(),
        global_events=settings.websocket_global_events,
        allow_private=True,
        is_from_environment=True,
    )


async def _walk(patient: _Patient, server: Server, options: DoctorOptions, screen: DoctorScreen) -> None:
    screen.about_a_server(server.server_id, server.url, options.instance or None)
    try:
        key = await _key(patient, server)
    except (RefusalError, StorageError):
        values = {"server": server.server_id, "path": "secret.keys"}
        screen.show(Finding("servers", Verdict.FAIL, ("servers.unreadable",), ("secret_key.restore",), values=values))
        return
    names = [] if patient.here is None else [it.name for it in patient.here.directory.all_instances()]
    asked = Asked(options.instance or None, names, round_trip=options.round_trip)
    async with aclosing(Diagnosis(_subject(patient, server, key)).steps(asked)) as steps:
        async for found in steps:
            screen.show(found)


async def _key(patient: _Patient, server: Server) -> str:
    if server.is_from_environment and patient.settings is not None:
        return patient.settings.evolution_api_key.get_secret_value()
    if patient.here is None:
        return ""
    return await patient.here.servers.key(server.server_id)


def _subject(patient: _Patient, server: Server, key: str) -> Subject:
    here, settings = patient.here, patient.settings
    connector = Connector(AddressPolicy(allow_private=server.allow_private))
    link_options = LinkOptions(connector=connector)
    if settings is not None:
        link_options = replace(link_options, max_frame_bytes=settings.max_frame_mib * _MIB)
    return Subject(
        server_id=server.server_id,
        url=server.url,
        key=key,
        global_events=server.global_events,
        enabled=settings is None or settings.websocket_enabled,
        is_from_environment=server.is_from_environment,
        has_gateway=patient.has_gateway and here is not None,
        link_options=link_options,
        http=HttpOptions(connector=connector),
        desired=None if here is None else desired_events(here.wishes),
        records=NoRecords() if here is None else KeptRecords(here.directory, here.gaps, here.events),
    )
