"""`/api/session`: logging in and out, and for which organization one acts."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from ponteio.api.authentication import CHANGING, READING, STRANGERS, Person, Record, Services, address_of
from ponteio.api.cookies import check_same_site, clear_cookies, session_token, set_cookie
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.people_schemas import Done, LoginRequest, OwnOrganization, SessionAnswer, SwitchRequest, user_answer
from ponteio.api.problems import errors
from ponteio.api.rate_limits import limits_of
from ponteio.api.services import ApiServices
from ponteio.model import outcome
from ponteio.model.client_address import network_of
from ponteio.model.identity import Principal, User
from ponteio.model.outcome import RefusalError
from ponteio.model.rights import Role
from ponteio.tenancy.accounts import email_key
from ponteio.tenancy.audit import Action, Actor
from ponteio.tenancy.user_sessions import ABSOLUTE, csrf_token

router = APIRouter(prefix="/api/session", tags=["session"], route_class=GuardedRoute)

_LOGIN = (
    outcome.LOGIN_FAILED,
    outcome.AUTH_INVALID,
    outcome.LOGIN_THROTTLED,
    *STRANGERS,
)


async def own_page(request: Request, services: Services) -> None:
    """Raises `RefusalError` ORIGIN_REFUSED for a page of somebody else: it must not log people in or out."""
    check_same_site(request, services.web)


OwnPage = Annotated[None, Depends(own_page)]


@router.post("", operation_id="logIn", responses=errors(*_LOGIN))
async def log_in(
    request: Request, response: Response, _page: OwnPage, services: Services, wanted: LoginRequest
) -> SessionAnswer:
    """Open a session: its cookie is set, and changes made with it need `csrf_token`."""
    try:
        session, token = await services.login.log_in(
            wanted.email, wanted.password.get_secret_value(), address=address_of(request), agent=agent_of(request)
        )
    except RefusalError as refusal:
        await _record_failure(request, services, wanted.email, refusal)
        raise
    user = await services.accounts.get(session.user_id)
    actor = Actor("session", session.user_id, user.email if user else None, address_of(request))
    await services.audit.record(Action.LOGGED_IN, actor, organization_id=session.organization_id)
    return await begun(request, response, services, token)


@router.get("", operation_id="getSession", responses=errors(*READING))
async def get_session(request: Request, caller: Person, services: Services) -> SessionAnswer:
    """Who is logged in."""
    return await session_answer(services, caller, session_token(request, services.web) or "")


@router.delete("", operation_id="logOut", responses=errors(*CHANGING))
async def log_out(response: Response, caller: Person, services: Services, record: Record) -> Done:
    """End the session. Its sockets close within two seconds."""
    await services.sessions.close(caller.credential_id)
    await record(Action.LOGGED_OUT)
    clear_cookies(response)
    return Done()


@router.put(
    "/organization", operation_id="switchOrganization", responses=errors(*CHANGING, outcome.ORGANIZATION_NOT_FOUND)
)
async def switch_organization(
    request: Request, caller: Person, services: Services, wanted: SwitchRequest, record: Record
) -> SessionAnswer:
    """Act for another organization that one belongs to; null is the operator's own work. Sockets of the session close,
    to come back with its rights.
    """
    principal = await services.sessions.switch(caller.credential_id, wanted.organization)
    await record(Action.SESSION_SWITCHED, organization_id=wanted.organization)
    return await session_answer(services, principal, session_token(request, services.web) or "")


def agent_of(request: Request) -> str | None:
    """The browser, in its own words."""
    return request.headers.get("user-agent")


async def begun(request: Request, response: Response, services: ApiServices, token: str) -> SessionAnswer:
    """The browser has the cookie of a new session, which is answered."""
    set_cookie(request, response, services.web, token, int(ABSOLUTE.total_seconds()))
    return await session_answer(services, await services.authenticator.cookie(token), token)


async def session_answer(services: ApiServices, principal: Principal, token: str) -> SessionAnswer:
    """The session as its holder sees it. Raises `RefusalError` AUTH_INVALID when the account is gone."""
    user = None if principal.user_id is None else await services.accounts.get(principal.user_id)
    if user is None or principal.expires_at is None:
        raise RefusalError(outcome.AUTH_INVALID)
    mine = await _own_organizations(services, user)
    here = principal.scope.organization_id if principal.scope else None
    organization = next((one for one in mine if one.id == here), None)
    return SessionAnswer(
        session=principal.credential_id,
        user=user_answer(user),
        organization=organization,
        role=Role.OPERATOR if principal.is_operator else organization.role if organization else None,
        rights=sorted(principal.rights),
        organizations=mine,
        csrf_token=csrf_token(token),
        expires_at=principal.expires_at,
    )


async def _own_organizations(services: ApiServices, user: User) -> list[OwnOrganization]:
    mine = []
    for membership in await services.memberships.of_user(user.user_id):
        found = services.directory.organization(membership.organization_id)
        if found is not None:
            is_disabled = found.disabled_at is not None
            mine.append(
                OwnOrganization(
                    id=found.organization_id, name=found.name, role=membership.role, is_disabled=is_disabled
                )
            )
    return mine


async def _record_failure(request: Request, services: ApiServices, email: str, refusal: RefusalError) -> None:
    """For whoever looks after the account, if there is one. What was typed is not kept otherwise: it may be a password
    in the wrong field. Throttled tries are written down once a minute for each address: a flood must not fill the log.
    """
    address = address_of(request)
    if refusal.outcome is outcome.LOGIN_THROTTLED:
        once = limits_of(request).count("throttled", 1, network_of(address))
        if once.is_exceeded:
            return
    # The same questions for an unknown address: the time must not tell.
    user = await services.accounts.by_email(email)
    organization_id = await services.memberships.first_open(user.user_id if user else "")
    unknown = "unknown:" + hashlib.sha256(email_key(email).encode(errors="replace")).hexdigest()[:12]
    await services.audit.record(
        Action.LOGIN_FAILED,
        Actor("nobody", None, None, address),
        organization_id=organization_id,
        target=user.user_id if user else unknown,
        detail={"code": refusal.outcome.code},
    )
