"""The first steps of a diagnosis: what is set here, and the way to the server's machine."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from ponteio.model.diagnosis import Finding, joined
from ponteio.model.server_url import PUBLIC_DEFAULT_KEYS
from ponteio.outbound.address_policy import AddressRefusedError
from ponteio.outbound.http_client import host_and_port
from ponteio.upstream.diagnosis_walk import Walk, fail, ok, showing, warn
from ponteio.upstream.websocket_transport import AddressError, socketio_address

CONNECT_S = 4.0
SOON_DAYS = 14
_DAY_S = 86_400
_ODD_PATHS = frozenset({"manager", "socket.io", "instance", "websocket", "ws", "docs", "api", "v2"})
"""Pages and routes below Evolution's root, which people copy along with its address."""
_CERTIFICATES = {
    9: ("tls.not_yet", "tls.clock"),
    10: ("tls.expired", "tls.renew"),
    18: ("tls.self_signed", "tls.trusted"),
    19: ("tls.unknown_issuer", "tls.trusted"),
    20: ("tls.unknown_issuer", "tls.chain"),
    21: ("tls.unknown_issuer", "tls.chain"),
    62: ("tls.wrong_host", "tls.host"),
    64: ("tls.wrong_host", "tls.host"),
}
"""OpenSSL's X509_V_ERR_… numbers."""


async def settings(walk: Walk) -> Finding:
    """What can be judged without asking anybody."""
    subject = walk.subject
    if not subject.enabled:
        return fail("settings.switched_off", "settings.switch_on")
    try:
        host_and_port(subject.url)
        socketio_address(subject.url)
    except (ValueError, AddressError):
        return fail("settings.bad_address", "settings.address", **walk.values)
    if not subject.key:
        return fail("settings.no_key", "settings.key", **walk.values)
    found = [ok("settings.global" if subject.global_events else "settings.traditional")]
    path = unquote(urlsplit(subject.url).path).strip("/")
    if path:
        found.append(_judge_path(walk, path))
    if subject.key in PUBLIC_DEFAULT_KEYS:
        found.append(warn("settings.public_key", "settings.new_key", **walk.values))
    return joined(found)


def _judge_path(walk: Walk, path: str) -> Finding:
    last = path.rpartition("/")[2]
    names = {walk.asked.instance, *walk.asked.own_names}
    if last.lower() in _ODD_PATHS or last in names or path in names:
        return warn("settings.path_odd", "settings.cut_path", **walk.values)
    return ok("settings.path_kept")


async def address(walk: Walk) -> Finding:
    """The host name leads somewhere, and we may go there."""
    host, port = host_and_port(walk.subject.url)
    try:
        walk.addresses = await walk.subject.link_options.connector.addresses(host, port)
    except AddressRefusedError:
        return fail("address.refused", "address.allow")
    except TimeoutError:
        return fail("address.silent", "address.dns")
    except (OSError, UnicodeError):
        return fail("address.unknown", "address.spelling", **walk.values)
    shown = ", ".join(walk.addresses)
    return showing(ok("address.resolved", count=len(walk.addresses), addresses=shown), "address.shown")


async def tcp(walk: Walk) -> Finding:
    """Something accepts connections there."""
    host, port = host_and_port(walk.subject.url)
    return showing(
        replace(await _knocked(walk, host, port), values={"host": host, "port": port, **walk.values}), "tcp.shown"
    )


async def _knocked(walk: Walk, host: str, port: int) -> Finding:
    try:
        sock = await walk.subject.link_options.connector.open_socket(host, port, CONNECT_S)
    except ConnectionRefusedError:
        return fail("tcp.refused", "tcp.start")
    except TimeoutError:
        return fail("tcp.silent", "tcp.firewall")
    except OSError:
        return fail("tcp.unreachable", "tcp.firewall")
    sock.close()
    return ok("tcp.open")


async def tls(walk: Walk) -> Finding:
    """The certificate is accepted, or there is none to accept."""
    if not walk.subject.url.startswith("https:"):
        if all(_is_private(each) for each in walk.addresses):
            return ok("tls.plain_private")
        return warn("tls.plain_public", "tls.https", **walk.values)
    try:
        days = await _days_left(walk)
    except ssl.SSLCertVerificationError as error:
        text, action = _CERTIFICATES.get(error.verify_code, ("tls.bad_certificate", "tls.trusted"))
        return fail(text, action, **walk.values)
    except ssl.SSLError:
        return fail("tls.no_tls", "tls.http", **walk.values)
    except OSError:
        return fail("tls.broken", "server.proxy", **walk.values)
    if days < SOON_DAYS:
        return warn("tls.expires_soon", "tls.renew", days=days)
    return ok("tls.valid", days=days)


async def _days_left(walk: Walk) -> int:
    """How long the server's certificate is still valid. Raises `ssl.SSLError`, `OSError`."""
    host, port = host_and_port(walk.subject.url)
    options = walk.subject.link_options
    sock = await options.connector.open_socket(host, port, CONNECT_S)
    context = options.ssl_context or ssl.create_default_context()
    certificate = await _certificate(sock, context, host)
    return int((ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) // _DAY_S)


async def _certificate(sock: socket.socket, context: ssl.SSLContext, host: str) -> dict[str, object]:
    try:
        _, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=host)
    except BaseException:
        sock.close()
        raise
    found: dict[str, object] = writer.get_extra_info("peercert")
    writer.transport.abort()
    return found


def _is_private(address: str) -> bool:
    found = ipaddress.ip_address(address)
    return found.is_private or found.is_loopback
