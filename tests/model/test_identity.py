from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from ponteio.model.identity import (
    ApiKey,
    Instance,
    InstanceChange,
    InstanceState,
    Organization,
    OrganizationScope,
    Principal,
)

AT = datetime(2026, 11, 23, tzinfo=UTC)


def test_the_operator_is_whoever_has_no_organization() -> None:
    assert Principal("key-1", None).is_operator
    assert not Principal("key-2", OrganizationScope("org-1")).is_operator


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
        *("key_id", "organization_id", "label", "prefix", "created_at", "revoked_at", "last_used_at")
    }
    assert key.revoked_at is None
    assert Organization("org-1", "Loja", AT).name == "Loja"
