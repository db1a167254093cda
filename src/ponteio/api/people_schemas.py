"""The shapes of requests and answers about people."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ponteio.api.schemas import Moment
from ponteio.model.identity import User
from ponteio.model.rights import Right, Role

OrganizationRole = Literal["admin", "agent", "viewer"]
Password = Annotated[SecretStr, Field(min_length=1, max_length=1024)]
Token = Annotated[SecretStr, Field(min_length=1, max_length=200)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class LoginRequest(_Request):
    email: str = Field(min_length=1, max_length=320, examples=["ana@example.com"])
    password: Password


class SwitchRequest(_Request):
    organization: str | None = Field(
        max_length=200, description="The organization's id; null: the operator's own work."
    )


class PasswordRequest(_Request):
    current: Password
    new: Password


class NameRequest(_Request):
    name: str = Field(min_length=1, max_length=200)


class RoleRequest(_Request):
    role: OrganizationRole


class InvitationRequest(_Request):
    """`role` operator is the operator's to give, without an organization."""

    role: Role
    email: str | None = Field(None, max_length=320, description="Only for this address.")


class LinkRequest(_Request):
    token: Token


class AcceptRequest(LinkRequest):
    """With `password` a new account is made; without it whoever is logged in accepts."""

    email: str | None = Field(
        None, max_length=320, description="May be left out where the link is for one address.", examples=[None]
    )
    name: str | None = Field(None, max_length=200, description="The part before the @ if left out.", examples=["Ana"])
    password: Password | None = None


class ResetRequest(LinkRequest):
    password: Password


class UserAnswer(BaseModel):
    id: str
    email: str
    name: str
    is_operator: bool
    created_at: Moment
    disabled_at: Moment | None


class UsersAnswer(BaseModel):
    users: list[UserAnswer]


class OwnOrganization(BaseModel):
    id: str
    name: str
    role: Role
    is_disabled: bool = Field(description="Nobody can act for it at present.")


class SessionAnswer(BaseModel):
    """Who is logged in, what the session acts for, and what it may do there."""

    session: str
    user: UserAnswer
    organization: OwnOrganization | None = Field(description="Null: none, or the operator's own work.")
    role: Role | None = Field(description="What the person is there; null: nothing.")
    rights: list[Right] = Field(description="What the session may do there, the same table for every route.")
    organizations: list[OwnOrganization] = Field(description="What the session can switch to.")
    csrf_token: str = Field(description="To be sent in `X-CSRF-Token` with every change.")
    expires_at: Moment


class SessionEntry(BaseModel):
    id: str
    is_current: bool
    organization: str | None
    created_at: Moment
    seen_at: Moment
    expires_at: Moment
    address: str | None
    agent: str | None


class SessionsAnswer(BaseModel):
    sessions: list[SessionEntry]


class MemberAnswer(BaseModel):
    user: UserAnswer
    role: Role
    since: Moment


class MembersAnswer(BaseModel):
    members: list[MemberAnswer]


class InvitationAnswer(BaseModel):
    """A one-time link without its token."""

    id: str
    organization: str | None
    role: Role | None
    email: str | None
    created_at: Moment
    expires_at: Moment


class InvitationsAnswer(BaseModel):
    invitations: list[InvitationAnswer]


class NewLinkAnswer(BaseModel):
    """A one-time link. `token` and `url` are shown this once."""

    invitation: InvitationAnswer
    token: str
    url: str


class LinkAnswer(BaseModel):
    """What a one-time link is for."""

    kind: Literal["join", "password"]
    organization_name: str | None
    role: Role | None
    email: str | None
    expires_at: Moment


class AcceptedAnswer(BaseModel):
    """Who joined what."""

    user: UserAnswer
    organization: str | None
    role: Role | None
    session: SessionAnswer | None = Field(description="The new account's, whose cookie is set; null: one was there.")


class Done(BaseModel):
    """It is so."""

    ok: Literal[True] = True


def user_answer(user: User) -> UserAnswer:
    """The account as it is shown."""
    return UserAnswer(
        id=user.user_id,
        email=user.email,
        name=user.name,
        is_operator=user.is_operator,
        created_at=user.created_at,
        disabled_at=user.disabled_at,
    )
