"""The test event: a message into an EVOLUTION instance, which takes them without a key, and its way back."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time

from ponteio.model.diagnosis import Finding
from ponteio.model.outcome import RefusalError
from ponteio.storage.errors import StorageError
from ponteio.upstream.diagnosis_walk import TestEvent, Walk, fail, ok, skipped, warn

EVOLUTION = "EVOLUTION"
LIMIT_S = 8.0
SLOW_MS = 2_000
_LOOK_S = 0.05
TEXT = "Ponteio: a test of the connection"


async def send_test_event(walk: Walk) -> None:
    """A message is on its way into the instance, if it was asked for and can be sent to no other one."""
    if not walk.asked.round_trip or walk.row is None or walk.row.integration != EVOLUTION:
        return
    number = walk.row.number
    try:
        _, sharing = await walk.keyed.rows(number=number or "")
        # Evolution gives the message to the first instance with this number, of any kind.
        if number is None or [row.name for row in sharing] != [walk.name]:
            walk.test_refusal = "round_trip.shared_number"
            return
        event = TestEvent(f"PONTEIO{secrets.token_hex(8).upper()}", time.monotonic(), 0)
        answer = await walk.keyless.post("/webhook/evolution", _message(number, event.message_id))
        event.status = answer.status
    except RefusalError:
        event = TestEvent("", 0.0, 0)
    walk.test_event = event
    if event.status == 200 and walk.subject.has_gateway:
        event.stored = asyncio.create_task(_stored_after(walk, event), name="test event")


def _message(number: str, message_id: str) -> dict[str, object]:
    return {
        "numberId": number,
        "key": {"id": message_id, "remoteJid": f"{number}@s.whatsapp.net", "fromMe": False},
        "pushName": "Ponteio",
        "message": {"conversation": TEXT},
        "messageType": "conversation",
    }


async def _stored_after(walk: Walk, event: TestEvent) -> float:
    """The seconds until the event was in the log."""
    records = walk.subject.records
    while True:
        with contextlib.suppress(StorageError):
            if await records.is_stored(walk.subject.server_id, walk.name, event.message_id):
                return time.monotonic() - event.sent_on
        await asyncio.sleep(_LOOK_S)


async def round_trip(walk: Walk) -> Finding:
    """What was sent into the instance comes back, and is stored where a gateway runs."""
    if not walk.asked.round_trip:
        return skipped("round_trip.not_asked", "round_trip.ask")
    if walk.row is not None and walk.row.integration != EVOLUTION:
        return skipped("round_trip.not_possible", integration=walk.row.integration)
    if walk.test_refusal is not None:
        return skipped(walk.test_refusal)
    event = walk.test_event
    if event is None or event.status != 200:
        return fail("round_trip.refused", "any.upstream_log", status=0 if event is None else event.status)
    if event.stored is None:
        return await _heard(walk, event)
    done, _ = await asyncio.wait([event.stored], timeout=LIMIT_S)
    if not done:
        text = "round_trip.lost" if walk.ear.heard_on(event.message_id) is None else "round_trip.heard_only"
        return fail(text, "round_trip.steps", limit_s=int(LIMIT_S))
    took_ms = int(event.stored.result() * 1000)
    return ok("round_trip.stored", took_ms=took_ms) if took_ms < SLOW_MS else warn("round_trip.slow", took_ms=took_ms)


async def _heard(walk: Walk, event: TestEvent) -> Finding:
    """As far as it can be told without a gateway that stores it."""
    if walk.is_pending:
        return skipped("round_trip.pending")
    await walk.ear.hear(lambda: walk.ear.heard_on(event.message_id) is not None, LIMIT_S)
    heard_on = walk.ear.heard_on(event.message_id)
    if heard_on is None:
        return fail("round_trip.lost", "round_trip.steps", limit_s=int(LIMIT_S))
    return ok("round_trip.heard", took_ms=int((heard_on - event.sent_on) * 1000))
