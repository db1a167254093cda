from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.filter_drawing import DATA_BYTES, EVENTS, FILTERS, INSTANCES, LEAVES, NOON

from ponteio.eventlog.candidate_terms import query_of
from ponteio.eventlog.document_terms import OVERFLOW, Seeds, document, token
from ponteio.eventlog.term_index import AllTerms, AnyTerm, Term, TermQuery
from ponteio.model.event import StoredEvent
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_match import matches
from ponteio.model.filter_tree import EVERY, Filter, InstanceIs
from ponteio.model.sight import ALL_SEEN, Sight

SEEDS = Seeds(common=7, rare=8)
_OVERFLOW = Term(OVERFLOW)


def query(text: str) -> TermQuery | None:
    return query_of(parse_filter(text, NOON))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event:a", Term(b"e:a")),
        ("event:a.*", Term(b"e:a.*")),
        ("inst:a", Term(b"i:a")),
        ("origin:backfill", Term(b"o:backfill")),
        ("event:a inst:b since:1h", AllTerms((Term(b"e:a"), Term(b"i:b")))),
        ("event:a OR inst:b", AnyTerm((Term(b"e:a"), Term(b"i:b")))),
        ("event:a -event:b", Term(b"e:a")),
        ("fromMe:true", AnyTerm((Term(b"fromMe=true"), _OVERFLOW))),
        ("chat:55@c.us", AnyTerm((Term(b"@55"), _OVERFLOW))),
        ("data.a.b:READ", AnyTerm((Term(b'b="READ'), _OVERFLOW))),
        ("data.a[].b:1", AnyTerm((Term(b"b=1"), _OVERFLOW))),
        ("data.a[0]:55@lid", AnyTerm((Term(b"@55"), _OVERFLOW))),
        ("data:true", AnyTerm((Term(b"=true"), _OVERFLOW))),
        ('text:"seu boleto ja"', AnyTerm((AllTerms((Term(b"w:boleto ja"), Term(b"w:seu boleto"))), _OVERFLOW))),
    ],
)
def test_a_filter_asks_for_terms(text: str, expected: TermQuery) -> None:
    found = query(text)
    assert _sorted(found) == _sorted(expected)


def _sorted(found: TermQuery | None) -> object:
    if found is None or isinstance(found, Term):
        return found
    return type(found).__name__, sorted(map(repr, map(_sorted, found.parts)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-event:a",
        "origin:live",
        "inst:a*",
        "since:1h",
        "data.a:null",
        "data.a:READ,null",
        "data.a[0]:READ",
        "data[]:READ",
        "data.low:1",
        f"data.a:{'x' * 200}",
        "event:a OR since:1h",
        "event:a OR inst:b*",
    ],
)
def test_what_terms_do_not_tell_is_not_asked(text: str) -> None:
    assert query(text) is None


def test_no_name_at_all_is_nobodys() -> None:
    assert query_of(Filter(InstanceIs(frozenset()))) == Term(b"i:")
    assert query_of(EVERY) is None


def _holds(found: TermQuery, has: Callable[[bytes], bool]) -> bool:
    if isinstance(found, Term):
        return has(found.text)
    return (all if isinstance(found, AllTerms) else any)(_holds(part, has) for part in found.parts)


@settings(max_examples=1000, deadline=None)
@given(
    FILTERS | LEAVES.map(Filter),
    DATA_BYTES,
    st.sampled_from(EVENTS),
    st.sampled_from(INSTANCES),
    st.sampled_from(["live", "backfill"]),
    st.booleans(),
)
def test_whatever_passes_has_the_terms(
    wanted: Filter, data: bytes, event: str, instance: str, origin: str, content: bool
) -> None:
    stored = StoredEvent("org", "0123abcd", 1, instance, event, None, None, NOON, NOON, origin, data)
    tokens = set(document(stored, SEEDS).split())
    found = query_of(wanted.with_instances(INSTANCES))
    if found is not None and matches(wanted, stored, ALL_SEEN if content else Sight(content=False, pairing=False)):
        assert _holds(found, lambda term: token(term, SEEDS) in tokens)
