"""A simulated Evolution API and the gateway connected to it through the ordinary client, in one process."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import SecretStr

from ponteio.app import Gateway
from ponteio.commands.admin import put_into_hands
from ponteio.commands.office import office
from ponteio.config import GatewaySettings
from ponteio.foundation import SERVER_ID, Foundation
from ponteio.model.outcome import RefusalError
from ponteio.model.rights import Role
from ponteio.observe.logging import configure_logging
from ponteio.simulator.options import SimulatorOptions
from ponteio.simulator.server import Simulator

ORGANIZATION = "Demo"
NOTES = "demo.json"


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """`rate` is events per second over all instances; `port` 0 takes any free one."""

    port: int = 3001
    data: Path = Path(".demo")
    instances: int = 5
    rate: float = 2.0
    mode: str = "global"
    log_level: str = "warning"


@dataclass(frozen=True, slots=True)
class DemoNotes:
    """What `<data>/demo.json` tells scripts about the running demo. `operator` and `admin`, of the demo's organization,
    are people: `email` and `password`.
    """

    url: str
    api_key: str
    operator_key: str
    organization: str
    operator: dict[str, str]
    admin: dict[str, str]
    simulator: dict[str, str]


Show = Callable[[DemoNotes], Awaitable[None]]


async def demo(options: DemoOptions, stop: asyncio.Event, show: Show) -> None:
    """Run until `stop` is set or `show`, which is given the notes once events flow, comes back."""
    options.data.mkdir(parents=True, exist_ok=True)
    lines = configure_logging(options.log_level, "auto")
    old = _read_notes(options.data / NOTES)
    simulator = Simulator(
        SimulatorOptions(
            instances=options.instances,
            rate=options.rate,
            global_events=options.mode == "global",
            api_key=old.simulator["api_key"] if old else secrets.token_hex(16),
        )
    )
    await simulator.start()
    try:
        settings = _settings(options, simulator)
        notes = await _prepare(settings, simulator, old)
        gateway = Gateway(settings)
        await gateway.start()
        try:
            notes = DemoNotes(**{**asdict(notes), "url": gateway.url})
            _write_notes(options.data / NOTES, notes)
            await _first_to_end(stop.wait(), show(notes))
        finally:
            await gateway.stop()
    finally:
        await simulator.stop()
        lines.stop()


def _settings(options: DemoOptions, simulator: Simulator) -> GatewaySettings:
    return GatewaySettings.model_construct(
        **{
            **{name: field.default for name, field in GatewaySettings.model_fields.items()},
            "data_dir": options.data,
            "database_url": f"sqlite:///{options.data / 'ponteio.db'}",
            "websocket_enabled": True,
            "websocket_global_events": options.mode == "global",
            "evolution_api_url": simulator.url,
            "evolution_api_key": SecretStr(simulator.api_key),
            "host": "127.0.0.1",
            "port": options.port,
            "log_level": options.log_level,
        }
    )


async def _prepare(settings: GatewaySettings, simulator: Simulator, old: DemoNotes | None) -> DemoNotes:
    """One organization that owns every simulated instance, its key and the operator's: made once, then found again."""
    async with office(settings) as here:
        owner = here.directory.organization(ORGANIZATION) or await here.directory.create_organization(ORGANIZATION)
        api_key = await _key(here, owner.organization_id, old.api_key if old else None)
        operator_key = await _key(here, None, old.operator_key if old else None)
        operator = await _person(here, "operator@demo.local", None, old.operator if old else None)
        admin = await _person(here, "admin@demo.local", owner.organization_id, old.admin if old else None)
        for name in sorted(it.name for it in simulator.world):
            known = here.directory.find(SERVER_ID, name)
            if known is None or known.organization_id != owner.organization_id:
                await put_into_hands(here, name, owner.organization_id)
    return DemoNotes(
        url="",
        api_key=api_key,
        operator_key=operator_key,
        organization=owner.organization_id,
        operator=operator,
        admin=admin,
        simulator={"url": simulator.url, "api_key": simulator.api_key},
    )


async def _key(here: Foundation, organization_id: str | None, old: str | None) -> str:
    if old is not None:
        try:
            principal = await here.keys.authenticate(old)
        except RefusalError:
            pass
        else:
            if (principal.scope.organization_id if principal.scope else None) == organization_id:
                return old
    return (await here.keys.create(organization_id, "demo"))[1]


async def _person(
    here: Foundation, email: str, organization_id: str | None, old: dict[str, str] | None
) -> dict[str, str]:
    """An operator, or an admin of the organization, whose password is in the notes: made once, then found again."""
    known = await here.accounts.by_email(email)
    if known is not None and old is not None and old["email"] == email:
        return old
    password = secrets.token_urlsafe(12)
    if known is not None:
        await here.accounts.set_password(known.user_id, password)
    else:
        made = await here.accounts.create(email, email.partition("@")[0], password, is_operator=organization_id is None)
        if organization_id is not None:
            await here.memberships.add(organization_id, made.user_id, Role.ADMIN)
    return {"email": email, "password": password}


def _read_notes(path: Path) -> DemoNotes | None:
    try:
        return DemoNotes(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write_notes(path: Path, notes: DemoNotes) -> None:
    """Whole or not at all, and readable by nobody else: it holds keys."""
    partial = path.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(asdict(notes), indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


async def _first_to_end(*work: Awaitable[object]) -> None:
    tasks: Iterable[asyncio.Future[object]] = [asyncio.ensure_future(it) for it in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
