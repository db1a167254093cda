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
events = typer.Typer(name="events", help="The organization's kept events.", no_args_is_help=True)
for words in (*cli_admin.APPS, events):
    app.add_typer(words)


class Mode(StrEnum):
    """How the demo's gateway listens."""

    GLOBAL = "global"
    TRADITIONAL = "traditional"


class Form(StrEnum):
    """How an export is written."""

    NDJSON = "ndjson"
    CSV = "csv"


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
    wrong: Annotated[str, typer.Option(help="Set one thing up wrongly, for ponteio doctor to find (? lists).")] = "",
) -> None:
    """An Evolution-shaped server (REST and Socket.IO) for development: no WhatsApp, no real Evolution API."""
    from ponteio.commands import runner
    from ponteio.commands import simulate as command

    options = command.options(instances, rate, mode is Mode.GLOBAL, api_key, tz, seed)
    runner.run(runner.until_told(lambda stop: command.simulate(options, host, port, stop, wrong)))


@app.command()
def tail(
    words: Annotated[
        list[str] | None, typer.Argument(help="A filter, such as 'event:messages.* inst:loja-12 text:\"boleto\"'.")
    ] = None,
    url: Annotated[str, typer.Option(help="Where the gateway answers [PONTEIO_URL].")] = "",
    api_key: Annotated[str, typer.Option("--key", help="An organization's key [PONTEIO_API_KEY].")] = "",
    after: Annotated[str, typer.Option(help="Continue after this cursor, without loss.")] = "",
    since: Annotated[str, typer.Option(help="Begin in the past: an age such as 2h, or a moment.")] = "",
    wanted: Annotated[str, typer.Option("--filter", help="A filter, as words are: see docs/filters.md.")] = "",
    instance: Annotated[list[str] | None, typer.Option(help="Only this instance; may be repeated.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="Only this event or family.*; may be repeated.")] = None,
    count: Annotated[int, typer.Option(help="Stop after so many events; 0: never.", min=0)] = 0,
    tui: Annotated[bool, typer.Option("--tui", help="A view with pause, search and detail.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show live events. With --json, print each as a line of JSON and, at the end, the cursor to continue from."""
    from ponteio.commands import runner
    from ponteio.commands.tail import TailOptions, tail_until
    from ponteio.commands.tail_filter import filter_text
    from ponteio.config import load_client_settings

    settings = runner.load(load_client_settings)
    secret = api_key or settings.api_key.get_secret_value()
    if not secret:
        runner.fail("no API key: give --key or set PONTEIO_API_KEY", runner.EXIT_USAGE)
    if tui and (as_json or count):
        runner.fail("--tui goes with neither --json nor --count", runner.EXIT_USAGE)
    options = TailOptions(
        url=url or settings.url,
        api_key=secret,
        after=after,
        instances=tuple(instance or ()),
        events=tuple(event or ()),
        count=count,
        as_json=as_json,
        filter=filter_text(wanted, words or ()),
        since=since,
    )
    sys.exit(runner.run(runner.until_told(lambda stop: tail_until(options, stop, in_app=tui))))


@events.command("export")
def events_export(
    words: Annotated[list[str] | None, typer.Argument(help="A filter, such as 'event:messages.* since:7d'.")] = None,
    url: Annotated[str, typer.Option(help="Where the gateway answers [PONTEIO_URL].")] = "",
    api_key: Annotated[str, typer.Option("--key", help="An organization's key [PONTEIO_API_KEY].")] = "",
    form: Annotated[Form, typer.Option("--format", help="Lines of JSON, or rows for a spreadsheet.")] = Form.NDJSON,
    wanted: Annotated[str, typer.Option("--filter", help="A filter, as words are: see docs/filters.md.")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here, once it is whole.")] = None,
    after: Annotated[str, typer.Option(help="Only what came after this cursor.")] = "",
    separator: Annotated[str, typer.Option(help="Of CSV: a comma or a semicolon.")] = ",",
) -> None:
    """Write every kept event that fits, oldest first. The last line says that it is all; so does the exit status 0."""
    from ponteio.commands import runner
    from ponteio.commands.export import ExportOptions, export_until
    from ponteio.commands.tail_filter import filter_text
    from ponteio.config import load_client_settings

    settings = runner.load(load_client_settings)
    secret = api_key or settings.api_key.get_secret_value()
    if not secret:
        runner.fail("no API key: give --key or set PONTEIO_API_KEY", runner.EXIT_USAGE)
    text = filter_text(wanted, words or ())
    options = ExportOptions(url or settings.url, secret, form.value, text, output, after, separator)
    sys.exit(runner.run(runner.until_told(lambda stop: export_until(options, stop))))


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
def logs(
    url: Annotated[str, typer.Option(help="Where the gateway answers [PONTEIO_URL].")] = "",
    api_key: Annotated[str, typer.Option("--key", help="An organization's or operator's key [PONTEIO_API_KEY].")] = "",
    instance: Annotated[str, typer.Option(help="Only this instance.")] = "",
    server: Annotated[str, typer.Option(help="Only this Evolution server.")] = "",
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind or family (link.*); may be repeated.")] = None,
    since: Annotated[str, typer.Option(help="An age such as 2h, or a moment.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=10_000)] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what happened to links and instances: connected, lost, gaps, states, limits, drift."""
    from ponteio.commands import runner
    from ponteio.commands.logs import LogsOptions, logs_until
    from ponteio.config import load_client_settings

    settings = runner.load(load_client_settings)
    secret = api_key or settings.api_key.get_secret_value()
    if not secret:
        runner.fail("no API key: give --key or set PONTEIO_API_KEY", runner.EXIT_USAGE)
    kinds = tuple(kind or ())
    options = LogsOptions(url or settings.url, secret, instance, server, kinds, since, limit, follow, as_json)
    sys.exit(runner.run(runner.until_told(lambda stop: logs_until(options, stop))))


@app.command()
def doctor(
    instance: Annotated[str, typer.Option(help="Look at the events of this instance too.")] = "",
    server: Annotated[str, typer.Option(help="Only this Evolution server.")] = "",
    round_trip: Annotated[
        bool, typer.Option("--round-trip", help="Send a message into the instance (EVOLUTION only). It is seen.")
    ] = False,
    as_json: AsJson = False,
    lang: Annotated[str, typer.Option(help="en or pt.")] = "en",
) -> None:
    """Say what is well, what is not, and what to do: from the settings to an instance's events. Changes nothing."""
    from ponteio.commands import doctor as command
    from ponteio.commands import runner

    options = command.DoctorOptions(instance, server, lang, as_json, round_trip)
    sys.exit(runner.run(command.doctor(options)))


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
