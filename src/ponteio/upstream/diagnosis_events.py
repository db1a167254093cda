"""The steps of a diagnosis that look at what arrives: how the gateway's links fared, which events the instance sends,
what Evolution keeps of them, and what they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from ponteio.decode.catalogue import CATALOGUE
from ponteio.decode.moment import wall_clock
from ponteio.model.diagnosis import Finding, Value, joined
from ponteio.model.event import utc_text
from ponteio.model.link import Gap, GapKind, LinkState, LinkTarget
from ponteio.upstream.diagnosis_rest import json_of, segment
from ponteio.upstream.diagnosis_walk import Walk, fail, ok, skipped, warn
from ponteio.upstream.evolution_answers import read_websocket

DELIVERABLE = frozenset(kind.config_name for kind in CATALOGUE.values() if kind.reaches_namespace)
MANAGERS_LACK = frozenset(
    {"MESSAGES_EDITED", "SEND_MESSAGE_UPDATE", "INSTANCE_CREATE", "INSTANCE_DELETE", "STATUS_INSTANCE"}
)
"""What the event list of Evolution's own Manager has no box for: saving its page takes these away."""

OVERSIZE_HOURS = 24
BREAKS_AN_HOUR = 3
LISTEN_S = 2.0
"""For an event from which something could be seen, where none has come yet."""
KEPT_AFTER_S = 5.0
"""Evolution writes a message down a moment after it has sent the event."""
WRONG_CLOCK_S = 30
_QUARTER_S = 15 * 60
_MIB = 1024 * 1024


async def frames(walk: Walk) -> Finding:
    """No event was lost for its size."""
    seen = await walk.seen()
    values = {"hours": OVERSIZE_HOURS, "limit_mib": walk.subject.link_options.max_frame_bytes // _MIB}
    if not seen.is_kept:
        return skipped("frames.unknown")
    since = walk.subject.clock() - timedelta(hours=OVERSIZE_HOURS)
    count = sum(gap.kind is GapKind.OVERSIZE and gap.from_at >= since for gap in _own_gaps(walk, seen.gaps))
    if count:
        return warn("frames.oversize", "frames.limit", count=count, **values)
    return ok("frames.fit", **values)


async def stability(walk: Walk) -> Finding:
    """The gateway's links do not break again and again."""
    seen = await walk.seen()
    if not seen.is_kept:
        return skipped("stability.unknown")
    since = walk.subject.clock() - timedelta(hours=1)
    breaks = [
        gap
        for gap in _own_gaps(walk, seen.gaps)
        if gap.kind is GapKind.LINK_DOWN and (gap.to_at or gap.from_at) >= since
    ]
    if len(breaks) < BREAKS_AN_HOUR:
        return ok("stability.steady", count=len(breaks))
    return warn("stability.breaking", "stability.proxy", count=len(breaks), at=utc_text(breaks[-1].from_at))


def _own_gaps(walk: Walk, gaps: Sequence[Gap]) -> list[Gap]:
    own = {LinkTarget(walk.subject.server_id), LinkTarget(walk.subject.server_id, walk.asked.instance)}
    return [gap for gap in gaps if gap.target in own]


async def link(walk: Walk) -> Finding:
    """The gateway's own link to the instance is connected."""
    seen = await walk.seen()
    values = {"name": walk.name, "link": "global" if walk.subject.global_events else f"instance/{walk.name}"}
    if seen.instance is not None and seen.instance.organization_id is None:
        return warn("link.unowned", "link.assign", **values)
    if walk.subject.status_of is None:
        return skipped("link.unknown")
    status = walk.subject.status_of(walk.target)
    if status.state is LinkState.CONNECTED:
        return ok("link.connected")
    if status.reason == "too_many_links":
        return fail("link.limit", "link.limits")
    if status.state in (LinkState.NAMESPACE_PENDING, LinkState.UNLINKABLE):
        return ok("link.pending")
    if status.state is LinkState.OFF:
        return warn("link.off", "link.connect", **values)
    if walk.blocked:
        return skipped("link.cause", cause=next(iter(walk.blocked.values())))
    return warn("link.waiting", "link.wait", state=status.state.value, attempts=status.attempts, **values)


async def events(walk: Walk) -> Finding:
    """The instance sends what is wanted of it."""
    if walk.subject.global_events:
        return ok("events.ignored")
    answer = await walk.keyed.get(f"/websocket/find/{segment(walk.name)}")
    if answer.status != 200:
        return fail("events.failed", "any.upstream_log", status=answer.status)
    found = read_websocket(json_of(answer))
    values = {"name": walk.name}
    if found is None:
        return fail("events.never_set", "events.set", **values)
    if not found.enabled or not found.events:
        return fail("events.off", "events.set", **values)
    wanted = await _wanted(walk)
    missing = wanted - set(found.events)
    if not missing:
        return ok("events.all", count=len(wanted))
    shown: dict[str, Value] = {"missing": ", ".join(sorted(missing)), "count": len(missing), **values}
    if missing == MANAGERS_LACK & wanted:
        return warn("events.manager", "events.set", "events.manager", **shown)
    return warn("events.missing", "events.set", **shown)


async def _wanted(walk: Walk) -> frozenset[str]:
    instance = (await walk.seen()).instance
    chosen = None
    if instance is not None and walk.subject.desired is not None:
        chosen = await walk.subject.desired(instance)
    return DELIVERABLE if chosen is None else chosen & DELIVERABLE


async def saving(walk: Walk) -> Finding:
    """Evolution keeps messages: a message that came as an event is found there again."""
    latest = await _latest_message(walk)
    path = f"/chat/findMessages/{segment(walk.name)}"
    answer = await walk.keyed.post(path, {"where": {}, "page": 1, "offset": 1})
    total = _total(json_of(answer))
    if answer.status != 200 or total is None:
        return skipped("saving.failed", status=answer.status)
    if latest is None:
        return ok("saving.on", count=total) if total else skipped("saving.unknown")
    answer = await walk.keyed.post(path, {"where": {"key": {"id": latest}}, "page": 1, "offset": 1})
    if _total(json_of(answer)) == 0:
        return warn("saving.off", "saving.switch_on")
    return ok("saving.on", count=total)


async def _latest_message(walk: Walk) -> str | None:
    """The id of the newest message that came as an event, long enough ago to be written down."""
    limit = walk.subject.clock() - timedelta(seconds=KEPT_AFTER_S)
    messages = [each for each in (await walk.seen()).events if each.message_id and each.received_at <= limit]
    return messages[-1].message_id if messages else None


def _total(found: object) -> int | None:
    messages = found.get("messages") if isinstance(found, dict) else None
    total = messages.get("total") if isinstance(messages, dict) else None
    return total if isinstance(total, int) else None


async def keys_exposed(walk: Walk) -> Finding:
    """Events hold no instance's token."""
    told = (await walk.seen()).exposes_key
    if told is None:
        await walk.ear.hear(lambda: bool(_exposures(walk)), LISTEN_S)
    told = next(iter(_exposures(walk)), told)
    if told is None:
        return skipped("keys_exposed.unknown")
    if told:
        return warn("keys_exposed.exposed", "keys_exposed.switch_off")
    return ok("keys_exposed.none")


def _exposures(walk: Walk) -> list[bool]:
    return [heard.exposes_key for heard in walk.ear.namespaces.values() if heard.exposes_key is not None]


async def clock(walk: Walk) -> Finding:
    """Both clocks agree. The zone of the times in events is repaired here, whatever it is."""
    times = await _times(walk)
    offset_s, skew_s = _zone_and_skew(times)
    header_s = _header_skew(walk)
    found = []
    for each in (header_s, skew_s):
        if each is not None and abs(each) > WRONG_CLOCK_S:
            found = [warn("clock.wrong", "clock.ntp", skew_s=abs(each))]
    if not found:
        known = header_s if header_s is not None else skew_s
        found = [skipped("clock.untold") if known is None else ok("clock.right", skew_s=abs(known))]
    if offset_s:
        found.append(ok("clock.zone", minutes=offset_s // 60))
    return joined(found)


async def _times(walk: Walk) -> list[tuple[datetime, datetime]]:
    """What events say and when they came, newest last."""
    found = []
    for event in (await walk.seen()).events:
        wall = wall_clock(event.date_time)
        if wall is not None:
            found.append((wall, event.received_at))
    for heard in walk.ear.namespaces.values():
        found += heard.times
    return found


def _zone_and_skew(times: Sequence[tuple[datetime, datetime]]) -> tuple[int, int | None]:
    """How far the newest event's time is from ours: whole quarters of an hour, and seconds besides."""
    if not times:
        return 0, None
    wall, received_at = times[-1]
    seconds = (wall - received_at).total_seconds()
    offset_s = round(seconds / _QUARTER_S) * _QUARTER_S
    return offset_s, round(seconds - offset_s)


def _header_skew(walk: Walk) -> int | None:
    """How far the clock of the server's `Date` header is from ours, in whole seconds."""
    if walk.start_page is None or walk.start_page_at is None or not walk.start_page.date:
        return None
    try:
        told = parsedate_to_datetime(walk.start_page.date)
    except ValueError:
        return None
    told = told if told.tzinfo else told.replace(tzinfo=UTC)
    return round((told - walk.start_page_at).total_seconds())
