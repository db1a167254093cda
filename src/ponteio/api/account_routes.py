"""`/api/account`: one's own account. `/api/users`: the operator's list of accounts."""

from __future__ import annotations

from fastapi import APIRouter, Request

from ponteio.api.authentication import CHANGING, READING, STRANGERS, Operator, Person, Record, Services, address_of
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.member_routes import known_link, new_link
from ponteio.api.people_schemas import (
    Done,
    NameRequest,
    NewLinkAnswer,
    PasswordRequest,
    ResetRequest,
    SessionEntry,
    SessionsAnswer,
    UserAnswer,
    UsersAnswer,
    user_answer,
)
from ponteio.api.problems import errors
from ponteio.api.services import ApiServices
from ponteio.api.session_routes import OwnPage
from ponteio.model import outcome
from ponteio.model.identity import Principal, User
from ponteio.model.outcome import RefusalError
from ponteio.tenancy.audit import Action, Actor

router = APIRouter(prefix="/api", tags=["account"], route_class=GuardedRoute)

_LINK = (
    outcome.INVITATION_INVALID,
    outcome.WEAK_PASSWORD,
    outcome.LOGIN_THROTTLED,
    *STRANGERS,
)


@router.get("/account", operation_id="getAccount", responses=errors(*READING))
async def get_account(caller: Person, services: Services) -> UserAnswer:
    """One's own account."""
    return user_answer(await _own(caller, services))


@router.patch("/account", operation_id="renameAccount", responses=errors(*CHANGING, outcome.INVALID_NAME))
async def rename_account(caller: Person, services: Services, wanted: NameRequest, record: Record) -> UserAnswer:
    """Be called something else."""
    user = await services.accounts.rename((await _own(caller, services)).user_id, wanted.name)
    await record(Action.ACCOUNT_CHANGED)
    return user_answer(user)


@router.put(
    "/account/password",
    operation_id="changePassword",
    responses=errors(*CHANGING, outcome.LOGIN_FAILED, outcome.WEAK_PASSWORD, outcome.LOGIN_THROTTLED),
)
async def change_password(caller: Person, services: Services, wanted: PasswordRequest, record: Record) -> Done:
    """Change the password. Every other session of the account ends, and its sockets within two seconds."""
    user = await _own(caller, services)
    await services.accounts.change_password(
        user.user_id,
        wanted.current.get_secret_value(),
        wanted.new.get_secret_value(),
        keep_session_id=caller.credential_id,
    )
    await record(Action.PASSWORD_CHANGED)
    return Done()


@router.post("/account/reset", operation_id="resetPassword", responses=errors(*_LINK))
async def reset_password(request: Request, _page: OwnPage, services: Services, wanted: ResetRequest) -> Done:
    """Set a new password by one-time link. Every session of the account ends."""
    token = wanted.token.get_secret_value()
    link = await known_link(request, services, token)
    user = await services.invitations.reset_password(token, wanted.password.get_secret_value())
    actor = Actor("link", user.user_id, user.email, address_of(request))
    await services.audit.record(Action.PASSWORD_RESET_USED, actor, target=link.invitation_id)
    return Done()


@router.get("/account/sessions", operation_id="listSessions", responses=errors(*READING))
async def list_sessions(caller: Person, services: Services) -> SessionsAnswer:
    """Where one is logged in."""
    user = await _own(caller, services)
    return SessionsAnswer(
        sessions=[
            SessionEntry(
                id=it.session_id,
                is_current=it.session_id == caller.credential_id,
                organization=it.organization_id,
                created_at=it.created_at,
                seen_at=it.seen_at,
                expires_at=it.expires_at,
                address=it.address,
                agent=it.agent,
            )
            for it in await services.sessions.list(user.user_id)
        ]
    )


@router.delete(
    "/account/sessions/{session_id}", operation_id="endSession", responses=errors(*CHANGING, outcome.NOT_FOUND)
)
async def end_session(session_id: str, caller: Person, services: Services, record: Record) -> Done:
    """End another session of one's own."""
    user = await _own(caller, services)
    await services.sessions.close(session_id, user_id=user.user_id)
    await record(Action.SESSION_ENDED, session_id)
    return Done()


@router.get("/users", operation_id="listUsers", responses=errors(*READING, outcome.OPERATOR_ONLY))
async def list_users(_operator: Operator, services: Services) -> UsersAnswer:
    """Every account of the deployment."""
    return UsersAnswer(users=[user_answer(user) for user in await services.accounts.list()])


@router.post(
    "/users/{user_id}/password-reset",
    status_code=201,
    operation_id="makePasswordReset",
    responses=errors(*CHANGING, outcome.OPERATOR_ONLY, outcome.NOT_FOUND),
)
async def make_password_reset(user_id: str, caller: Operator, services: Services, record: Record) -> NewLinkAnswer:
    """A one-time link to a new password. The old one works until it is used."""
    made, token = await services.invitations.create_password_reset(
        user_id, created_by=caller.user_id or caller.credential_id
    )
    await record(Action.PASSWORD_RESET_MADE, user_id)
    return new_link(services, made, token)


@router.post(
    "/users/{user_id}/disable",
    operation_id="disableUser",
    responses=errors(*CHANGING, outcome.OPERATOR_ONLY, outcome.NOT_FOUND, outcome.LAST_ADMIN),
)
async def disable_user(user_id: str, _operator: Operator, services: Services, record: Record) -> Done:
    """Nobody can log in to the account; its sessions end."""
    await services.accounts.disable(user_id)
    await record(Action.USER_DISABLED, user_id)
    return Done()


@router.post(
    "/users/{user_id}/enable",
    operation_id="enableUser",
    responses=errors(*CHANGING, outcome.OPERATOR_ONLY, outcome.NOT_FOUND),
)
async def enable_user(user_id: str, _operator: Operator, services: Services, record: Record) -> Done:
    """The account works again."""
    await services.accounts.enable(user_id)
    await record(Action.USER_ENABLED, user_id)
    return Done()


async def _own(caller: Principal, services: ApiServices) -> User:
    user = None if caller.user_id is None else await services.accounts.get(caller.user_id)
    if user is None:
        raise RefusalError(outcome.AUTH_INVALID)
    return user
