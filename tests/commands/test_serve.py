"""The gateway as a process: answers, is told to stop, ends with status 0."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from ponteio.commands import serve
from ponteio.config import Settings


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_told(tmp_path: Path, number: signal.Signals) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PONTEIO_")},
        "EVOLUTION_API_URL": "http://127.0.0.1:9",
        "EVOLUTION_API_KEY": "secret-of-evolution",
        "PONTEIO_PORT": "0",
        "PONTEIO_LOG_FORMAT": "json",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "ponteio", "serve"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = ""
    while not (found := re.search(r'"url": "(http://[^"]+)"', said)):
        line = process.stderr.readline()
        assert line, said
        said += line
    with urllib.request.urlopen(f"{found[1]}/healthz", timeout=10) as answer:
        assert answer.status == 200
    process.send_signal(number)
    said += process.stderr.read()
    assert process.wait(20) == 0
    process.stderr.close()
    assert "secret-of-evolution" not in said
    assert '"stopping"' in said


async def test_migrate_makes_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await serve.migrate(Settings(data_dir=tmp_path))
    assert (tmp_path / "ponteio.db").exists()
    assert "up to date" in capsys.readouterr().out
