from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.filter_drawing import NOON

from ponteio.model.filter_language import FilterSyntaxError, parse_filter
from ponteio.model.filter_tree import (
    ChatIs,
    DataIs,
    EventIs,
    FromMe,
    IdIs,
    InstanceIs,
    Node,
    OriginIs,
    Since,
    TextHas,
    Until,
)
from ponteio.model.jid import Jid


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("event:messages.upsert", EventIs(frozenset({"messages.upsert"}))),
        ("EVENT:messages.*,call", EventIs(frozenset({"messages.*", "call"}))),
        ('event:"messages."*', EventIs(frozenset({"messages.*"}))),
        ("inst:a,b", InstanceIs(frozenset({"a", "b"}))),
        ("instance:loja-*", InstanceIs(frozenset(), frozenset({"loja-"}))),
        ('inst:"a*"', InstanceIs(frozenset({"a*"}))),
        ('inst:"Loja, \\"Centro\\""*,x', InstanceIs(frozenset({"x"}), frozenset({'Loja, "Centro"'}))),
        ("inst:*", InstanceIs(frozenset(), frozenset({""}))),
        ("origin:live,backfill", OriginIs(frozenset({"live", "backfill"}))),
        ("fromMe:true", FromMe(True)),
        ("fromme:false", FromMe(False)),
        (
            'chat:5511@c.us,"+55 11"',
            ChatIs(frozenset({Jid("5511", "s.whatsapp.net"), Jid("5511")})),
        ),
        ('id:3EB0,"a b"', IdIs(frozenset({"3EB0", "a b"}))),
        ("text:boleto", TextHas(frozenset({("boleto",)}))),
        ('text:"já VENCEU",ontem', TextHas(frozenset({("ja", "venceu"), ("ontem",)}))),
        ("data:null", DataIs((), frozenset({"null"}))),
        ("data.key.fromMe:true", DataIs(("key", "fromMe"), frozenset({"true"}))),
        ('data.status:"true",READ,1.0,2', DataIs(("status",), frozenset({'"true', '"READ', "1", "2"}))),
        ('data.x:[1],1e999,01,""', DataIs(("x",), frozenset({'"[1]', '"1e999', '"01', '"'}))),
        ("data[0].a[].*.1:x", DataIs((0, "a", None, None, 1), frozenset({'"x'}))),
        ('data."a.b"."c\\"".d-e:x', DataIs(("a.b", 'c"', "d-e"), frozenset({'"x'}))),
        ("since:90s", Since(NOON - timedelta(seconds=90))),
        ("since:30m", Since(NOON - timedelta(minutes=30))),
        ("since:2h", Since(NOON - timedelta(hours=2))),
        ("until:7d", Until(NOON - timedelta(days=7))),
        ("until:1w", Until(NOON - timedelta(weeks=1))),
        ("since:2026-11-23", Since(datetime(2026, 11, 23, tzinfo=UTC))),
        ("since:2026-11-23T09:00-03:00", Since(NOON)),
        ("since:2026-11-23T12:00:00.5Z", Since(NOON + timedelta(milliseconds=500))),
    ],
)
def test_terms_mean_what_they_say(text: str, node: Node) -> None:
    assert parse_filter(text, NOON).root == node


@pytest.mark.parametrize(
    ("text", "position", "length"),
    [
        ("evnt:x", 0, 4),
        ("database:x", 0, 8),
        ("event:mess*ges.x", 6, 10),
        ("event:a,messages*", 8, 9),
        ('event:"a.*"', 6, 5),
        ('event:""', 6, 2),
        ('inst:a,""', 7, 2),
        ("inst:a*b", 5, 3),
        ("origin:live,other", 12, 5),
        ("origin:live*", 7, 5),
        ("fromMe:yes", 7, 3),
        ("fromMe:true,false", 12, 5),
        ("chat:maria", 5, 5),
        ("chat:55*", 5, 3),
        ("id:x*", 3, 2),
        ('id:""', 3, 2),
        ('text:"?!"', 5, 4),
        ("text:bol*", 5, 4),
        ("since:yesterday", 6, 9),
        ("since:999999999w", 6, 10),
        ("since:1h,2h", 9, 2),
        ("until:0001-01-01T00:00+23:00", 6, 22),
        ("data.x:a*", 7, 2),
        ("data..x:1", 0, 7),
        ("data[x]:1", 0, 7),
        ("data" + ".a" * 21 + ":1", 0, 46),
    ],
)
def test_a_term_that_means_nothing_is_pointed_at(text: str, position: int, length: int) -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse_filter(text, NOON)
    assert (caught.value.position, caught.value.length) == (position, length)
    assert caught.value.message in str(caught.value)
