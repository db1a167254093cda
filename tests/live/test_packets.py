from __future__ import annotations

import json
from dataclasses import replace

import socketio.packet
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.live.stored import AT, EPOCH, stored
from tests.support.gateway_edge import event_of

from ponteio.live.packets import (
    Batch,
    EventPacket,
    Packet,
    batch_of,
    connection_status,
    goodbye,
    held,
    instance_status,
    limit_reached,
    notice,
    tip,
)
from ponteio.live.websocket import text_frame
from ponteio.model.cursor import Cursor
from ponteio.model.identity import Instance, InstanceState
from ponteio.model.link import LinkState, LinkStatus, LinkTarget
from ponteio.model.outcome import SHUTTING_DOWN
from ponteio.model.sight import ALL_SEEN, Sight
from ponteio.tenancy.limit_notices import LimitNotice

KIB = 1024


@settings(max_examples=30, deadline=None)
@given(st.recursive(st.none() | st.text() | st.integers(-1000, 1000), lambda inner: st.dictionaries(st.text(), inner)))
def test_an_event_packet_is_what_the_library_would_have_made(data: object) -> None:
    event = stored(7, data=json.dumps(data).encode())
    text = EventPacket(event, 256 * KIB).whole.encode()
    theirs = socketio.packet.Packet(encoded_packet=text[1:])
    assert (text[0], theirs.packet_type, theirs.namespace, theirs.id) == ("4", socketio.packet.EVENT, None, None)
    assert theirs.data == ["evolution-event", json.loads(event.envelope(ALL_SEEN))]


def test_the_text_of_a_packet_is_made_once_for_all_its_receivers() -> None:
    packet = Packet('42["ç",{}]'.encode())
    assert packet.encode() is packet.encode(b64=True)
    assert packet.frame == text_frame('42["ç",{}]'.encode())
    assert packet.size == len(packet.frame)


def test_an_event_that_is_too_large_is_pushed_without_its_data_and_says_where_it_is() -> None:
    name, body = event_of(EventPacket(stored(3, data=b'"%b"' % (b"x" * 256 * KIB)), 256 * KIB).whole.encode())
    assert name == "evolution-event"
    assert body["data"] is None
    assert body["data_bytes"] == 256 * KIB + 2
    assert body["data_href"] == f"/api/events/{EPOCH}-3"
    assert body["seq"] == 3


def test_the_limit_is_that_of_the_whole_envelope() -> None:
    room = 256 * KIB - len(stored(3, data=b"").envelope(ALL_SEEN))
    fits = EventPacket(stored(3, data=b'"%b"' % (b"x" * (room - 2))), 256 * KIB)
    too_large = EventPacket(stored(3, data=b'"%b"' % (b"x" * (room - 1))), 256 * KIB)
    assert event_of(fits.whole.encode())[1]["data"] == "x" * (room - 2)
    assert event_of(too_large.whole.encode())[1]["data"] is None


def test_a_batch_joins_its_frames_once() -> None:
    one, two = Packet(b'42["a",{}]'), Packet(b'42["b",{}]')
    batch = Batch([one, two], Cursor(EPOCH, 2))
    assert batch.wire == one.frame + two.frame
    assert batch.wire is batch.wire
    assert Batch([one], Cursor(EPOCH, 1)).wire is one.frame


def test_tip_and_goodbye_have_the_documented_members() -> None:
    assert event_of(tip(Cursor(EPOCH, 9), 4).encode()) == ("tip", {"cursor": f"{EPOCH}-9", "sent": 4})
    assert event_of(goodbye(SHUTTING_DOWN).encode()) == (
        "goodbye",
        {"code": "shutting_down", "reason": "The gateway is stopping.", "retry": True},
    )
    assert event_of(goodbye(SHUTTING_DOWN, "Now.").encode())[1]["reason"] == "Now."
    assert event_of(notice("any", {"of": None}).encode()) == ("any", {"of": None})


def test_a_global_link_has_no_instance_and_an_instance_link_names_it() -> None:
    status = LinkStatus(LinkTarget("main"), LinkState.UNREACHABLE, AT, attempts=3, reconnects=1, reason="r", detail="d")
    assert event_of(connection_status(status).encode()) == (
        "connection-status",
        {
            "link": "global",
            "state": "unreachable",
            "since": "2026-11-23T14:46:13.999Z",
            "attempts": 3,
            "reconnects": 1,
            "reason": "r",
            "detail": "d",
        },
    )
    _, body = event_of(connection_status(replace(status, target=LinkTarget("main", "a/b ç"))).encode())
    assert (body["link"], body["instance"]) == ("instance", "a/b ç")


def test_instance_status_has_the_state_and_when_it_began() -> None:
    instance = Instance("id", "main", "one", "org", state=InstanceState.CLOSE, state_at=AT, reason=401, removed_at=AT)
    assert event_of(instance_status(instance).encode()) == (
        "instance-status",
        {
            "instance": "one",
            "state": "close",
            "reason": 401,
            "state_at": "2026-11-23T14:46:13.999Z",
            "integration": None,
            "removed_at": "2026-11-23T14:46:13.999Z",
        },
    )
    unknown = event_of(instance_status(Instance("id", "main", "one")).encode())[1]
    assert (unknown["state"], unknown["state_at"], unknown["removed_at"]) == ("unknown", None, None)


BLIND = Sight(content=False, pairing=False)


def test_who_may_not_see_content_gets_the_metadata_made_once() -> None:
    event = EventPacket(stored(3, data=b'{"key":{"id":"3EB0"},"message":{"conversation":"secret"}}'), 256 * KIB)
    packet = event.seen_by(Sight(content=False))
    assert packet is event.seen_by(BLIND)
    assert event.seen_by(ALL_SEEN) is event.whole
    body = event_of(packet.encode())[1]
    assert (body["data"], body["withheld"], body["seq"]) == ({"key": {"id": "3EB0"}}, "content", 3)
    assert event.held >= event.whole.size + packet.size


def test_pairing_codes_are_for_those_who_may_pair_and_for_nobody_else() -> None:
    event = EventPacket(stored(3, event="qrcode.updated", data=b'{"qrcode":{"code":"2@secret"}}'), 256 * KIB)
    body = event_of(event.seen_by(Sight(content=True, pairing=False)).encode())[1]
    assert (body["data"], body["withheld"]) == (None, "pairing")
    assert event.seen_by(Sight(content=False, pairing=True)) is event.whole


def test_an_event_that_is_too_large_is_without_data_for_everybody_and_reduced_where_it_must_be() -> None:
    data = b'{"key":{"id":"3EB0"},"message":"%b"}' % (b"x" * 256 * KIB)
    event = EventPacket(replace(stored(3, data=data), extra=b'{"progress":7,"note":"secret"}'), 256 * KIB)
    body = event_of(event.seen_by(BLIND).encode())[1]
    assert (body["data"], body["withheld"], body["extra"]) == (None, "content", {"progress": 7})
    assert (body["data_bytes"], body["data_href"]) == (len(data), f"/api/events/{EPOCH}-3")
    assert event_of(event.whole.encode())[1]["extra"] == {"progress": 7, "note": "secret"}
    assert event.held < 2 * KIB, "what is too large is not kept"


def test_a_batch_shows_each_event_as_its_readers_may_see_it() -> None:
    events = [EventPacket(stored(seq, data=b'{"text":"secret"}'), 256 * KIB) for seq in (1, 2)]
    batch = batch_of(events, BLIND, Cursor(EPOCH, 2))
    assert batch.packets == [event.seen_by(BLIND) for event in events]
    assert b"secret" not in batch.wire
    assert batch.events is events


def test_what_was_held_and_which_limit_was_reached_have_the_documented_members() -> None:
    assert event_of(held("one", Cursor(EPOCH, 4), Cursor(EPOCH, 9), 5).encode()) == (
        "held",
        {"instance": "one", "from": f"{EPOCH}-4", "to": f"{EPOCH}-9", "count": 5, "code": "live_held"},
    )
    assert event_of(limit_reached(LimitNotice("too_many_sockets", 3, AT, AT)).encode()) == (
        "limit",
        {
            "code": "too_many_sockets",
            "reason": "There are as many sockets as are allowed.",
            "count": 3,
            "at": "2026-11-23T14:46:13.999Z",
        },
    )
