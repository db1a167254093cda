"""A server that takes calls, writes them down, and answers as it is told: well, badly, late, too much or not at all."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from standardwebhooks import Webhook
from tests.support.simulator import until


@dataclass(frozen=True, slots=True)
class Call:
    """What came. Header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def verified(self, secret: str) -> Any:
        """The body, whose signature the public library finds good. Raises `WebhookVerificationError`."""
        return Webhook(secret).verify(self.body, self.headers)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Behaviour = Callable[[Call, asyncio.StreamWriter], Awaitable[None]]


def answering(status: int, *headers: str, body: bytes = b"") -> Behaviour:
    """It answers with this status."""

    async def answer(_call: Call, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} X", *headers, f"content-length: {len(body)}", "connection: close", "", ""]
        writer.write("\r\n".join(lines).encode() + body)

    return answer


async def silent(_call: Call, _writer: asyncio.StreamWriter) -> None:
    """It says nothing, for longer than anybody waits."""
    await asyncio.sleep(600)


async def resetting(_call: Call, writer: asyncio.StreamWriter) -> None:
    """It breaks the connection."""
    writer.transport.abort()


async def flooding(_call: Call, writer: asyncio.StreamWriter) -> None:
    """It answers, and does not stop."""
    writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


@dataclass
class Receiver:
    """What `receiver` yields. `behave` is how the next calls are answered, `by_path` how those to one path are."""

    port: int
    scheme: str
    tls: ssl.SSLContext | None
    calls: list[Call] = field(default_factory=list)
    behave: Behaviour = field(default_factory=lambda: answering(204))
    by_path: dict[str, Behaviour] = field(default_factory=dict)
    waiting: set[asyncio.Task[Any]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def has(self, count: int, timeout_s: float = 10.0) -> list[Call]:
        """Waits for so many calls."""
        await until(lambda: len(self.calls) >= count, timeout_s=timeout_s)
        return self.calls

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.waiting.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                call = await _read(reader)
                self.calls.append(call)
                await self.by_path.get(call.path, self.behave)(call, writer)
                await writer.drain()
        finally:
            self.waiting.discard(task)
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Call:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return Call(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))


@asynccontextmanager
async def receiver(folder: Path | None = None) -> AsyncIterator[Receiver]:
    """A receiver on the loopback; with a `folder` for its certificate it speaks HTTPS, and `tls` trusts it."""
    serving, trusting = (None, None) if folder is None else _contexts(folder)
    here = Receiver(0, "http" if folder is None else "https", trusting)
    server = await asyncio.start_server(here.handle, "127.0.0.1", 0, ssl=serving)
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        server.close()
        for task in list(here.waiting):
            task.cancel()
        await asyncio.gather(*here.waiting, return_exceptions=True)


def _contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For the server, and for whoever calls it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "it")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("push.example")]
    )
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    whole = folder / "receiver.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    whole.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(whole)
    return serving, ssl.create_default_context(cadata=certificate.public_bytes(Encoding.PEM).decode())
