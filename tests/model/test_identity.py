from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from ponteio.model.filter import EventFilter
from ponteio.model.identity import (
    ApiKey,
    Instance,
    InstanceChange,
    InstanceState,
    Limits,
    Organization,
    OrganizationScope,
    Principal,
    Server,
    User,
)
from ponteio.model.rights import CredentialKind, Right
from ponteio.model.sight import Sight

AT = datetime(2026, 11, 23, tzinfo=UTC)


def _principal(*rights: Right, scope: OrganizationScope | None = None) -> Principal:
    return Principal(CredentialKind.KEY, "key-1", frozenset(rights), scope)


def test_the_operator_is_whoever_has_the_right_to_operate() -> None:
    assert _principal(Right.OPERATE).is_operator
    assert not _principal(Right.KEYS_MANAGE, scope=OrganizationScope("org-1")).is_operator
    assert not _principal().is_operator


def test_a_principal_may_what_its_rights_say() -> None:
    reader = _principal(Right.EVENTS_READ)
    assert [right for right in Right if reader.may(right)] == [Right.EVENTS_READ]


def test_a_scope_covers_all_instances_or_those_it_names() -> None:
    assert OrganizationScope("org-1").covers("alpha")
    assert OrganizationScope("org-1", EventFilter.of(None, ["messages.*"])).covers("alpha")
    narrow = OrganizationScope("org-1", EventFilter.of(["alpha"]))
    assert narrow.covers("alpha")
    assert not narrow.covers("Alpha")
    assert not narrow.covers("")


def test_principals_can_be_told_apart_and_collected() -> None:
    """Revocation compares what somebody has now with what they came with."""
    narrow = OrganizationScope("org-1", EventFilter.of(["alpha"]), Sight(content=False))
    one, same = _principal(Right.EVENTS_READ, scope=narrow), _principal(Right.EVENTS_READ, scope=narrow)
    assert {one, same} == {one}
    assert one != _principal(Right.EVENTS_READ, scope=OrganizationScope("org-1"))


def test_no_limit_is_unlimited_by_default() -> None:
    assert Limits() == Limits(100, 10, 100, 100, 100, 600)


def test_a_scope_cannot_be_turned_into_another() -> None:
    """I4: who may read what is decided where the scope is made."""
    scope = OrganizationScope("org-1")
    with pytest.raises(FrozenInstanceError):
        scope.organization_id = "org-2"  # type: ignore[misc]


def test_states_are_evolutions_own_words() -> None:
    assert [str(state) for state in InstanceState] == ["open", "connecting", "close", "refused", "unknown"]


def test_an_instance_begins_unowned_and_unknown() -> None:
    instance = Instance("i-1", "main", "alpha")
    assert (instance.organization_id, instance.state, instance.removed_at) == (None, InstanceState.UNKNOWN, None)


def test_a_change_says_nothing_by_default() -> None:
    assert InstanceChange() == InstanceChange(
        state=None, reason=None, upstream_id=None, integration=None, removed=False
    )


def test_a_key_is_shown_without_its_secret() -> None:
    """I5: there is no member that could hold it."""
    key = ApiKey("key-1", None, "operator", "pnt_abcd", AT)
    assert set(ApiKey.__slots__) == {
        *("key_id", "organization_id", "label", "prefix", "created_at", "revoked_at", "last_used_at"),
        *("scopes", "allowed", "metadata_only", "expires_at", "created_by", "live_per_minute"),
    }
    assert "key" not in Server.__slots__
    assert "password" not in repr(User.__slots__)
    assert key.revoked_at is None
    assert Organization("org-1", "Loja", AT).name == "Loja"
