"""The command line: words and options in, the right command out. Everything heavy is imported when it is needed."""

from __future__ import annotations

import asyncio
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ponteio import __version__, cli_admin
from ponteio.cli_admin import AsJson

app = typer.Typer(
    name="ponteio",
    help="A self-hosted, multi-tenant, real-time event gateway for Evolution API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for words in cli_admin.APPS:
    app.add_typer(words)


class Mode(StrEnum):
    """How the demo's gateway listens."""

    GLOBAL = "global"
    TRADITIONAL = "traditional"


class Window(StrEnum):
    """How far back `stats` looks."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"


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
def stats(
    url: Annotated[str, typer.Option(help="Where the gateway answers [PONTEIO_URL].")] = "",
    api_key: Annotated[str, typer.Option("--key", help="An organization's or operator's key [PONTEIO_API_KEY].")] = "",
    window: Annotated[Window, typer.Option(help="How far back.")] = Window.HOUR,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it again every five seconds.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show connections, latency, reconnects and the most common events of the last hour, day or week."""
    from ponteio.commands import runner
    from ponteio.commands.stats import StatsOptions, stats_until
    from ponteio.config import load_client_settings

    settings = runner.load(load_client_settings)
    secret = api_key or settings.api_key.get_secret_value()
    if not secret:
        runner.fail("no API key: give --key or set PONTEIO_API_KEY", runner.EXIT_USAGE)
    options = StatsOptions(url or settings.url, secret, window.value, as_json=as_json, watch=watch)
    sys.exit(runner.run(runner.until_told(lambda stop: stats_until(options, stop))))


@app.command()
def migrate() -> None:
    """Bring the database to the newest shape (the gateway does so itself when it starts)."""
    from ponteio.commands import serve as command

    cli_admin.with_settings(command.migrate)


@app.command()
def audit(
    organization: Annotated[str, typer.Option("--org", help="Only this organization's.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=500)] = 50,
    as_json: AsJson = False,
) -> None:
    """Show who did what, the newest first."""
    from ponteio.commands import people

    cli_admin.with_settings(
        lambda settings: people.show_audit(settings, organization=organization or None, limit=limit, as_json=as_json)
    )
