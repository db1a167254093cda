"""`/api/members` and `/api/invitations`: who belongs to an organization, and who is asked to."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ponteio.api.authentication import (
    CHANGING,
    READING,
    STRANGERS,
    Needs,
    Record,
    Services,
    address_of,
    admit,
    organization_meant,
)
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.people_schemas import (
    AcceptedAnswer,
    AcceptRequest,
    Done,
    InvitationAnswer,
    InvitationRequest,
    InvitationsAnswer,
    LinkAnswer,
    LinkRequest,
    MemberAnswer,
    MembersAnswer,
    NewLinkAnswer,
    RoleRequest,
    user_answer,
)
from ponteio.api.problems import errors
from ponteio.api.rate_limits import count_failure
from ponteio.api.services import ApiServices
from ponteio.api.session_routes import OwnPage, agent_of, begun
from ponteio.model import outcome
from ponteio.model.identity import Principal, User
from ponteio.model.outcome import RefusalError
from ponteio.model.rights import Right, Role
from ponteio.tenancy.audit import Action, Actor
from ponteio.tenancy.invitations import Invitation, join_link

router = APIRouter(prefix="/api", tags=["members"], route_class=GuardedRoute)

Admin = Annotated[Principal, Needs(Right.MEMBERS_MANAGE)]
OrganizationId = Annotated[str | None, Query(max_length=200, description="Which one; needed from the operator.")]
_ABOUT = (outcome.ORGANIZATION_ONLY, outcome.ORGANIZATION_NOT_FOUND)
_PUBLIC = (
    outcome.INVITATION_INVALID,
    *STRANGERS,
)


@router.get("/members", operation_id="listMembers", responses=errors(*READING, *_ABOUT, outcome.INVALID_REQUEST))
async def list_members(caller: Admin, services: Services, organization: OrganizationId = None) -> MembersAnswer:
    """The organization's members."""
    here = organization_meant(caller, services, organization)
    return MembersAnswer(
        members=[
            MemberAnswer(user=user_answer(user), role=membership.role, since=membership.created_at)
            for user, membership in await services.memberships.members(here)
        ]
    )


@router.patch(
    "/members/{user_id}",
    operation_id="setMemberRole",
    responses=errors(*CHANGING, *_ABOUT, outcome.NOT_FOUND, outcome.LAST_ADMIN),
)
async def set_member_role(
    user_id: str,
    caller: Admin,
    services: Services,
    wanted: RoleRequest,
    record: Record,
    organization: OrganizationId = None,
) -> Done:
    """Give a member another role. It holds within two seconds, for open sockets too."""
    here = organization_meant(caller, services, organization)
    await services.memberships.set_role(here, user_id, Role(wanted.role))
    await record(Action.MEMBER_ROLE_SET, user_id, organization_id=here, detail={"role": wanted.role})
    return Done()


@router.delete(
    "/members/{user_id}",
    operation_id="removeMember",
    responses=errors(*CHANGING, *_ABOUT, outcome.NOT_FOUND, outcome.LAST_ADMIN),
)
async def remove_member(
    user_id: str, caller: Admin, services: Services, record: Record, organization: OrganizationId = None
) -> Done:
    """Take a member out of the organization. Their sockets here close within two seconds."""
    here = organization_meant(caller, services, organization)
    await services.memberships.remove(here, user_id)
    await record(Action.MEMBER_REMOVED, user_id, organization_id=here)
    return Done()


@router.get(
    "/invitations", operation_id="listInvitations", responses=errors(*READING, *_ABOUT, outcome.INVALID_REQUEST)
)
async def list_invitations(caller: Admin, services: Services, organization: OrganizationId = None) -> InvitationsAnswer:
    """One-time links that still work; the operator's own where the operator names no organization."""
    here = _organization_or_operators(caller, services, organization)
    return InvitationsAnswer(invitations=[invitation_answer(it) for it in await services.invitations.list(here)])


@router.post(
    "/invitations",
    status_code=201,
    operation_id="invite",
    responses=errors(*CHANGING, *_ABOUT, outcome.OPERATOR_ONLY, outcome.INVALID_NAME, outcome.NOT_FOUND),
)
async def invite(
    caller: Admin,
    services: Services,
    wanted: InvitationRequest,
    record: Record,
    organization: OrganizationId = None,
) -> NewLinkAnswer:
    """A one-time link to join, good for 72 hours."""
    if wanted.role is Role.OPERATOR:
        if not caller.is_operator:
            raise RefusalError(outcome.OPERATOR_ONLY)
        here = None
    else:
        here = organization_meant(caller, services, organization)
    made, token = await services.invitations.create(
        here, wanted.role, email=wanted.email, created_by=caller.user_id or caller.credential_id
    )
    detail: dict[str, object] = {"role": wanted.role.value}
    await record(Action.INVITATION_MADE, made.invitation_id, organization_id=here, detail=detail)
    return new_link(services, made, token)


@router.delete(
    "/invitations/{invitation_id}",
    operation_id="revokeInvitation",
    responses=errors(*CHANGING, *_ABOUT, outcome.NOT_FOUND),
)
async def revoke_invitation(
    invitation_id: str, caller: Admin, services: Services, record: Record, organization: OrganizationId = None
) -> Done:
    """The link works no more."""
    here = _organization_or_operators(caller, services, organization)
    await services.invitations.revoke(here, invitation_id)
    await record(Action.INVITATION_REVOKED, invitation_id, organization_id=here)
    return Done()


@router.post("/invitations/look", operation_id="lookAtInvitation", responses=errors(*_PUBLIC))
async def look_at_invitation(request: Request, _page: OwnPage, services: Services, wanted: LinkRequest) -> LinkAnswer:
    """What a one-time link is for. Whoever has it may ask."""
    found = await known_link(request, services, wanted.token.get_secret_value())
    organization = services.directory.organization(found.organization_id) if found.organization_id else None
    return LinkAnswer(
        kind="join" if found.role else "password",
        organization_name=organization.name if organization else None,
        role=found.role,
        email=found.email,
        expires_at=found.expires_at,
    )


@router.post(
    "/invitations/accept",
    operation_id="acceptInvitation",
    responses=errors(
        *_PUBLIC,
        outcome.AUTH_REQUIRED,
        outcome.AUTH_INVALID,
        outcome.CSRF_FAILED,
        outcome.ORGANIZATION_DISABLED,
        outcome.FORBIDDEN,
        outcome.EMAIL_TAKEN,
        outcome.INVALID_NAME,
        outcome.WEAK_PASSWORD,
        outcome.LOGIN_THROTTLED,
    ),
)
async def accept_invitation(
    request: Request, response: Response, _page: OwnPage, services: Services, wanted: AcceptRequest
) -> AcceptedAnswer:
    """Join: with a new account, which is logged in by this, or as whoever is logged in."""
    token = wanted.token.get_secret_value()
    invitation = await known_link(request, services, token)
    here, session = invitation.organization_id, None
    if wanted.password is None:
        user = await _logged_in(request, services)
        await services.invitations.accept_as(token, user.user_id)
    else:
        user = await _new_account(services, wanted, invitation)
        _, secret = await services.sessions.open(
            user.user_id, here, address=address_of(request), agent=agent_of(request)
        )
        session = await begun(request, response, services, secret)
    actor = Actor("link", user.user_id, user.email, address_of(request))
    await services.audit.record(Action.INVITATION_USED, actor, organization_id=here, target=invitation.invitation_id)
    return AcceptedAnswer(user=user_answer(user), organization=here, role=invitation.role, session=session)


async def known_link(request: Request, services: ApiServices, token: str) -> Invitation:
    """The link of this token. Raises `RefusalError` INVITATION_INVALID for one that does not work, which costs the
    address as much as a credential that nobody has.
    """
    try:
        return await services.invitations.look(token)
    except RefusalError:
        count_failure(request, services)
        raise


async def _new_account(services: ApiServices, wanted: AcceptRequest, invitation: Invitation) -> User:
    email = wanted.email or invitation.email
    if email is None or wanted.password is None:
        raise RefusalError(outcome.INVALID_REQUEST, "A new account needs an e-mail address and a password.")
    name = wanted.name or email.partition("@")[0]
    token, password = wanted.token.get_secret_value(), wanted.password.get_secret_value()
    return await services.invitations.accept(token, email=email, name=name, password=password)


def new_link(services: ApiServices, made: Invitation, token: str) -> NewLinkAnswer:
    """A new link, shown this once."""
    return NewLinkAnswer(invitation=invitation_answer(made), token=token, url=join_link(services.web.public_url, token))


def invitation_answer(invitation: Invitation) -> InvitationAnswer:
    """The link without its token."""
    return InvitationAnswer(
        id=invitation.invitation_id,
        organization=invitation.organization_id,
        role=invitation.role,
        email=invitation.email,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
    )


def _organization_or_operators(caller: Principal, services: ApiServices, named: str | None) -> str | None:
    if named is None and caller.is_operator:
        return None
    return organization_meant(caller, services, named)


async def _logged_in(request: Request, services: ApiServices) -> User:
    caller = await admit(request, services)
    user = None if caller.user_id is None else await services.accounts.get(caller.user_id)
    if user is None:
        raise RefusalError(outcome.FORBIDDEN, "Log in, or give an e-mail address, a name and a password.")
    return user
