"""`/api/session`: logging in and out, and for which organization one acts."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from ponteio.api.authentication import (
    CHANGING,
    COOKIE,
    READING,
    SECURE_COOKIE,
    Person,
    Record,
    Services,
    address_of,
    check_same_site,
    session_token,
)
from ponteio.api.people_schemas import Done, LoginRequest, OwnOrganization, SessionAnswer, SwitchRequest, user_answer
from ponteio.api.problems import errors
from ponteio.api.services import ApiServices
from ponteio.model import outcome
from ponteio.model.identity import Principal
from ponteio.model.outcome import RefusalError
from ponteio.tenancy.accounts import email_key
from ponteio.tenancy.audit import Action, Actor
from ponteio.tenancy.user_sessions import ABSOLUTE, csrf_token

router = APIRouter(prefix="/api/session", tags=["session"])

_LOGIN = (
    outcome.LOGIN_FAILED,
    outcome.LOGIN_THROTTLED,
    outcome.ORIGIN_REFUSED,
    outcome.HOST_REFUSED,
    outcome.RATE_LIMITED,
    outcome.INVALID_REQUEST,
    outcome.TOO_LARGE,
)


async def own_page(request: Request, services: Services) -> None:
    """Raises `RefusalError` ORIGIN_REFUSED for a page of somebody else: it must not log people in or out."""
    check_same_site(request, services)


@router.post("", operation_id="logIn", responses=errors(*_LOGIN), dependencies=[Depends(own_page)])
async def log_in(request: Request, response: Response, services: Services, wanted: LoginRequest) -> SessionAnswer:
    """Open a session: its cookie is set, and changes made with it need `csrf_token`."""
    address, agent = address_of(request), request.headers.get("user-agent")
    try:
        session, token = await services.login.log_in(
            wanted.email, wanted.password.get_secret_value(), address=address, agent=agent
        )
    except RefusalError as refusal:
        await _record_failure(services, wanted.email, address, refusal)
        raise
    set_cookie(request, response, services, token)
    principal = await services.authenticator.cookie(token)
    user = await services.accounts.get(session.user_id)
    actor = Actor("session", session.user_id, user.email if user else None, address)
    await services.audit.record(Action.LOGGED_IN, actor, organization_id=session.organization_id)
    return await session_answer(services, principal, token)


@router.get("", operation_id="getSession", responses=errors(*READING))
async def get_session(request: Request, caller: Person, services: Services) -> SessionAnswer:
    """Who is logged in."""
    return await session_answer(services, caller, session_token(request) or "")


@router.delete("", operation_id="logOut", responses=errors(*CHANGING))
async def log_out(response: Response, caller: Person, services: Services, record: Record) -> Done:
    """End the session. Its sockets close within two seconds."""
    await services.sessions.close(caller.credential_id)
    await record(Action.LOGGED_OUT)
    for name in (SECURE_COOKIE, COOKIE):
        response.delete_cookie(name, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="lax")
    return Done()


@router.put(
    "/organization", operation_id="switchOrganization", responses=errors(*CHANGING, outcome.ORGANIZATION_NOT_FOUND)
)
async def switch_organization(
    request: Request, caller: Person, services: Services, wanted: SwitchRequest, record: Record
) -> SessionAnswer:
    """Act for another organization that one belongs to. Sockets of the session close, to come back with its rights."""
    principal = await services.sessions.switch(caller.credential_id, wanted.organization)
    await record(Action.SESSION_SWITCHED, organization_id=wanted.organization)
    return await session_answer(services, principal, session_token(request) or "")


def set_cookie(request: Request, response: Response, services: ApiServices, token: str) -> None:
    """The browser keeps the session's token where no script can read it."""
    is_secure = request.url.scheme == "https" or services.web.public_url.startswith("https://")
    response.set_cookie(
        SECURE_COOKIE if is_secure else COOKIE,
        token,
        max_age=int(ABSOLUTE.total_seconds()),
        path="/",
        secure=is_secure,
        httponly=True,
        samesite="lax",
    )


async def session_answer(services: ApiServices, principal: Principal, token: str) -> SessionAnswer:
    """The session as its holder sees it. Raises `RefusalError` AUTH_INVALID when the account is gone."""
    user = None if principal.user_id is None else await services.accounts.get(principal.user_id)
    if user is None or principal.expires_at is None:
        raise RefusalError(outcome.AUTH_INVALID)
    mine = []
    for membership in await services.memberships.of_user(user.user_id):
        found = services.directory.organization(membership.organization_id)
        if found is not None:
            mine.append(OwnOrganization(id=found.organization_id, name=found.name, role=membership.role))
    here = principal.scope.organization_id if principal.scope else None
    return SessionAnswer(
        session=principal.credential_id,
        user=user_answer(user),
        organization=next((one for one in mine if one.id == here), None),
        rights=sorted(principal.rights),
        organizations=mine,
        csrf_token=csrf_token(token),
        expires_at=principal.expires_at,
    )


async def _record_failure(services: ApiServices, email: str, address: str | None, refusal: RefusalError) -> None:
    """What was typed is not kept where nobody is known by it: it may be a password in the wrong field."""
    user = await services.accounts.by_email(email)
    unknown = "unknown:" + hashlib.sha256(email_key(email).encode(errors="replace")).hexdigest()[:12]
    target = user.user_id if user else unknown
    actor = Actor("nobody", None, None, address)
    await services.audit.record(Action.LOGIN_FAILED, actor, target=target, detail={"code": refusal.outcome.code})


OwnPage = Annotated[None, Depends(own_page)]
