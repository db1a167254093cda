"""Diagnoses against the simulator: what is right with it, and a proxy that speaks TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.support.rest_house import RestHouse, rest_house

from ponteio.model.diagnosis import Asked, Finding, Language, Verdict
from ponteio.outbound.connector import OPERATORS_WORD, Connector
from ponteio.outbound.http_client import HttpOptions
from ponteio.upstream.diagnosis import Diagnosis
from ponteio.upstream.diagnosis_records import NoRecords
from ponteio.upstream.diagnosis_records import Seen as Kept
from ponteio.upstream.diagnosis_walk import Subject, Walk
from ponteio.upstream.link_options import LinkOptions

#: A server without a fault: nobody is on its list, no key is in its events, its clock is in UTC.
RIGHT: dict[str, Any] = {
    "allowed_hosts": "203.0.113.1",
    "expose_apikey": False,
    "tz": "UTC",
}
UNKNOWN_WHILE_QUIET = {"saving", "keys_exposed", "round_trip"}
"""Steps that nothing but traffic, or a wish, can answer."""


def subject(url: str, connector: Connector = OPERATORS_WORD, **changes: Any) -> Subject:
    """A server at `url` of which nothing else is known."""
    made = Subject(
        server_id="main",
        url=url,
        key="a-key-of-evolution",
        global_events=False,
        link_options=LinkOptions(connector=connector),
        http=HttpOptions(connector=connector),
        records=NoRecords(),
    )
    return replace(made, **changes)


Answer = Callable[[httpx2.Request], httpx2.Response]


def always(status: int, **options: Any) -> Answer:
    return lambda _request: httpx2.Response(status, **options)


def broken(error: Exception) -> Answer:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        raise error

    return answer


def said(found: Finding) -> str:
    return f"{found.verdict}:{found.reason}"


@asynccontextmanager
async def answering(answer: Answer, name: str = "a", **changes: Any) -> AsyncIterator[Walk]:
    """A walk whose calls are answered by `answer`, with records if `records` are given."""
    http = HttpOptions(transport=httpx2.MockTransport(answer))
    walk = Walk(subject("http://evo", http=http, **changes), Asked(name))
    walk.addresses = ["203.0.113.9"]
    try:
        yield walk
    finally:
        await walk.close()


@dataclass(frozen=True)
class Given:
    """Records that say what a test wants."""

    what: Kept = field(default_factory=lambda: Kept(is_kept=True))
    stored: bool = False

    async def seen(self, server_id: str, name: str | None) -> Kept:
        return self.what

    async def is_stored(self, server_id: str, name: str, message_id: str) -> bool:
        return self.stored


@asynccontextmanager
async def diagnosed_house(folder: Path, **options: Any) -> AsyncIterator[RestHouse]:
    """A house around a simulator that is set up as it should be, but for `options`."""
    async with rest_house(folder, **{"instances": 3, **RIGHT, **options}) as house:
        yield house


async def diagnose(
    house: RestHouse, name: str | None = "loja-02", *, asked: Asked | None = None, **changes: Any
) -> Seen:
    """All that a diagnosis finds, the house's set-up changed by `changes`."""
    subject = replace(house.subject, **changes)
    names = [instance.name for instance in house.directory.all_instances()]
    return Seen(await Diagnosis(subject).run(asked or Asked(name, names)))


class Seen(list[Finding]):
    """Findings, by step."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(findings)
        self.by_step = {each.step: each for each in findings}

    def verdicts(self) -> dict[str, str]:
        """Each step's verdict, with its reason behind a colon."""
        return {each.step: f"{each.verdict}:{each.reason}" for each in self}

    def amiss(self) -> dict[str, str]:
        """The steps that are neither well nor, while all is quiet, unanswered."""
        return {
            step: said
            for step, said in self.verdicts().items()
            if not said.startswith("ok:")
            and not (said.startswith("skipped:") and step in UNKNOWN_WHILE_QUIET and "not_tried" not in said)
        }

    def texts(self) -> str:
        """Everything that is said, in both languages, as an organization is told."""
        told = [each.told(language) for each in self for language in Language]
        return "\n".join(f"{one.step} {one.evidence} {one.action}" for one in told)

    def causes(self) -> set[str]:
        """What steps that were not tried blame."""
        return {str(each.values["cause"]) for each in self if each.reason == "not_tried"}

    def failed(self) -> list[str]:
        return [each.step for each in self if each.verdict is Verdict.FAIL]


def certificate(
    folder: Path, host: str = "localhost", *, days: int = 30, issuer: tuple[Path, Path] | None = None
) -> tuple[Path, Path]:
    """A certificate for `host` that ends in `days` days, and its key: signed by itself, or by `issuer`."""
    own = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    signer: Any = own
    signed_by = name
    if issuer is not None:
        signed_by = x509.load_pem_x509_certificate(issuer[0].read_bytes()).subject
        signer = serialization.load_pem_private_key(issuer[1].read_bytes(), None)
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(signed_by)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    paths = folder / f"{host}{days}.pem", folder / f"{host}{days}.key"
    paths[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@asynccontextmanager
async def tls_proxy(port: int, pair: tuple[Path, Path]) -> AsyncIterator[str]:
    """A proxy that speaks TLS in front of `port`; its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    tasks: set[asyncio.Task[None]] = set()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        for source, sink in ((reader, inner_writer), (inner_reader, writer)):
            task = asyncio.create_task(pass_on(source, sink))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
