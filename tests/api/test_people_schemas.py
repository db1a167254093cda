"""Requests about people take what they name and nothing else, and tell no secret."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from ponteio.api import people_schemas
from ponteio.api.people_schemas import AcceptRequest, LoginRequest, ResetRequest, RoleRequest, SwitchRequest

GOOD: dict[str, dict[str, Any]] = {
    "LoginRequest": {"email": "a@b.example", "password": "canary"},
    "SwitchRequest": {"organization": None},
    "PasswordRequest": {"current": "canary", "new": "canary"},
    "NameRequest": {"name": "Ana"},
    "RoleRequest": {"role": "viewer"},
    "InvitationRequest": {"role": "operator", "email": None},
    "LinkRequest": {"token": "canary"},
    "AcceptRequest": {"token": "canary"},
    "ResetRequest": {"token": "canary", "password": "canary"},
}
REQUESTS = {name: kind for name, kind in vars(people_schemas).items() if name.endswith("Request") and name[0] != "_"}


def test_every_request_is_tried() -> None:
    assert set(REQUESTS) == set(GOOD)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_request_takes_what_it_names_and_nothing_else(name: str) -> None:
    kind: type[BaseModel] = REQUESTS[name]
    made = kind.model_validate(GOOD[name])
    assert "canary" not in repr(made)
    for more in ("is_operator", "user_id", "organization_id", "rights", "__class__"):
        with pytest.raises(ValidationError):
            kind.model_validate({**GOOD[name], more: True})


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        (LoginRequest, {"email": "a@b.example", "password": ""}),
        (LoginRequest, {"email": "", "password": "x"}),
        (LoginRequest, {"email": "a@b.example", "password": "canary" * 200}),
        (ResetRequest, {"token": "canary" * 40, "password": "x"}),
        (RoleRequest, {"role": "operator"}),
        (RoleRequest, {"role": "Admin"}),
        (SwitchRequest, {}),
        (AcceptRequest, {"password": "canary"}),
    ],
)
def test_what_is_wrong_is_refused_without_its_value(kind: type[BaseModel], bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        kind.model_validate(bad)
    assert "canary" not in str(caught.value)
