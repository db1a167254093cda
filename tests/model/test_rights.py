from __future__ import annotations

import re

from ponteio.model.rights import CredentialKind, KeyScope, Right, Role


def test_the_words_are_those_of_the_api() -> None:
    """They are stored in rows and sent to browsers: they may be added to, never changed."""
    assert {str(one) for one in Right} == {
        *("events:read", "content:read", "pairing", "instances:read", "instances:manage", "links:manage"),
        *("tickets:mint", "members:manage", "keys:manage", "limits:read", "limits:set", "audit:read", "operate"),
        *("events:configure", "alerts:read", "alerts:manage"),
    }
    assert [str(one) for one in Role] == ["operator", "admin", "agent", "viewer"]
    assert [str(one) for one in KeyScope] == ["events:read", "links:manage", "instances:manage", "admin"]
    assert [str(one) for one in CredentialKind] == ["key", "session", "ticket", "jwt"]


def test_scopes_can_stand_in_one_column() -> None:
    assert all(re.fullmatch(r"[a-z:]+", scope) for scope in KeyScope)
