"""The composition root: starts in order, undoes everything when something fails, leaves nothing running."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from pydantic import SecretStr

from ponteio.app import Gateway
from ponteio.config import GatewaySettings
from ponteio.listener import ListenerError
from ponteio.storage.errors import StorageError


def settings(folder: Path, **more: object) -> GatewaySettings:
    values: dict[str, object] = {
        "data_dir": folder,
        "EVOLUTION_API_URL": "http://127.0.0.1:9",
        "EVOLUTION_API_KEY": SecretStr("a-key-of-evolution"),
        "WEBSOCKET_ENABLED": False,
        "port": 0,
        **more,
    }
    return GatewaySettings(**values)  # type: ignore[arg-type]


async def test_starts_answers_and_leaves_nothing_behind(tmp_path: Path) -> None:
    gateway = Gateway(settings(tmp_path))
    await gateway.start()
    port = int(gateway.url.rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert b" 200 " in (await reader.read()).split(b"\r\n", 1)[0]
    writer.close()
    await gateway.stop()
    await gateway.stop()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


@pytest.mark.parametrize("path", ["/healthz", "/nope", "/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=3"])
async def test_every_answer_tells_browsers_to_be_careful(tmp_path: Path, path: str) -> None:
    gateway = Gateway(settings(tmp_path, public_url="https://ponteio.example"))
    await gateway.start()
    port = int(gateway.url.rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: ponteio.example\r\nConnection: close\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    for name in (b"content-security-policy", b"x-content-type-options", b"strict-transport-security"):
        assert head.count(name + b": ") == 1, name
    writer.close()
    await gateway.stop()


async def test_taken_port_undoes_what_was_built(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        with pytest.raises(ListenerError):
            await Gateway(settings(tmp_path, port=holder.getsockname()[1])).start()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_database_that_is_away_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        await Gateway(settings(tmp_path, database_url="postgresql://nobody@127.0.0.1:1/none?connect_timeout=1")).start()
