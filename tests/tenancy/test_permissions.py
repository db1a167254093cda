from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.identity import OrganizationScope, Principal
from ponteio.model.outcome import FORBIDDEN, OPERATOR_ONLY, ORGANIZATION_ONLY, Outcome, RefusalError
from ponteio.model.rights import CredentialKind, KeyScope, Right, Role
from ponteio.model.sight import ALL_SEEN, Sight
from ponteio.tenancy.permissions import (
    BROWSER_RIGHTS,
    KEY_RIGHTS,
    NARROWED_OUT,
    OPERATOR_KEY_RIGHTS,
    ROLE_RIGHTS,
    key_rights,
    require,
    require_operator,
    require_organization,
    scope_for,
)

SCOPE_SETS = [frozenset(some) for size in range(1, 5) for some in combinations(KeyScope, size)]
LIMITS = [EVERYTHING, EventFilter.of(["alpha"]), EventFilter.of(None, ["messages.*"])]
MANAGING = {Right.MEMBERS_MANAGE, Right.KEYS_MANAGE, Right.INSTANCES_MANAGE, Right.LINKS_MANAGE, Right.TICKETS_MINT}

_scopes = st.sampled_from(SCOPE_SETS)
_limits = st.sampled_from(LIMITS)


def _refused(work: Callable[[], object]) -> Outcome:
    with pytest.raises(RefusalError) as refused:
        work()
    return refused.value.outcome


def _principal(rights: frozenset[Right], scope: OrganizationScope | None = None) -> Principal:
    return Principal(CredentialKind.KEY, "key_a", rights, scope)


def test_every_role_and_every_scope_is_in_the_table() -> None:
    assert set(ROLE_RIGHTS) == set(Role)
    assert set(KEY_RIGHTS) == set(KeyScope)


def test_only_the_operator_operates_and_sets_limits() -> None:
    for right in (Right.OPERATE, Right.LIMITS_SET):
        assert [role for role in Role if right in ROLE_RIGHTS[role]] == [Role.OPERATOR]
    for scopes in SCOPE_SETS:
        assert not key_rights(scopes, EVERYTHING, metadata_only=False) & {Right.OPERATE, Right.LIMITS_SET}
    assert Right.OPERATE in OPERATOR_KEY_RIGHTS


def test_the_operator_reads_nobodys_events() -> None:
    """I4: whoever runs the house has no key to its rooms."""
    assert not ROLE_RIGHTS[Role.OPERATOR] & {Right.EVENTS_READ, Right.CONTENT_READ, Right.TICKETS_MINT}


def test_roles_of_an_organization_go_from_less_to_more() -> None:
    assert ROLE_RIGHTS[Role.VIEWER] < ROLE_RIGHTS[Role.AGENT] < ROLE_RIGHTS[Role.ADMIN]
    assert Right.CONTENT_READ not in ROLE_RIGHTS[Role.VIEWER]
    assert not (ROLE_RIGHTS[Role.AGENT] | ROLE_RIGHTS[Role.VIEWER]) & (MANAGING | {Right.AUDIT_READ})


def test_only_keys_make_tickets() -> None:
    """A browser that could make tickets could hand its rights on."""
    assert not any(Right.TICKETS_MINT in rights for rights in ROLE_RIGHTS.values())
    assert Right.TICKETS_MINT not in OPERATOR_KEY_RIGHTS


def test_content_without_events_makes_no_sense() -> None:
    for rights in (*ROLE_RIGHTS.values(), *KEY_RIGHTS.values(), BROWSER_RIGHTS):
        assert Right.CONTENT_READ not in rights or Right.EVENTS_READ in rights
    assert all(Right.INSTANCES_READ in rights for rights in (*ROLE_RIGHTS.values(), *KEY_RIGHTS.values()))


def test_tickets_and_tokens_look_and_manage_nothing() -> None:
    assert ROLE_RIGHTS[Role.AGENT] >= BROWSER_RIGHTS
    assert not BROWSER_RIGHTS & (MANAGING | {Right.OPERATE, Right.AUDIT_READ, Right.LIMITS_SET})


@given(_scopes, _scopes, _limits, st.booleans())
def test_scopes_add_up_and_nothing_else(
    one: frozenset[KeyScope], other: frozenset[KeyScope], allowed: EventFilter, metadata_only: bool
) -> None:
    both = key_rights(one | other, allowed, metadata_only=metadata_only)
    assert both == key_rights(one, allowed, metadata_only=metadata_only) | key_rights(
        other, allowed, metadata_only=metadata_only
    )


@given(_scopes, _limits, st.booleans())
def test_a_narrowed_key_cannot_lift_its_limits(
    scopes: frozenset[KeyScope], allowed: EventFilter, metadata_only: bool
) -> None:
    """I4: it makes no key, member or instance, and does not read what was done elsewhere."""
    whole = key_rights(scopes, EVERYTHING, metadata_only=False)
    narrowed = key_rights(scopes, allowed, metadata_only=metadata_only)
    assert narrowed <= whole
    if metadata_only or not allowed.is_everything:
        assert not narrowed & NARROWED_OUT
        assert not narrowed & {Right.KEYS_MANAGE, Right.MEMBERS_MANAGE}
    else:
        assert narrowed == whole
    if metadata_only:
        assert Right.CONTENT_READ not in narrowed


def test_a_key_without_scopes_may_nothing() -> None:
    assert key_rights(frozenset(), EVERYTHING, metadata_only=False) == frozenset()


@given(st.frozensets(st.sampled_from(list(Right))), _limits)
def test_a_scope_shows_what_the_rights_say(rights: frozenset[Right], allowed: EventFilter) -> None:
    sight = Sight(content=Right.CONTENT_READ in rights, pairing=Right.PAIRING in rights)
    assert scope_for("org_a", rights, allowed) == OrganizationScope("org_a", allowed, sight)


def test_an_admin_sees_everything_and_a_viewer_neither_content_nor_codes() -> None:
    assert scope_for("org_a", ROLE_RIGHTS[Role.ADMIN]).sight == ALL_SEEN
    assert scope_for("org_a", ROLE_RIGHTS[Role.VIEWER]).sight == Sight(content=False, pairing=False)


@pytest.mark.parametrize("right", list(Right))
def test_a_missing_right_is_named(right: Right) -> None:
    require(_principal(frozenset({right})), right)
    with pytest.raises(RefusalError) as refused:
        require(_principal(frozenset(Right) - {right}), right)
    assert refused.value.outcome is FORBIDDEN
    assert refused.value.extra == {"needs": right.value}
    assert right.value in refused.value.detail


def test_the_operator_may_and_an_organization_may_not() -> None:
    require_operator(_principal(OPERATOR_KEY_RIGHTS))
    admin = _principal(ROLE_RIGHTS[Role.ADMIN], OrganizationScope("org_a"))
    assert _refused(lambda: require_operator(admin)) is OPERATOR_ONLY


def test_an_organization_has_a_scope_and_the_operator_has_none() -> None:
    scope = OrganizationScope("org_a")
    assert require_organization(_principal(frozenset(), scope)) is scope
    assert _refused(lambda: require_organization(_principal(OPERATOR_KEY_RIGHTS))) is ORGANIZATION_ONLY
