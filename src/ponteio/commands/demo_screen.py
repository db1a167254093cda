"""What the demo says and shows in its terminal."""

from __future__ import annotations

import asyncio

from rich.console import Console

from ponteio.commands.demo import NOTES, DemoNotes, DemoOptions
from ponteio.commands.tail import TailOptions, tail_until


class DemoScreen:
    """The URL and the key first; then live events, or nothing, until somebody ends it."""

    def __init__(self, options: DemoOptions, *, tail: bool) -> None:
        self._options = options
        self._tail = tail

    async def show(self, notes: DemoNotes) -> None:
        """Print what one needs to connect, then the events as they come."""
        console = Console(highlight=False, soft_wrap=True)
        console.print(f"\n  [bold]Ponteio[/] is bridging a simulated Evolution API ({self._options.mode} mode).\n")
        console.print(f"  URL   {notes.url}")
        console.print(f"  Key   {notes.api_key}")
        for who, person in (("Admin", notes.admin), ("Operator", notes.operator)):
            console.print(f"  {who:<9}{person['email']}  password {person['password']}")
        console.print(f"\n  The operator's key and the simulator's address are in {self._options.data / NOTES}.")
        console.print(f"  Try:  curl -H 'apikey: {notes.api_key}' {notes.url}/api/websocket/instances")
        console.print(f"  API:  {notes.url}/openapi.json   End: Ctrl-C\n")
        forever = asyncio.Event()
        if self._tail:
            await tail_until(TailOptions(notes.url, notes.api_key), forever)
        await forever.wait()
