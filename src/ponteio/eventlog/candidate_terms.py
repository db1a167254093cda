"""Which terms an event must have to pass a filter."""

from __future__ import annotations

from collections.abc import Iterable

from ponteio.eventlog.document_terms import (
    BACKFILL,
    OVERFLOW,
    instance_term,
    name_term,
    phrase_terms,
    user_term,
    value_term,
)
from ponteio.eventlog.term_index import AllTerms, AnyTerm, Term, TermQuery
from ponteio.model.filter_tree import (
    AllOf,
    AnyOf,
    ChatIs,
    DataIs,
    EventIs,
    Filter,
    FromMe,
    IdIs,
    InstanceIs,
    Node,
    OriginIs,
    TextHas,
)

NOBODY = frozenset({""})
"""What nobody's instance is called."""
_ID_MEMBERS = ("id", "keyId", "messageId")


def query_of(wanted: Filter) -> TermQuery | None:
    """What the terms of every event that passes fulfil; None if terms cannot spare any look."""
    query = _needed(wanted.root)
    if query is None or not any(isinstance(leaf, ChatIs | DataIs | FromMe | IdIs | TextHas) for leaf in wanted.leaves):
        return query
    return AnyTerm((query, Term(OVERFLOW)))


def _needed(node: Node) -> TermQuery | None:
    if isinstance(node, AllOf):
        return _all(map(_needed, node.parts))
    if isinstance(node, AnyOf):
        return _any(map(_needed, node.parts))
    if isinstance(node, TextHas):
        return _any(_all(map(Term, phrase_terms(phrase))) for phrase in node.phrases)
    return _any(None if term is None else Term(term) for term in _terms(node))


def _terms(node: Node) -> Iterable[bytes | None]:
    """The terms of which an event that passes has one; with a None among them, it may have none of them."""
    if isinstance(node, EventIs):
        return map(name_term, node.patterns)
    if isinstance(node, InstanceIs):
        return [None] if node.prefixes else map(instance_term, node.names or NOBODY)
    if isinstance(node, OriginIs):
        return [None] if "live" in node.origins else [BACKFILL]
    if isinstance(node, FromMe):
        return [value_term("fromMe", "true" if node.value else "false")]
    if isinstance(node, ChatIs):
        return [user_term(chat.user) for chat in node.chats]
    if isinstance(node, IdIs):
        return [value_term(name, '"' + value) for value in node.ids for name in _ID_MEMBERS]
    if isinstance(node, DataIs):
        return [_value(node, key) for key in node.keys]
    return [None]


def _value(node: DataIs, key: str) -> bytes | None:
    if key == "null":
        # A reader without the right to content sees null in the place of other things.
        return None
    name = "" if not node.path else node.path[-1]
    if isinstance(name, str):
        return value_term(name, key)
    # Which member it is in is not known: only addresses are found whatever that is.
    return value_term("0", key)


def _all(queries: Iterable[TermQuery | None]) -> TermQuery | None:
    known = [query for query in queries if query is not None]
    return AllTerms(tuple(known)) if len(known) > 1 else known[0] if known else None


def _any(queries: Iterable[TermQuery | None]) -> TermQuery | None:
    parts = list(queries)
    known = [query for query in parts if query is not None]
    if not known or len(known) < len(parts):
        return None
    return known[0] if len(known) == 1 else AnyTerm(tuple(known))
