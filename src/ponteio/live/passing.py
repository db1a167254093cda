"""Events that are shown while they happen, and never again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ponteio.live.options import LiveOptions
from ponteio.live.packets import Packet, passing_packet
from ponteio.live.room import Member
from ponteio.model.event import PassingEvent
from ponteio.observe.counters import Counters


class Passing:
    """Shows events that no log has to the sockets that can take them just now: for all others they are over."""

    def __init__(self, options: LiveOptions, counters: Counters) -> None:
        self._options = options
        self._counters = counters

    def show(self, members: Iterable[Member], events: Sequence[PassingEvent], now: float) -> None:
        """Each of `events` is on its way to those of `members` (of the events' organization) that see and want it, have
        everything that is stored, and are not over their storm damper. `now` is of a clock that only goes forward.
        """
        present = list(members)
        for event in events:
            packets: dict[bool, Packet] = {}
            for member in present:
                if not _is_shown(member, event):
                    continue
                if not self._has_room(member, event.instance, now):
                    self._counters.add("live_passing_dropped")
                    continue
                sight = member.view.sight
                is_whole = sight.is_whole(event.event)
                if is_whole not in packets:
                    packets[is_whole] = passing_packet(event, sight, self._options.event_bytes)
                member.door.say(packets[is_whole])
                self._counters.add("live_passing_deliveries")

    def _has_room(self, member: Member, instance: str, now: float) -> bool:
        if member.has_left or member.is_replaying or not member.is_at_head:
            return False
        if member.door.backlog >= self._options.buffer_bytes:
            return False
        return member.damper is None or member.damper.admits(instance, now)


def _is_shown(member: Member, event: PassingEvent) -> bool:
    view = member.view
    return view.shows(event.instance, event.event) and (view.question is None or view.question.passes(event))
