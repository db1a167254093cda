from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ponteio.live.view import View
from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.identity import OrganizationScope
from ponteio.model.sight import ALL_SEEN, Sight

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
    view = View.of(OrganizationScope("org", allowed), wanted)
    assert view.shows(instance, event) is (allowed.matches(instance, event) and wanted.matches(instance, event))
    names = [some.instances for some in (allowed, wanted) if some.instances is not None]
    assert view.covers(instance) is all(instance in some for some in names)


def test_views_that_show_the_same_are_equal_and_others_are_not() -> None:
    scope = OrganizationScope("org", EventFilter.of(["one"]))
    assert View.of(scope, EVERYTHING) == View.of(OrganizationScope("org", EventFilter.of(["one"])), EVERYTHING)
    assert View.of(scope, EVERYTHING) != View.of(OrganizationScope("org"), EventFilter.of(["one"]))
    narrowed = OrganizationScope("org", EventFilter.of(["one"]), Sight(content=False))
    assert View.of(narrowed, EVERYTHING) != View.of(scope, EVERYTHING)
    assert View.of(scope, EVERYTHING).sight is ALL_SEEN
