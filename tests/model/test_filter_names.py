"""What of a filter names alone decide."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_names import narrowed
from ponteio.model.filter_tree import EVERY, Filter

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NARROWED = [
    ("", EVERYTHING, True),
    ("event:*", EVERYTHING, True),
    ("event:messages.*", EventFilter.of(None, ["messages.*"]), True),
    ("inst:one,two", EventFilter.of(["one", "two"]), True),
    ("inst:one event:call", EventFilter.of(["one"], ["call"]), True),
    ("inst:one inst:two", EventFilter.of(["one"]), False),
    ("event:call event:messages.*", EventFilter.of(None, ["call"]), False),
    ("inst:lo*", EVERYTHING, False),
    ("inst:one text:boleto", EventFilter.of(["one"]), False),
    ("-event:call", EVERYTHING, False),
    ("event:call OR inst:one", EVERYTHING, False),
    ("origin:live", EVERYTHING, False),
    ("inst:one (event:call OR text:x)", EventFilter.of(["one"]), False),
]


@pytest.mark.parametrize(("text", "names", "is_all"), NARROWED)
def test_what_names_decide(text: str, names: EventFilter, is_all: bool) -> None:
    wanted = parse_filter(text, AT)
    found, rest = narrowed(wanted)
    assert found == names
    assert (rest is None) is is_all
    assert rest in (None, wanted)


def test_event_filters_are_decided_by_names() -> None:
    for some in (EVERYTHING, EventFilter.of(["a"]), EventFilter.of(None, ["x.*", "y"]), EventFilter.of(["a"], ["*"])):
        assert narrowed(Filter.of(some)) == (some, None)
    assert narrowed(EVERY) == (EVERYTHING, None)
