"""Messages by way of apprise, which knows Telegram, e-mail, ntfy and many more. It runs in processes of its own: see
`apprise_child`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from ponteio.model.outcome import INVALID_REQUEST, NOT_INSTALLED, RefusalError
from ponteio.notify.attempt import DELIVERED, Attempt, Ending
from ponteio.notify.channel import Message

FIXED = frozenset(
    {"tgram", "discord", "slack", "pover", "pbul", "gchat", "whatsapp", "pagerduty", "opsgenie", "webex", "wxteams"}
)
"""Schemes that lead to one service; what stands where a host would is a secret."""
HOSTED = frozenset(
    {"ntfy", "ntfys", "gotify", "gotifys", "mailto", "mailtos", "evolution", "evolutions", "mmost", "mmosts"}
    | {"rocket", "rockets", "matrix", "matrixs", "signal", "signals", "workflow", "workflows"}
)
"""Schemes whose address names a host."""
SCHEMES = FIXED | HOSTED
MAX_URL = 2_048
TOTAL_S = 20.0
TURN_S = 60.0
"""How long a message waits for its turn."""
PARALLEL = 4
"""Each is a process with some 60 MB."""
_CHILD = (sys.executable, "-I", "-m", "ponteio.notify.apprise_child")


class AppriseSender:
    """Sends messages to apprise's addresses, some at a time, each in bounded time."""

    def __init__(
        self, private_hosts: Collection[str] = (), *, total_s: float = TOTAL_S, child: Sequence[str] = _CHILD
    ) -> None:
        """`private_hosts` (`host` or `host:port`) may have private addresses."""
        self._private_hosts = sorted(private_hosts)
        self._total_s = total_s
        self._child = tuple(child)
        self._turns = asyncio.Semaphore(PARALLEL)

    @property
    def is_installed(self) -> bool:
        """Whether this deployment has the library."""
        return importlib.util.find_spec("apprise") is not None

    async def check(self, url: str) -> None:
        """Raises `RefusalError` INVALID_REQUEST for an address that apprise cannot use or that is not let through, and
        NOT_INSTALLED without the library. Nothing is sent.
        """
        if not self.is_installed:
            raise RefusalError(NOT_INSTALLED)
        scheme_of(url)
        answer = await self._run({"url": url, "check_only": True})
        if not answer or not answer["ok"]:
            raise RefusalError(INVALID_REQUEST, "The address is not one that apprise can use.")

    async def send(self, url: str, message: Message) -> Attempt:
        """One try. Raises nothing but cancellation."""
        if not self.is_installed:
            return Attempt(Ending.NOT_INSTALLED, NOT_INSTALLED.title)
        text = "\n".join(part for part in (message.body, message.content) if part)
        kind = "success" if message.kind.endswith("resolved") else "warning"
        order = {"url": url, "check_only": False, "title": message.title, "body": text, "type": kind}
        answer = await self._run(order)
        if answer is None:
            return Attempt(Ending.TIMEOUT, "The service did not take the message in time.", retry=True)
        if answer["ok"]:
            return DELIVERED
        status = answer.get("status")
        if answer["reason"] == "refused":
            return Attempt(Ending.ADDRESS_REFUSED, "The address may not be reached from here.")
        if answer["reason"] == "unusable":
            return Attempt(Ending.REJECTED, "The address is not one that apprise can use.")
        detail = f"The service answered {status}." if status else "The service could not be reached or did not take it."
        return Attempt(Ending.REJECTED if status else Ending.UNREACHABLE, detail, status, retry=True)

    async def _run(self, order: dict[str, Any]) -> dict[str, Any] | None:
        """What the child said; None when it said nothing in time."""
        said = json.dumps({**order, "private_hosts": self._private_hosts}).encode()
        try:
            async with asyncio.timeout(TURN_S):
                await self._turns.acquire()
        except TimeoutError:
            return None
        try:
            out = await self._said_by_child(said)
        finally:
            self._turns.release()
        if out is None:
            return None
        try:
            answer: dict[str, Any] = json.loads(out)
        except ValueError:
            return {"ok": False, "reason": "rejected"}  # it used up what it was allowed
        return answer

    async def _said_by_child(self, said: bytes) -> bytes | None:
        process = await asyncio.create_subprocess_exec(
            *self._child,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
            cwd="/",
        )
        try:
            async with asyncio.timeout(self._total_s):
                return (await process.communicate(said))[0]
        except TimeoutError:
            return None
        finally:
            await _ended(process)


def scheme_of(url: str) -> str:
    """The scheme, in lower case. Raises `RefusalError` INVALID_REQUEST for one that is not let through, and for what is
    no address.
    """
    scheme, mark, rest = url.partition("://")
    if len(url) > MAX_URL or not mark or not rest or not url.isprintable() or " " in url:
        raise RefusalError(INVALID_REQUEST, f"The address is like tgram://…, with at most {MAX_URL} characters.")
    if scheme.lower() not in SCHEMES:
        raise RefusalError(INVALID_REQUEST, f"The address begins with one of: {', '.join(sorted(SCHEMES))}.")
    return scheme.lower()


def shown(url: str) -> str:
    """What may be shown of `url`: its scheme, and its host where that is no secret."""
    scheme = scheme_of(url)
    host, _, path = url.partition("://")[2].partition("?")[0].partition("/")
    named = host.rpartition("@")[2]
    # ntfy://topic leads to ntfy.sh: what stands in the host's place is the topic.
    has_host = scheme in HOSTED and named and (scheme.startswith("mailto") or path.strip("/"))
    return f"{scheme}://{named}/…" if has_host else f"{scheme}://…"


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
    await process.wait()
