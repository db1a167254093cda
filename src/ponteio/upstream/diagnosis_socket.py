"""The steps of a diagnosis that knock at Socket.IO: is it there, does it let us in, and does it join us."""

from __future__ import annotations

import ipaddress

from ponteio.model.diagnosis import Finding, Verdict
from ponteio.model.link import LinkState
from ponteio.model.outcome import RefusalError
from ponteio.upstream.diagnosis_server import FIRST_THAT_CHECKS_KEYS
from ponteio.upstream.diagnosis_test_event import send_test_event
from ponteio.upstream.diagnosis_walk import Walk, fail, finding, ok, skipped, warn
from ponteio.upstream.handshake_answer import judge_answer
from ponteio.upstream.link_failure import DialError, LinkFailure
from ponteio.upstream.link_machine import INVALID_NAMESPACE
from ponteio.upstream.socketio_protocol import Joined, Refused, is_namespace

GLOBAL_LISTEN_S = 3.0
"""How long the root namespace is listened to: an event's share of the namespace comes after that of the root."""
SETTLE_S = 0.3
RECENT_S = 15 * 60
BAILEYS = "WHATSAPP-BAILEYS"


async def websocket(walk: Walk) -> Finding:
    """Evolution runs with WebSocket: behind `/socket.io/` is Engine.IO and not Evolution's own 404."""
    try:
        answer = await walk.keyless.get("/socket.io/?EIO=4&transport=none")
    except RefusalError:
        return fail("websocket.broken", "websocket.proxy")
    if answer.status in (400, 401, 403):
        return ok("websocket.on")
    if judge_answer(answer.status, answer.body).state is LinkState.UPSTREAM_DISABLED:
        return fail("websocket.off", "websocket.switch_on")
    return fail("websocket.kept_back", "websocket.proxy", status=answer.status)


async def polling(walk: Walk) -> Finding:
    """A handshake over plain HTTP: the one that says why it refuses."""
    answer, handshake = await walk.keyed.open_session()
    if handshake is not None:
        walk.polling_works = True
        interval = handshake.get("pingInterval")
        return ok("polling.opened", ping_s=interval // 1000 if isinstance(interval, int) else 0)
    if judge_answer(answer.status, answer.body).state is LinkState.AUTH_FAILED:
        return _key_refused(walk, "polling")
    return warn("polling.other", "server.proxy", status=answer.status, **walk.values)


async def upgrade(walk: Walk) -> Finding:
    """The way that links take. The connection stays open for the steps that follow."""
    try:
        opened = await walk.ear.open()
    except DialError as error:
        opened = error.failure
    if not isinstance(opened, LinkFailure):
        return ok("upgrade.opened")
    if opened.state is LinkState.AUTH_FAILED:
        return _key_refused(walk, "upgrade")
    if walk.polling_works:
        return fail("upgrade.stripped", "upgrade.headers", reason=opened.reason)
    return fail("upgrade.failed", "upgrade.headers", "server.proxy", reason=opened.reason, **walk.values)


def _key_refused(walk: Walk, step: str) -> Finding:
    if "key" in walk.blocked:
        walk.blocked[step] = "key"
        return finding(Verdict.SKIPPED, "polling.key_cause", step=step)
    return fail(f"{step}.key_refused", "key.set_global", **walk.values)


async def open_door(walk: Walk) -> Finding:
    """Without a key nobody gets in."""
    answer, handshake = await walk.keyless.open_session()
    if handshake is None:
        if judge_answer(answer.status, answer.body).state is LinkState.AUTH_FAILED:
            return ok("open_door.closed")
        return skipped("open_door.untold", status=answer.status)
    if walk.version and walk.version < FIRST_THAT_CHECKS_KEYS:
        return warn("open_door.old", "version.update", known="2.3.7")
    is_near = any(ipaddress.ip_address(each).is_loopback for each in walk.addresses)
    return warn("open_door.loopback" if is_near else "open_door.listed", "open_door.list")


async def namespace(walk: Walk) -> Finding:
    """Events of the instance have a namespace to come over. In global mode that is the root."""
    own = f"/{walk.name}"
    if walk.subject.global_events:
        answer = await walk.ear.join("/")
        if isinstance(answer, Joined):
            await _join_own(walk, own)
            await send_test_event(walk)
            return ok("namespace.root")
        return fail("namespace.lost" if isinstance(answer, LinkFailure) else "namespace.refused", "any.upstream_log")
    if not is_namespace(own):
        return fail("namespace.comma", "namespace.rename")
    answer = await walk.ear.join(own)
    if isinstance(answer, Joined):
        await send_test_event(walk)
        return ok("namespace.joined")
    if isinstance(answer, Refused) and answer.message == INVALID_NAMESPACE:
        await send_test_event(walk)
        return await _pending(walk)
    return fail("namespace.lost" if isinstance(answer, LinkFailure) else "namespace.refused", "any.upstream_log")


async def _join_own(walk: Walk, own: str) -> None:
    """Join the instance's namespace beside the root, if there is one: what comes there alone tells of the mode."""
    if is_namespace(own):
        await walk.ear.join(own)


async def _pending(walk: Walk) -> Finding:
    """Why there is no such namespace yet. It exists from the instance's first event on that its list lets through."""
    walk.is_pending = True
    values = {"name": walk.name, "integration": walk.row.integration if walk.row else "?"}
    if walk.row is not None and (walk.row.websocket is None or not walk.row.websocket.enabled):
        return warn("namespace.pending_off", "events.set", **values)
    if (await walk.seen()).events:
        return warn("namespace.pending_restart", "namespace.restart", **values)
    if walk.row is not None and walk.row.integration != BAILEYS:
        return warn("namespace.pending_quiet", "namespace.message", **values)
    return warn("namespace.pending_new", "namespace.restart", **values)


async def global_mode(walk: Walk) -> Finding:
    """Events come over the root. Only traffic can show it: no call of Evolution's tells its mode."""
    if not walk.subject.global_events:
        return ok("global_mode.not_wanted")
    namespaces = walk.ear.namespaces

    def root() -> bool:
        return namespaces["/"].count > 0

    def own() -> bool:
        return namespaces[f"/{walk.name}"].count > 0

    if root() or _heard_lately(walk):
        return ok("global_mode.on")
    if await walk.ear.hear(lambda: root() or own(), GLOBAL_LISTEN_S):
        # What is first on the namespace only may still be on its way over the root.
        await walk.ear.hear(root, SETTLE_S)
    if root():
        return ok("global_mode.on")
    if own():
        return fail("global_mode.off", "global_mode.switch_on")
    return skipped("global_mode.quiet", "global_mode.traffic")


def _heard_lately(walk: Walk) -> bool:
    """Whether the gateway's own link at the root heard something in the last minutes."""
    if walk.subject.status_of is None:
        return False
    heard_at = walk.subject.status_of(walk.target).last_event_at
    return heard_at is not None and (walk.subject.clock() - heard_at).total_seconds() < RECENT_S
