"""What the demo says first."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ponteio.commands.demo import DemoNotes, DemoOptions
from ponteio.commands.demo_screen import DemoScreen


async def test_one_url_and_one_key_are_said_and_no_operator_key(capsys: pytest.CaptureFixture[str]) -> None:
    notes = DemoNotes(
        url="http://127.0.0.1:3001",
        api_key="pnt_key",
        operator_key="pnt_operator",
        organization="org_1",
        operator={"email": "operator@demo.local", "password": "o-password"},
        admin={"email": "admin@demo.local", "password": "a-password"},
        simulator={"url": "http://x", "api_key": "evo"},
    )
    screen = DemoScreen(DemoOptions(data=Path(".demo")), tail=False)
    showing = asyncio.create_task(screen.show(notes))
    said = ""
    while "Ctrl-C" not in said:
        await asyncio.sleep(0.01)
        said += capsys.readouterr().out
    assert "http://127.0.0.1:3001" in said
    assert "pnt_key" in said
    for shown in ("operator@demo.local", "o-password", "admin@demo.local", "a-password"):
        assert shown in said
    assert "pnt_operator" not in said
    assert "evo" not in said.replace("Evolution", "")
    showing.cancel()
    await asyncio.gather(showing, return_exceptions=True)
