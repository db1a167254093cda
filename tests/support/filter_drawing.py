"""What hypothesis draws for filters: trees over a small world of names, and events that they can meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hypothesis import strategies as st

from ponteio.model.event_facts import json_key
from ponteio.model.filter_tree import (
    ChatIs,
    DataIs,
    Filter,
    FromMe,
    IdIs,
    InstanceIs,
    Node,
    OriginIs,
    Since,
    TextHas,
    Until,
    all_of,
    any_of,
    event_is,
    negation,
)
from ponteio.model.folded_text import words
from ponteio.model.jid import Jid

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)

INSTANCES = ("alpha", "alpha 2", "beta", "Ação*", 'q"uote\\')
EVENTS = ("messages.upsert", "messages.update", "messages.set", "presence.update", "qrcode.updated", "send.message")
PATTERNS = (*EVENTS, "messages.*", "presence.*", "*", "nothing.here")
NUMBERS = ("5511988887777", "5511900000001", "120363041234567890")
ADDRESSES = (
    *(f"{number}@s.whatsapp.net" for number in NUMBERS),
    *(
        "5511988887777:12@s.whatsapp.net",
        "5511988887777@c.us",
        "120363041234567890@g.us",
        "998877@lid",
        "5511900000001",
    ),
)
IDS = ("3EB0A", "3EB0B", "wamid.x==", "cmi3")
SENTENCES = (
    *("Seu boleto já venceu", "AÇÃO entre amigos", "acao", "o boleto", "boleto o", "👍🏽 ok", "日本語のテキスト"),
    *("straße", "STRASSE", "one-two_three", "", "123 4.5"),
)
PHRASES = ("boleto", "ja venceu", "acao", "o boleto", "日本", "👍", "strasse", "two", "absent", "4.5")
SCALARS = (True, False, None, 0, 1, 1.0, -2.5, 2**63, "", "READ", "1", "true", "null", "a b", 'q"', "\u0000", "é")
PATHS: tuple[tuple[str | int | None, ...], ...] = (
    *((), ("status",), ("key", "fromMe"), ("key", "remoteJid"), (None, "status"), (0, "status"), ("list", None)),
    *(("list", 1), ("deep", None, "x"), ("deep", "a.b", "x"), ("deep", 1, "x"), ("participants", None), ("id",)),
)
MOMENTS = st.integers(-3600, 3600).map(lambda s: NOON + timedelta(seconds=s))


def _sets(values: Any) -> Any:
    return st.frozensets(st.sampled_from(values), min_size=1, max_size=3)


LEAVES: st.SearchStrategy[Node] = st.one_of(
    _sets(PATTERNS).map(event_is),
    st.builds(InstanceIs, _sets(INSTANCES)),
    st.builds(InstanceIs, st.just(frozenset()), _sets(("al", "alpha", "", "b", 'q"'))),
    st.builds(OriginIs, _sets(("live", "backfill"))),
    st.builds(FromMe, st.booleans()),
    st.builds(ChatIs, _sets(tuple(Jid.parse(text) for text in (*NUMBERS, *ADDRESSES)))),
    st.builds(IdIs, _sets(IDS)),
    st.builds(DataIs, st.sampled_from(PATHS), _sets(tuple(json_key(value) for value in SCALARS))),
    st.builds(TextHas, _sets(tuple(tuple(words(phrase)) for phrase in PHRASES))),
    st.builds(Since, MOMENTS),
    st.builds(Until, MOMENTS),
)

NODES: st.SearchStrategy[Node] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(all_of),
        st.lists(inner, min_size=1, max_size=3).map(any_of),
        inner.map(negation),
    ),
    max_leaves=6,
)

FILTERS = NODES.map(Filter)

_scalars = st.sampled_from(SCALARS)
_keys = st.fixed_dictionaries(
    {},
    optional={
        "remoteJid": st.sampled_from(ADDRESSES) | _scalars,
        "remoteJidAlt": st.sampled_from(ADDRESSES),
        "participant": st.sampled_from(ADDRESSES),
        "fromMe": st.booleans() | _scalars,
        "id": st.sampled_from(IDS) | _scalars,
    },
)
_messages = st.one_of(
    st.fixed_dictionaries({"conversation": st.sampled_from(SENTENCES)}),
    st.fixed_dictionaries({"imageMessage": st.fixed_dictionaries({"caption": st.sampled_from(SENTENCES)})}),
    st.fixed_dictionaries(
        {"editedMessage": st.fixed_dictionaries({"message": st.just({"conversation": "Seu boleto"})})}
    ),
    _scalars,
)
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "key": _keys | _scalars,
        "keyId": st.sampled_from(IDS),
        "messageId": st.sampled_from(IDS),
        "id": st.sampled_from(IDS) | st.sampled_from(ADDRESSES) | _scalars,
        "remoteJid": st.sampled_from(ADDRESSES),
        "fromMe": st.booleans(),
        "status": _scalars,
        "message": _messages,
        "list": st.lists(_scalars, max_size=3),
        "participants": st.lists(st.sampled_from(ADDRESSES) | _scalars, max_size=2),
        "deep": st.dictionaries(st.sampled_from(("a.b", "1", "c")), st.fixed_dictionaries({"x": _scalars}), max_size=2),
    },
)
DATA: st.SearchStrategy[Any] = st.one_of(
    OBJECTS,
    st.lists(OBJECTS, max_size=3),
    st.lists(st.sampled_from(ADDRESSES), max_size=2),
    st.none(),
    st.lists(st.lists(_scalars, max_size=2), max_size=2),
)
DATA_BYTES = DATA.map(orjson.dumps)
