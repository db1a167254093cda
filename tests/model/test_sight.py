from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.decode_frames import GoldenLine, golden

from ponteio.model.sight import _METADATA, ALL_SEEN, Sight, is_metadata, metadata, withheld

FILES = ("events_global.jsonl", "events_ns.jsonl", "baileys.jsonl", "catalogue.jsonl")
LINES = [line for file in FILES for line in golden(file)]
MARK = "content-mark"

# Where Evolution puts what people wrote, drew, are called or look like.
CONTENT = frozenset(
    {
        *("message", "pushName", "contextInfo", "profilePicUrl", "profilePictureUrl", "profileName", "subject", "name"),
        *(
            "editedMessage",
            "pollUpdates",
            "variables",
            "caption",
            "conversation",
            "text",
            "body",
            "packet",
            "presences",
        ),
        *("qrcode", "appStateSyncKeyShare", "disconnectionObject", "session", "desc", "url", "typebot"),
    }
)


def texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {text for part in value.values() for text in texts(part)}
    if isinstance(value, list):
        return {text for part in value for text in texts(part)}
    return {value} if isinstance(value, str) else set()


def content_of(value: Any) -> set[str]:
    """The texts under members that hold content, wherever they are."""
    if isinstance(value, dict):
        return {text for name, part in value.items() for text in (texts(part) if name in CONTENT else content_of(part))}
    return {text for part in value for text in content_of(part)} if isinstance(value, list) else set()


def reduced(event: str, data: object) -> Any:
    return orjson.loads(metadata(event, json.dumps(data).encode()))


def test_who_may_see_everything_sees_every_event_whole() -> None:
    assert ALL_SEEN.is_whole("messages.upsert")
    assert ALL_SEEN.is_whole("qrcode.updated")


@pytest.mark.parametrize("content", [True, False])
@pytest.mark.parametrize("pairing", [True, False])
def test_pairing_and_content_are_two_things(content: bool, pairing: bool) -> None:
    sight = Sight(content=content, pairing=pairing)
    assert sight.is_whole("messages.upsert") is content
    assert sight.is_whole("an.event.of.a.later.version") is content
    assert sight.is_whole("qrcode.updated") is pairing


def test_what_is_kept_back_has_a_name() -> None:
    assert (withheld("qrcode.updated"), withheld("messages.upsert")) == ("pairing", "content")


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.file}-{line.event}-{line.shape}")
def test_no_text_of_a_recorded_event_survives(line: GoldenLine) -> None:
    """I5: message texts, names and pictures are for those who may read content."""
    data = line.envelope.get("data")
    kept = texts(reduced(line.event, data))
    # The same text may stand for an address or a state elsewhere in the event.
    hidden = {text for text in content_of(data) if text and "@" not in text and text not in ("closed", "offer")}
    assert not kept & (hidden - {line.envelope["instance"]} - _ids(data))


def _ids(value: Any) -> set[str]:
    """Ids that messages name in their content too."""
    if isinstance(value, dict):
        named = {part for name, part in value.items() if name in ("id", "instanceId", "sessionId") if _is_text(part)}
        return named.union(*map(_ids, value.values()))
    return set().union(*map(_ids, value)) if isinstance(value, list) else set()


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def test_the_golden_events_hold_content_to_hide() -> None:
    hidden = {text for line in LINES for text in content_of(line.envelope.get("data"))}
    assert {"Oi, tem em estoque?", "Maria", "olha só", "Temos, sim!", "Sim", "VIP"} <= hidden


def test_who_what_and_when_of_a_message_stays() -> None:
    line = next(line for line in LINES if line.shape == "text, binary")
    assert reduced(line.event, line.envelope["data"]) == {
        "key": {
            "remoteJid": "5511988887777@s.whatsapp.net",
            "fromMe": False,
            "id": "3EB0A1B2C3D4E5F6A7B8",
            "remoteJidAlt": "5511988887777@s.whatsapp.net",
        },
        "status": "DELIVERY_ACK",
        "messageType": "conversation",
        "messageTimestamp": 1795435200,
        "instanceId": "0b0f3c6e-6d0e-4c55-9f3c-0a3f2f5d7a11",
        "source": "web",
    }


@pytest.mark.parametrize("data", [{"qrcode": {"code": "2@x"}}, {"id": "1", "status": "x"}, None, [], "2@x"])
def test_nothing_of_a_pairing_code_survives(data: object) -> None:
    """I5: whoever reads it can take the account over."""
    assert reduced("qrcode.updated", data) is None


def test_nothing_is_nothing() -> None:
    assert metadata("remove.instance", None) == b"null"
    assert metadata("remove.instance", b"null") == b"null"


_leaves = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.just(MARK), st.just(f"{MARK} of a text"))
_others = st.sampled_from(sorted(CONTENT | {"anything", "ID", "Key", "keys", ""}))
_content = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(_METADATA)) | _others, inner),
    max_leaves=8,
)


def _event(marked: Any) -> st.SearchStrategy[Any]:
    """JSON whose marks all stand under a member that is not listed, or bare."""
    plain = st.recursive(
        st.none() | st.integers(0, 9) | st.sampled_from(["READ", "3EB0"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(_METADATA)), inner),
        max_leaves=6,
    )
    listed = st.dictionaries(st.sampled_from(sorted(_METADATA)), plain, max_size=4)
    other = st.dictionaries(_others, marked, max_size=4)
    whole = st.builds(lambda one, two: {**one, **two}, listed, other)
    nested = st.builds(
        lambda one, name, two: {**one, name: two}, whole, st.sampled_from(["key", "participants"]), whole
    )
    return whole | nested | st.lists(whole | nested | st.just(MARK), max_size=3) | st.just(MARK)


@given(_event(_content))
def test_only_listed_members_survive(data: Any) -> None:
    """I5: whatever Evolution adds counts as content until somebody says otherwise."""
    assert MARK not in metadata("messages.upsert", orjson.dumps(data)).decode()


@given(_content)
def test_what_is_left_is_bounded(data: Any) -> None:
    left = metadata("messages.upsert", orjson.dumps(data))
    assert len(left) <= max(len(orjson.dumps(data)), 4)


def test_long_texts_and_deep_trees_are_content_whatever_they_are_called() -> None:
    deep: Any = "x"
    for _ in range(30):
        deep = {"key": deep}
    assert b'"x"' not in metadata("messages.upsert", orjson.dumps(deep))
    for _ in range(30):
        deep = [deep]
    assert b'"x"' not in metadata("messages.upsert", orjson.dumps(deep))
    assert reduced("messages.upsert", {"id": "x" * 257, "status": "x" * 256}) == {"id": None, "status": "x" * 256}


def test_addresses_stay_where_nothing_says_what_they_are_and_other_texts_do_not() -> None:
    assert reduced("chats.delete", ["5511988887777@s.whatsapp.net", "88220011:3@lid", "meet me @ noon", "hi"]) == [
        "5511988887777@s.whatsapp.net",
        "88220011:3@lid",
        None,
        None,
    ]
    assert reduced("errors", "what somebody wrote") is None


@pytest.mark.parametrize(
    ("path", "is_seen"),
    [
        ((), True),
        (("key", "id"), True),
        ((None, "key", 0, "id"), True),
        (("pushName",), False),
        (("key",) * 4, True),
        (("key",) * 5, False),
    ],
)
def test_paths_of_metadata_are_known(path: tuple[str | int | None, ...], is_seen: bool) -> None:
    assert is_metadata(path) is is_seen
