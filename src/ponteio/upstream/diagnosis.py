"""The diagnosis: the walk from the settings to an instance's events, step by step, each with a verdict."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from ponteio.model import outcome
from ponteio.model.diagnosis import Asked, Finding, Verdict
from ponteio.model.outcome import RefusalError
from ponteio.storage.errors import StorageError
from ponteio.upstream import diagnosis_events as arriving
from ponteio.upstream import diagnosis_server as rest
from ponteio.upstream import diagnosis_socket as socketio
from ponteio.upstream import diagnosis_way as way
from ponteio.upstream.diagnosis_test_event import round_trip
from ponteio.upstream.diagnosis_walk import Subject, Walk, finding

log = structlog.get_logger(__name__)

WALK_S = 60.0
"""All steps together."""


@dataclass(frozen=True, slots=True)
class Step:
    """`needs` are earlier steps without which this one is not tried."""

    step_id: str
    run: Callable[[Walk], Awaitable[Finding]]
    limit_s: float
    needs: tuple[str, ...] = ()
    of_instance: bool = False


_THERE = ("settings", "address", "tcp", "tls", "server")
_ASKABLE = (*_THERE, "version")

WALK: tuple[Step, ...] = (
    Step("settings", way.settings, 1),
    Step("address", way.address, 5, ("settings",)),
    Step("tcp", way.tcp, 5, ("settings", "address")),
    Step("tls", way.tls, 6, ("settings", "address", "tcp")),
    Step("server", rest.server, 11, _THERE[:-1]),
    Step("version", rest.version, 1, _THERE),
    Step("key", rest.key, 10, _ASKABLE),
    Step("instance", rest.instance, 8, (*_ASKABLE, "key"), of_instance=True),
    Step("websocket", socketio.websocket, 5, _THERE),
    Step("polling", socketio.polling, 6, (*_THERE, "websocket")),
    Step("upgrade", socketio.upgrade, 6, (*_THERE, "websocket")),
    Step("open_door", socketio.open_door, 6, (*_THERE, "websocket")),
    Step("frames", arriving.frames, 3, ("settings",)),
    Step("stability", arriving.stability, 3, ("settings",)),
    Step("link", arriving.link, 3, ("settings",), of_instance=True),
    Step("namespace", socketio.namespace, 8, (*_THERE, "websocket", "upgrade"), of_instance=True),
    Step("global_mode", socketio.global_mode, 5, (*_THERE, "websocket", "upgrade", "namespace"), of_instance=True),
    Step("events", arriving.events, 5, (*_ASKABLE, "key", "instance", "websocket"), of_instance=True),
    Step("saving", arriving.saving, 8, (*_ASKABLE, "key", "instance"), of_instance=True),
    Step("keys_exposed", arriving.keys_exposed, 4, (*_THERE, "websocket", "upgrade"), of_instance=True),
    Step("clock", arriving.clock, 2, _THERE),
    Step(
        "round_trip",
        round_trip,
        9,
        (*_ASKABLE, "key", "instance", "websocket", "upgrade", "namespace"),
        of_instance=True,
    ),
)


class Diagnosis:
    """Diagnoses one server, and one of its instances if one is named."""

    def __init__(self, subject: Subject, *, walk_s: float = WALK_S) -> None:
        self._subject = subject
        self._walk_s = walk_s

    async def steps(self, asked: Asked) -> AsyncGenerator[Finding, None]:
        """A finding for each step of `WALK`, in order, as it is made; the last after `WALK_S` at most. Never raises.

        Ask with `aclosing`, or to the end: no link is left open then. Texts hold no secret.
        """
        deadline = asyncio.get_running_loop().time() + self._walk_s
        walk = Walk(self._subject, asked)
        try:
            for step in WALK:
                found = await _taken(step, walk, deadline)
                if found.verdict is Verdict.FAIL:
                    walk.blocked[step.step_id] = step.step_id
                yield found
        finally:
            await walk.close()

    async def run(self, asked: Asked) -> list[Finding]:
        """All findings."""
        async with aclosing(self.steps(asked)) as steps:
            return [found async for found in steps]


async def _taken(step: Step, walk: Walk, deadline: float) -> Finding:
    """What the step found, or why it was not taken."""
    step_id = step.step_id
    cause = next((walk.blocked[need] for need in step.needs if need in walk.blocked), None)
    if cause is not None:
        walk.blocked[step_id] = cause
        return finding(Verdict.SKIPPED, "any.not_tried", step=step_id, cause=cause)
    if step.of_instance and walk.asked.instance is None:
        return finding(Verdict.SKIPPED, "any.no_instance", step=step_id)
    left_s = deadline - asyncio.get_running_loop().time()
    if left_s <= 0:
        return finding(Verdict.SKIPPED, "any.no_time", step=step_id)
    try:
        async with asyncio.timeout(min(step.limit_s, left_s)):
            return await step.run(walk)
    except Exception as error:  # noqa: BLE001 - a diagnosis says what broke, and goes on
        if isinstance(error, TimeoutError) and left_s < step.limit_s:
            return finding(Verdict.SKIPPED, "any.no_time", step=step_id)
        return _failed(step_id, error, step.limit_s)


def _failed(step_id: str, error: Exception, limit_s: float) -> Finding:
    if isinstance(error, TimeoutError) or (
        isinstance(error, RefusalError) and error.outcome is outcome.UPSTREAM_TIMEOUT
    ):
        return finding(Verdict.FAIL, "any.too_slow", "any.upstream_log", step=step_id, limit_s=max(1, round(limit_s)))
    if isinstance(error, RefusalError):
        return finding(Verdict.FAIL, "any.call_failed", "any.upstream_log", step=step_id)
    if isinstance(error, StorageError):
        return finding(Verdict.SKIPPED, "any.no_records", step=step_id)
    stack = "".join(traceback.format_tb(error.__traceback__))
    log.error("a step of a diagnosis broke", step=step_id, error=type(error).__name__, exception=stack)
    return finding(Verdict.FAIL, "any.broke", "any.see_log", step=step_id)
