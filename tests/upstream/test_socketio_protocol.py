"""The protocol core: what it reads, what it can say, and that nothing a server sends makes it raise."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from socketio.packet import Packet as OraclePacket

from ponteio.upstream import socketio_protocol
from ponteio.upstream.socketio_protocol import (
    Closed,
    Event,
    Joined,
    Left,
    Opened,
    Oversize,
    Packet,
    Ping,
    ProtocolFault,
    Refused,
    SocketIOClient,
    connect_packet,
    disconnect_packet,
    is_namespace,
)

OPEN = b'0{"sid":"PjzZtAbyx7dEzbTrAAAr","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
WIRE = Path(__file__).parent.parent / "golden" / "captures" / "wire.jsonl"


def opened(**limits: int) -> SocketIOClient:
    client = SocketIOClient(**limits)
    assert client.receive_text(OPEN) == Opened(25.0, 20.0)
    return client


# The handshake.


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"0",
        b"0{",
        b"0[]",
        b"0null",
        b'0"sid"',
        b"0{}",
        b'0{"sid":1,"pingInterval":25000,"pingTimeout":20000}',
        b'0{"sid":"a"}',
        b'0{"sid":"a","pingInterval":"25000","pingTimeout":20000}',
        b'0{"sid":"a","pingInterval":true,"pingTimeout":20000}',
        b'0{"sid":"a","pingInterval":0,"pingTimeout":20000}',
        b'0{"sid":"a","pingInterval":25000,"pingTimeout":-1}',
        b'0{"sid":"a","pingInterval":1e999,"pingTimeout":1}',
        b'0{"sid":"a","pingInterval":NaN,"pingTimeout":1}',
        b"0" + b"[" * 100_000,
        b'0{"sid":"' + b"a" * 100_000 + b'","pingInterval":25000,"pingTimeout":20000}',
        b"\xff\xfe",
        b"2",
        b"40",
        b'42["early",1]',
        b"<html>502 Bad Gateway</html>",
    ],
)
def test_a_garbage_handshake_is_a_fault_and_no_exception(message: bytes) -> None:
    client = SocketIOClient()
    assert isinstance(client.receive_text(message), ProtocolFault)
    assert client.receive_text(OPEN) is None


def test_a_binary_message_before_the_handshake_is_a_fault() -> None:
    assert isinstance(SocketIOClient().receive_binary(b"\x00"), ProtocolFault)


@pytest.mark.parametrize(
    ("interval", "timeout", "limit_s"),
    [
        (25000, 20000, 45.0),
        (1, 1, 1.0),
        (0.001, 0.001, 1.0),
        (10**15, 1, 180.0),
        (1e300, 1e300, 180.0),
        (600, 700, 1.3),
    ],
)
def test_absurd_ping_times_are_clamped(interval: float, timeout: float, limit_s: float) -> None:
    message = json.dumps({"sid": "a", "pingInterval": interval, "pingTimeout": timeout}).encode()
    answer = SocketIOClient().receive_text(b"0" + message)
    assert isinstance(answer, Opened)
    assert answer.silence_limit_s == pytest.approx(limit_s)


# The recorded wire of a real Evolution API.


def test_every_recorded_frame_of_a_real_server_is_understood() -> None:
    client = SocketIOClient()
    heard: list[Packet] = []
    for line in WIRE.read_text().splitlines():
        recorded = json.loads(line)
        if recorded["dir"] == "in":
            packet = client.receive_text(recorded["frame"].encode())
            assert packet is not None
            heard.append(packet)
    kinds = [type(packet).__name__ for packet in heard]
    assert kinds == ["Opened", "Joined", "Refused", "Joined", *["Event"] * 6, "Ping"]
    assert heard[1] == Joined("/alpha")
    assert heard[2] == Refused("/nope", "Invalid namespace", b'{"message":"Invalid namespace"}')
    assert heard[3] == Joined("/")
    events = [packet for packet in heard if isinstance(packet, Event)]
    assert [event.namespace for event in events] == ["/", "/alpha", "/", "/", "/alpha", "/alpha"]
    assert json.loads(events[0].payload)[1]["instance"] == "alpha"
    assert events[0].payload == events[1].payload


# Engine.IO packets.


def test_a_ping_asks_for_a_plain_pong_whatever_it_carries() -> None:
    client = opened()
    assert client.receive_text(b"2") == Ping(b"3")
    assert client.receive_text(b"2" + b"x" * 1000) == Ping(b"3")


@pytest.mark.parametrize("message", [b"3", b"3probe", b"5", b"6"])
def test_engineio_packets_that_mean_nothing_here_are_passed_over(message: bytes) -> None:
    client = opened()
    assert client.receive_text(message) is None
    assert client.receive_text(b"40") == Joined("/")


@pytest.mark.parametrize("message", [b"", b"7", b"0" + OPEN[1:], b"x", b"-1", b"\xff"])
def test_unknown_engineio_packets_and_a_second_handshake_are_faults(message: bytes) -> None:
    client = opened()
    assert isinstance(client.receive_text(message), ProtocolFault)
    assert client.receive_text(b"40") is None
    assert client.receive_binary(b"") is None


def test_nothing_is_heard_after_the_server_closed() -> None:
    client = opened()
    assert client.receive_text(b"1") == Closed()
    assert client.receive_text(b'42["late"]') is None


# Socket.IO packets.

NAMES = [
    "/alpha",
    "/Loja Centro",
    "/ação",
    "/a/b",
    "/a?b",
    "/a?b=c",
    "/a#b",
    "/emoji😀",
    "/trail ",
    "//",
    "/0",
    "/[",
    '/"',
]


@pytest.mark.parametrize("name", NAMES)
def test_namespaces_with_any_character_but_a_comma_come_whole(name: str) -> None:
    client = opened()
    spelled = name.encode()
    assert client.receive_text(b"40" + spelled + b',{"sid":"x"}') == Joined(name)
    assert client.receive_text(b"42" + spelled + b',["e",1]') == Event(name, b'["e",1]')
    assert client.receive_text(b"41" + spelled + b",") == Left(name)
    refusal = b'{"message":"Invalid namespace"}'
    assert client.receive_text(b"44" + spelled + b"," + refusal) == Refused(name, "Invalid namespace", refusal)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b'{"message":"apiKey is required"}', "apiKey is required"),
        (b'{"message":"' + b"m" * 5000 + b'","data":{"code":"x"}}', "m" * 200),
        (b'"plain"', ""),
        (b'{"message":{"a":1}}', ""),
        (b"{", ""),
        (b"", ""),
        (b"[" * 70_000, ""),
    ],
)
def test_a_refusal_gives_its_text_and_its_payload(payload: bytes, message: str) -> None:
    assert opened().receive_text(b"44" + payload) == Refused("/", message, payload)


@pytest.mark.parametrize(
    ("message", "namespace", "payload"),
    [
        (b'42["e",1]', "/", b'["e",1]'),
        (b'4217["e",1]', "/", b'["e",1]'),
        (b'42/alpha,17["e"]', "/alpha", b'["e"]'),
        (b"42/alpha,", "/alpha", b""),
        (b"42/alpha", "/alpha", b""),
        (b"42", "/", b""),
        (b'42{"not":"an array"}', "/", b'{"not":"an array"}'),
        (b'42["\xff"]', "/", b'["\xff"]'),
    ],
)
def test_an_event_is_handed_on_as_it_came_without_its_ack_id(message: bytes, namespace: str, payload: bytes) -> None:
    assert opened().receive_text(bytearray(message)) == Event(namespace, payload)


def test_acknowledgements_are_passed_over_with_their_attachments() -> None:
    client = opened()
    assert client.receive_text(b"431[]") is None
    assert client.receive_text(b'461-/alpha,1[{"_placeholder":true,"num":0}]') is None
    assert client.receive_binary(b"abc") is None
    assert client.receive_text(b"40") == Joined("/")


@pytest.mark.parametrize(
    "message",
    [b"4", b"47", b"4x", b"45", b"45-", b"451", b"45x-[]", b"451.0-[]", b"45-1-[]", b"45" + b"9" * 16 + b"-[]"],
)
def test_broken_socketio_packets_are_faults(message: bytes) -> None:
    assert isinstance(opened().receive_text(message), ProtocolFault)


@pytest.mark.parametrize("message", [b'42/\xff\xfe,["e"]', b"42/" + b"a" * 5000 + b',["e"]', b"40/" + b"a" * 5000])
def test_namespaces_that_cannot_be_are_faults(message: bytes) -> None:
    assert isinstance(opened().receive_text(message), ProtocolFault)


# Binary events.


def test_a_binary_event_comes_with_its_attachments_in_order() -> None:
    client = opened()
    text = b'452-/alpha,["messages.upsert",{"a":{"_placeholder":true,"num":0},"b":{"_placeholder":true,"num":1}}]'
    assert client.receive_text(text) is None
    assert client.receive_binary(bytearray(b"\x00\x01")) is None
    assert client.receive_binary(b"") == Event("/alpha", text.split(b",", 1)[1], (b"\x00\x01", b""))
    assert isinstance(client.receive_binary(b""), ProtocolFault)


def test_a_binary_event_without_attachments_is_complete_at_once() -> None:
    assert opened().receive_text(b'450-["e"]') == Event("/", b'["e"]')


def test_pings_between_attachments_are_answered() -> None:
    client = opened()
    assert client.receive_text(b"452-[]") is None
    assert client.receive_binary(b"a") is None
    assert client.receive_text(b"2") == Ping()
    assert client.receive_binary(b"b") == Event("/", b"[]", (b"a", b"b"))


def test_a_packet_between_attachments_is_a_fault() -> None:
    client = opened()
    client.receive_text(b"452-[]")
    assert isinstance(client.receive_text(b'42["e"]'), ProtocolFault)


def test_an_event_with_too_many_bytes_is_thrown_away_and_the_stream_goes_on() -> None:
    client = opened(max_packet_bytes=100)
    assert client.receive_text(b"453-/alpha,[]") is None
    assert client.receive_binary(b"x" * 60) is None
    assert client.receive_binary(b"x" * 60) is None
    assert client.receive_binary(b"x" * 5) == Oversize("/alpha", 127, 3)
    assert client.receive_text(b'42["e"]') == Event("/", b'["e"]')


def test_an_event_with_too_many_attachments_is_thrown_away_and_the_stream_goes_on() -> None:
    client = opened(max_attachments=2)
    assert client.receive_text(b"453-[]") is None
    assert client.receive_binary(b"a") is None
    assert client.receive_binary(b"b") is None
    assert client.receive_binary(b"c") == Oversize("/", 5, 3)


def test_a_claim_of_endless_attachments_holds_no_memory_and_ends_with_the_next_packet() -> None:
    client = opened()
    assert client.receive_text(b"45999999999999999-[]") is None
    for _ in range(100):
        assert client.receive_binary(b"x") is None
    assert isinstance(client.receive_text(b'42["e"]'), ProtocolFault)


# What it can say.


def test_the_client_can_ask_to_join_and_leave() -> None:
    assert connect_packet("/") == b"40"
    assert connect_packet("/", {"token": "t"}) == b'40{"token":"t"}'
    assert connect_packet("/Loja Centro") == b"40/Loja Centro,"
    assert connect_packet("/ação", {}) == "40/ação,{}".encode()
    assert disconnect_packet("/") == b"41"
    assert disconnect_packet("/a?b") == b"41/a?b,"


@pytest.mark.parametrize("name", ["/a,b", "alpha", "", "/\ud800", "/" + "a" * 5000])
def test_names_that_cannot_be_spelled_are_refused(name: str) -> None:
    assert not is_namespace(name)
    with pytest.raises(ValueError, match="namespace"):
        connect_packet(name)


@given(namespace=st.text().map("/{}".format), auth=st.none() | st.dictionaries(st.text(), st.integers()))
def test_nothing_that_can_be_said_is_an_event(namespace: str, auth: dict[str, int] | None) -> None:
    """I12: CONNECT, DISCONNECT and PONG are all that the client can spell, whatever it is given."""
    said = [Ping().pong]
    if is_namespace(namespace):
        said += [connect_packet(namespace), disconnect_packet(namespace)]
    assert {message[:2] for message in said} <= {b"3", b"40", b"41"}


def test_the_api_has_no_way_to_emit() -> None:
    """I12: the core has no function that sends or acknowledges an event."""
    functions = inspect.getmembers(socketio_protocol, inspect.isfunction)
    own = {name for name, function in functions if function.__module__ == socketio_protocol.__name__}
    assert {name for name in own if not name.startswith("_")} == {"connect_packet", "disconnect_packet", "is_namespace"}
    methods = {name for name in vars(SocketIOClient) if not name.startswith("_")}
    assert methods == {"receive_text", "receive_binary"}


# Anything at all.

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=60)), max_size=12))
def test_no_sequence_of_messages_raises(messages: list[tuple[bool, bytes]]) -> None:
    for client in (SocketIOClient(), opened(max_packet_bytes=64, max_attachments=3)):
        is_over = False
        for is_text, message in messages:
            packet = client.receive_text(message) if is_text else client.receive_binary(message)
            assert packet is None or not is_over
            is_over = is_over or isinstance(packet, Closed | ProtocolFault)


@given(st.text(alphabet='0123456789-/,[]{}":abé?', max_size=40))
def test_no_socketio_like_text_raises(text: str) -> None:
    opened().receive_text(b"4" + text.encode())


@given(
    namespace=st.sampled_from(["/", "/alpha", "/Loja Centro", "/a/b", "/ação😀"]),
    name=st.text(min_size=1),
    data=JSON,
    ack=st.none() | st.integers(0, 10**12),
)
@example(namespace="/alpha", name="x", data=b"bytes", ack=7)
def test_events_of_the_python_library_are_read_as_it_reads_them(
    namespace: str, name: str, data: Any, ack: int | None
) -> None:
    encoded = OraclePacket(2, data=[name, data], namespace=namespace, id=ack).encode()
    text, *attachments = encoded if isinstance(encoded, list) else [encoded]
    client = opened()
    packet = client.receive_text(b"4" + text.encode())
    for attachment in attachments:
        assert packet is None
        packet = client.receive_binary(attachment)
    assert isinstance(packet, Event)
    assert packet.namespace == namespace
    assert packet.attachments == tuple(attachments)
    oracle = OraclePacket(encoded_packet=text)
    for attachment in attachments:
        oracle.add_attachment(attachment)
    assert OraclePacket.reconstruct_binary(json.loads(packet.payload), list(packet.attachments)) == oracle.data


@given(
    kind=st.sampled_from([0, 1, 4]),
    namespace=st.sampled_from(["/", "/alpha", "/a/b", "/ação😀"]),
    data=st.none() | st.dictionaries(st.text(), st.text(), max_size=3),
)
def test_other_packets_of_the_python_library_are_read_too(
    kind: int, namespace: str, data: dict[str, str] | None
) -> None:
    text = OraclePacket(kind, data=data, namespace=namespace).encode()
    packet = opened().receive_text(b"4" + text.encode())
    if kind == 4:
        assert isinstance(packet, Refused)
        assert packet.namespace == namespace
        assert packet.payload == (b"" if data is None else json.dumps(data, separators=(",", ":")).encode())
    else:
        assert packet == (Joined(namespace) if kind == 0 else Left(namespace))
