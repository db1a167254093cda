from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.live.stored import AT

from ponteio.live.question import Questions
from ponteio.live.view import View
from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.filter_language import parse_filter
from ponteio.model.identity import OrganizationScope
from ponteio.model.sight import ALL_SEEN, Sight

QUESTIONS = Questions()
FILTERS = st.sampled_from(
    [
        EVERYTHING,
        EventFilter.of(["one"]),
        EventFilter.of(["one", "two"], ["messages.*"]),
        EventFilter.of(None, ["call"]),
    ]
)


@given(FILTERS, FILTERS, st.sampled_from(["one", "two", "three"]), st.sampled_from(["messages.upsert", "call", "x"]))
def test_what_is_shown_is_allowed_and_wanted(
    allowed: EventFilter, wanted: EventFilter, instance: str, event: str
) -> None:
    view = View.of(OrganizationScope("org", allowed), wanted, QUESTIONS)
    assert view.shows(instance, event) is (allowed.matches(instance, event) and wanted.matches(instance, event))
    names = [some.instances for some in (allowed, wanted) if some.instances is not None]
    assert view.covers(instance) is all(instance in some for some in names)


def test_views_that_show_the_same_are_equal_and_others_are_not() -> None:
    scope = OrganizationScope("org", EventFilter.of(["one"]))
    assert View.of(scope, EVERYTHING, QUESTIONS) == View.of(
        OrganizationScope("org", EventFilter.of(["one"])), EVERYTHING, QUESTIONS
    )
    assert View.of(scope, EVERYTHING, QUESTIONS) != View.of(
        OrganizationScope("org"), EventFilter.of(["one"]), QUESTIONS
    )
    narrowed = OrganizationScope("org", EventFilter.of(["one"]), Sight(content=False))
    assert View.of(narrowed, EVERYTHING, QUESTIONS) != View.of(scope, EVERYTHING, QUESTIONS)
    assert View.of(scope, EVERYTHING, QUESTIONS).sight is ALL_SEEN


def test_a_filter_that_names_decide_asks_no_question() -> None:
    scope = OrganizationScope("org")
    fast = View.of(scope, parse_filter("event:messages.*,call inst:one", AT), QUESTIONS)
    assert fast == View.of(scope, EventFilter.of(["one"], ["messages.*", "call"]), QUESTIONS)
    assert fast.question is None
    assert View.of(scope, parse_filter("", AT), QUESTIONS) == View.of(scope, EVERYTHING, QUESTIONS)


def test_views_with_the_same_question_share_it() -> None:
    scope = OrganizationScope("org")
    first = View.of(scope, parse_filter("inst:one fromMe:true", AT), QUESTIONS)
    again = View.of(scope, parse_filter("inst:one   fromMe:true", AT), QUESTIONS)
    assert first == again
    assert first.question is again.question
    blind = View.of(OrganizationScope("org", sight=Sight(content=False)), parse_filter("fromMe:true", AT), QUESTIONS)
    assert blind.question is not first.question
    assert first.covers("one")
    assert not first.covers("two")
