"""`ponteio events export` against a real gateway, also where the line is bad."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import socket
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.api.test_events_routes import message
from tests.support.rest_client import rest_desk
from tests.support.rest_served import Served, served

from ponteio.commands import export, runner
from ponteio.commands.export import ExportOptions, export_until

EVENTS = 40


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setattr(export, "RETRY_FIRST_S", 0.01)
    monkeypatch.setattr(export, "RETRY_LAST_S", 0.02)
    async with rest_desk(tmp_path / "house", instances=3, started=False) as desk, served(desk) as opened:
        for number in range(1, EVENTS + 1):
            text = f"linha\n{'boleto' if number % 4 == 0 else 'oi'} {'x' * 5_000}"
            await desk.house.store(desk.acme_scope, "loja-01", "messages.upsert", message(number, text))
        yield opened


@pytest.fixture
def dialect() -> str:
    return "sqlite"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    (tmp_path / "house").mkdir()
    return tmp_path


@dataclass
class BadLine:
    """A line to the gateway that breaks after so many bytes of each of its first answers; each call has a thread."""

    far: tuple[str, int]
    breaks_after: list[int]
    requests: list[bytes] = field(default_factory=list)

    def carry(self, near: socket.socket) -> None:
        with near, socket.create_connection(self.far, timeout=20) as far, contextlib.suppress(OSError):
            near.settimeout(20)
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += near.recv(65_536)
            self.requests.append(request.split(b"\r\n")[0])
            left = self.breaks_after.pop(0) if self.breaks_after else sys.maxsize
            far.sendall(request)
            while left and (chunk := far.recv(min(65_536, left))):
                near.sendall(chunk)
                left -= len(chunk)

    def take(self, listener: socket.socket) -> None:
        """Carry one call after the other, until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                self.carry(listener.accept()[0])


@asynccontextmanager
async def bad_line(here: Served, *breaks_after: int) -> AsyncIterator[tuple[BadLine, str]]:
    host, port = here.url.removeprefix("http://").split(":")
    line = BadLine((host, int(port)), list(breaks_after))
    listener = socket.create_server(("127.0.0.1", 0))
    taking = threading.Thread(target=line.take, args=[listener], daemon=True)
    taking.start()
    try:
        yield line, f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)  # wakes who waits for the next call
        listener.close()
        await asyncio.to_thread(taking.join, 20)


def options(here: Served, **more: Any) -> ExportOptions:
    return ExportOptions(**{"url": here.url, "api_key": here.desk.api_keys[0], **more})


async def run(wanted: ExportOptions) -> int:
    return await asyncio.wait_for(export_until(wanted, asyncio.Event()), 30)


def seqs(path: Path) -> list[int]:
    return [json.loads(line)["seq"] for line in path.read_bytes().splitlines()[:-1]]


async def test_a_file_appears_when_it_is_whole(here: Served, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "events.ndjson"
    assert await run(options(here, output=path)) == 0
    assert seqs(path) == list(range(1, EVENTS + 1))
    end = json.loads(path.read_bytes().splitlines()[-1])
    assert (end["end"], end["events"]) == (True, EVENTS)
    assert f"{EVENTS} events" in capsys.readouterr().err
    assert [it.name for it in folder.iterdir() if it.is_file()] == ["events.ndjson"]


async def test_to_standard_output_by_filter(here: Served, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert await run(options(here, filter="text:boleto")) == 0
    out, err = capfdbinary.readouterr()
    assert [json.loads(line)["seq"] for line in out.splitlines()[:-1]] == list(range(4, EVENTS + 1, 4))
    assert b"--after" not in err


@pytest.mark.parametrize("form", ["ndjson", "csv"])
async def test_a_line_that_breaks_is_gone_on_with_by_the_cursor(here: Served, folder: Path, form: str) -> None:
    """I3: nothing is lost, nothing is there twice, and the whole is as if the line had been good."""
    broken, good = folder / "broken", folder / "good"
    async with bad_line(here, 30_000, 60, 0, 90_000) as (line, url):
        assert await run(options(here, url=url, output=broken, form=form)) == 0
    assert len(line.requests) == 5
    assert b"after=" in line.requests[1]
    assert await run(options(here, output=good, form=form)) == 0
    assert broken.read_bytes() == good.read_bytes()


async def test_rows_can_be_read_as_rows(here: Served, folder: Path) -> None:
    path = folder / "events.csv"
    assert await run(options(here, output=path, form="csv", separator=";")) == 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert len(rows) == EVENTS + 1
    assert rows[0]["text"].startswith("linha\noi xxx")
    assert (rows[-1]["cursor"], rows[-1]["occurred_at"]) == ("end", str(EVENTS))


async def test_a_line_that_stays_bad_is_given_up(
    here: Served, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "events.ndjson"
    async with bad_line(here, 60_000, *[0] * 20) as (line, url):
        assert await run(options(here, url=url, output=path)) == 1
    assert len(line.requests) == 1 + export.TRIES - 1
    assert not list(folder.glob("*events*"))
    assert not list(folder.glob(".events*"))
    err = capsys.readouterr().err
    assert "given up" in err
    assert "--after " in err


async def test_nobody_there(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "RETRY_FIRST_S", 0.0)
    monkeypatch.setattr(export, "TRIES", 2)
    assert await run(ExportOptions("http://127.0.0.1:9", "pnt_x")) == 1
    assert "is not reached" in capsys.readouterr().err


REFUSED = [
    ({"api_key": "pnt_wrong"}, 1, "[auth_invalid]"),
    ({"after": "00000000-1"}, 1, "[cursor_expired]"),
    ({"filter": "colour:red"}, 2, "^^^^^^"),
    ({"url": "ftp://127.0.0.1"}, 1, "address must be"),
    ({"url": "http://127.0.0.1:99999"}, 1, "address must be"),
    ({"output": Path("/nowhere/at/all/x")}, 1, "cannot write"),
    ({"separator": "x", "form": "csv"}, 1, "[invalid_request]"),
]


@pytest.mark.parametrize(("wrong", "status", "said"), REFUSED)
async def test_what_cannot_help_is_not_tried_again(
    here: Served, wrong: dict[str, Any], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(options(here, **wrong)) == status
    assert said in capsys.readouterr().err


async def test_what_is_no_gateway_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\nconnection: close\r\n\r\nother")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await run(ExportOptions(f"http://127.0.0.1:{port}", "pnt_x")) == 1
    assert "not a gateway (HTTP 404)" in capsys.readouterr().err


async def test_a_right_that_ends_ends_it(here: Served, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """I10."""
    key, secret = await here.desk.house.keys.create(here.desk.acme_scope.organization_id, "short")
    await here.desk.house.keys.revoke(key.key_id)
    assert await run(options(here, api_key=secret, output=folder / "x")) == 1
    assert "[auth_invalid]" in capsys.readouterr().err


async def test_being_told_to_stop_ends_it(here: Served, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stop = asyncio.Event()
    async with bad_line(here, *[40_000] * 100) as (line, url):
        running = asyncio.create_task(export_until(options(here, url=url, output=folder / "x"), stop))
        while not line.requests:
            await asyncio.sleep(0.005)
        stop.set()
        assert await asyncio.wait_for(running, 10) in (runner.EXIT_INTERRUPTED, 0)
