"""The command line: words and options in, the right command out. Everything heavy is imported when it is needed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ponteio import __version__

if TYPE_CHECKING:
    from ponteio.config import Settings

app = typer.Typer(
    name="ponteio",
    help="A self-hosted, multi-tenant, real-time event gateway for Evolution API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
org = typer.Typer(help="Organizations: the tenants of this deployment.", no_args_is_help=True)
key = typer.Typer(help="API keys: shown once, kept as a hash.", no_args_is_help=True)
instance = typer.Typer(help="Instances and who owns them.", no_args_is_help=True)
app.add_typer(org, name="org")
app.add_typer(key, name="key")
app.add_typer(instance, name="instance")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


class Mode(StrEnum):
    """How the demo's gateway listens."""

    GLOBAL = "global"
    TRADITIONAL = "traditional"


def main() -> None:
    """Run the command that `sys.argv` names."""
    app()


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(f"ponteio {__version__}")  # noqa: T201
        raise typer.Exit


@app.command()
def serve() -> None:
    """Run the gateway. Settings come from the environment and .env (see .env.example)."""
    from ponteio.commands import runner
    from ponteio.commands import serve as command
    from ponteio.config import load_gateway_settings

    settings = runner.load(load_gateway_settings)
    sys.exit(runner.run(runner.until_told(lambda stop: command.serve(settings, stop))))


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port of the gateway.", min=0, max=65535)] = 3001,
    data: Annotated[Path, typer.Option(help="Folder for the demo's database and demo.json.")] = Path(".demo"),
    instances: Annotated[int, typer.Option(help="Simulated instances.", min=1, max=1000)] = 5,
    rate: Annotated[float, typer.Option(help="Events a second, over all instances.", min=0, max=10_000)] = 2.0,
    mode: Annotated[Mode, typer.Option(help="One link for all instances, or one each.")] = Mode.GLOBAL,
    tail: Annotated[bool, typer.Option("--tail/--no-tail", help="Show live events here.")] = True,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the gateway's log lines.")] = False,
) -> None:
    """A simulated Evolution API, the gateway connected to it, and live events in this terminal."""
    from ponteio.commands import demo as command
    from ponteio.commands import runner
    from ponteio.commands.demo_screen import DemoScreen

    options = command.DemoOptions(port, data, instances, rate, mode.value, "info" if verbose else "warning")
    screen = DemoScreen(options, tail=tail)

    async def work(stop: asyncio.Event) -> None:
        await command.demo(options, stop, screen.show)

    runner.run(runner.until_told(work))


@app.command()
def simulate(
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any free one.", min=0, max=65535)] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    instances: Annotated[int, typer.Option(help="Instances to begin with.", min=0, max=1000)] = 5,
    rate: Annotated[float, typer.Option(help="Events a second, over all instances.", min=0, max=10_000)] = 2.0,
    mode: Annotated[Mode, typer.Option(help="Whether WEBSOCKET_GLOBAL_EVENTS is true.")] = Mode.GLOBAL,
    api_key: Annotated[str, typer.Option(help="The global key; made up when empty.")] = "",
    tz: Annotated[str, typer.Option(help="Time zone of the server's date_time.")] = "America/Sao_Paulo",
    seed: Annotated[int, typer.Option(help="The same seed sends the same events.")] = 1,
) -> None:
    """An Evolution-shaped server (REST and Socket.IO) for development: no WhatsApp, no real Evolution API."""
    from ponteio.commands import runner
    from ponteio.commands import simulate as command

    options = command.options(instances, rate, mode is Mode.GLOBAL, api_key, tz, seed)
    runner.run(runner.until_told(lambda stop: command.simulate(options, host, port, stop)))


@app.command()
def tail(
    url: Annotated[str, typer.Option(help="Where the gateway answers [PONTEIO_URL].")] = "",
    api_key: Annotated[str, typer.Option("--key", help="An organization's key [PONTEIO_API_KEY].")] = "",
    after: Annotated[str, typer.Option(help="Continue after this cursor, without loss.")] = "",
    instance: Annotated[list[str] | None, typer.Option(help="Only this instance; may be repeated.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="Only this event or family.*; may be repeated.")] = None,
    count: Annotated[int, typer.Option(help="Stop after so many events; 0: never.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Show live events. With --json, print each as a line of JSON and, at the end, the cursor to continue from."""
    from ponteio.commands import runner
    from ponteio.commands.tail import TailOptions, tail_until
    from ponteio.config import load_client_settings

    settings = runner.load(load_client_settings)
    secret = api_key or settings.api_key.get_secret_value()
    if not secret:
        runner.fail("no API key: give --key or set PONTEIO_API_KEY", runner.EXIT_USAGE)
    options = TailOptions(url or settings.url, secret, after, tuple(instance or ()), tuple(event or ()), count, as_json)
    sys.exit(runner.run(runner.until_told(lambda stop: tail_until(options, stop))))


@app.command()
def migrate() -> None:
    """Bring the database to the newest shape (the gateway does so itself when it starts)."""
    from ponteio.commands import serve as command

    _with_settings(command.migrate)


@org.command("create")
def org_create(name: Annotated[str, typer.Argument(help="1 to 64 characters.")], as_json: AsJson = False) -> None:
    """Make an organization."""
    from ponteio.commands import admin

    _with_settings(lambda settings: admin.create_organization(settings, name, as_json=as_json))


@org.command("list")
def org_list(as_json: AsJson = False) -> None:
    """List organizations."""
    from ponteio.commands import admin

    _with_settings(lambda settings: admin.list_organizations(settings, as_json=as_json))


@key.command("create")
def key_create(
    organization: Annotated[str, typer.Option("--org", help="The organization's id or name.")] = "",
    operator: Annotated[bool, typer.Option("--operator", help="A key for the operator of the deployment.")] = False,
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make an API key and show it, once."""
    from ponteio.commands import admin, runner

    if bool(organization) == operator:
        runner.fail("give either --org or --operator", runner.EXIT_USAGE)
    _with_settings(lambda settings: admin.create_key(settings, organization or None, label, as_json=as_json))


@key.command("list")
def key_list(as_json: AsJson = False) -> None:
    """List keys, without their secrets."""
    from ponteio.commands import admin

    _with_settings(lambda settings: admin.list_keys(settings, as_json=as_json))


@key.command("revoke")
def key_revoke(key_id: str) -> None:
    """Revoke a key. Its sockets close within two seconds."""
    from ponteio.commands import admin

    _with_settings(lambda settings: admin.revoke_key(settings, key_id))


@instance.command("list")
def instance_list(as_json: AsJson = False) -> None:
    """List the instances seen so far and their owners."""
    from ponteio.commands import admin

    _with_settings(lambda settings: admin.list_instances(settings, as_json=as_json))


@instance.command("assign")
def instance_assign(
    name: Annotated[str, typer.Argument(help="The instance's name, exactly as Evolution has it.")],
    organization: Annotated[str, typer.Argument(help="The organization's id or name.")],
    move: Annotated[bool, typer.Option("--move", help="Take it from its present owner.")] = False,
) -> None:
    """Give an instance to an organization: its events go there from now on."""
    from ponteio.commands import admin

    _with_settings(lambda settings: admin.assign_instance(settings, name, organization, move=move))


@instance.command("unassign")
def instance_unassign(name: str) -> None:
    """Take an instance from its owner: its events go to quarantine from now on."""
    from ponteio.commands import admin

    _with_settings(lambda settings: admin.unassign_instance(settings, name))


def _with_settings(work: Callable[[Settings], Coroutine[Any, Any, None]]) -> None:
    """Run a command that needs a database and no Evolution server."""
    from ponteio.commands import runner
    from ponteio.config import load_settings

    runner.run(work(runner.load(load_settings)))
