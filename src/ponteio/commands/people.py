"""People, from the terminal: accounts, one-time links, who did what."""

from __future__ import annotations

import orjson

from ponteio.commands.office import TERMINAL, office, organization_of, say, secret_from, table, user_of
from ponteio.config import Settings
from ponteio.model.event import utc_text
from ponteio.model.rights import Role
from ponteio.tenancy.audit import Action
from ponteio.tenancy.invitations import join_link


async def create_user(
    settings: Settings,
    email: str,
    name: str,
    *,
    organization: str | None,
    role: Role,
    stdin: bool,
    as_json: bool,
) -> None:
    """Make an account with a password from standard input or the keyboard; an operator's where no organization is
    given.
    """
    async with office(settings) as here:
        owner = None if organization is None else organization_of(here, organization).organization_id
        password = secret_from("Password", stdin=stdin, twice=True)
        user = await here.accounts.create(email, name or email, password, is_operator=owner is None)
        if owner is not None:
            await here.memberships.add(owner, user.user_id, role)
        action = Action.OPERATOR_MADE if owner is None else Action.MEMBER_ADDED
        await here.audit.record(action, TERMINAL, organization_id=owner, target=user.user_id)
    what = "operator" if owner is None else role.value
    say(as_json, {"user": user.user_id, "email": user.email, "role": what}, f"{what} {user.email} ({user.user_id})")


async def invite(settings: Settings, *, organization: str | None, role: Role, email: str | None, as_json: bool) -> None:
    """Print a one-time link with which somebody joins."""
    async with office(settings) as here:
        owner = None if organization is None else organization_of(here, organization).organization_id
        given = Role.OPERATOR if owner is None else role
        invitation, token = await here.invitations.create(owner, given, email=email)
        await here.audit.record(
            Action.INVITATION_MADE, TERMINAL, organization_id=owner, target=invitation.invitation_id
        )
    _say_link(settings, token, as_json=as_json)


async def reset_password(settings: Settings, email: str, *, as_json: bool) -> None:
    """Print a one-time link with which the account gets a new password; the old one works until then."""
    async with office(settings) as here:
        user = await user_of(here, email)
        _, token = await here.invitations.create_password_reset(user.user_id, created_by=None)
        await here.audit.record(Action.PASSWORD_RESET_MADE, TERMINAL, target=user.user_id)
    _say_link(settings, token, as_json=as_json)


async def set_disabled(settings: Settings, email: str, disabled: bool) -> None:
    """Nobody can log in to the account, or somebody can again; its sessions end within two seconds."""
    async with office(settings) as here:
        user = await user_of(here, email)
        await (here.accounts.disable(user.user_id) if disabled else here.accounts.enable(user.user_id))
        action = Action.USER_DISABLED if disabled else Action.USER_ENABLED
        await here.audit.record(action, TERMINAL, target=user.user_id)
    print(f"account {user.email} is {'disabled' if disabled else 'enabled'}")


async def list_users(settings: Settings, *, as_json: bool) -> None:
    """Every account and what it is to whom."""
    async with office(settings) as here:
        rows = []
        for user in await here.accounts.list():
            roles = [
                f"{organization_of(here, it.organization_id).name}: {it.role}"
                for it in await here.memberships.of_user(user.user_id)
            ]
            if user.is_operator:
                roles.insert(0, "operator")
            disabled = utc_text(user.disabled_at) if user.disabled_at else ""
            rows.append((user.user_id, user.email, ", ".join(roles), utc_text(user.created_at), disabled))
    table(as_json, ("user", "email", "roles", "created_at", "disabled_at"), rows)


async def show_audit(settings: Settings, *, organization: str | None, limit: int, as_json: bool) -> None:
    """The newest entries of the audit log, newest first."""
    async with office(settings) as here:
        owner = None if organization is None else organization_of(here, organization).organization_id
        found = await here.audit.list(owner, limit=limit)
    rows = [
        (
            utc_text(entry.at),
            entry.organization_id or "",
            entry.action,
            entry.actor.label or entry.actor.actor_id or entry.actor.kind,
            entry.actor.address or "",
            entry.target or "",
            orjson.dumps(entry.detail).decode() if entry.detail else "",
        )
        for entry in found
    ]
    table(as_json, ("at", "organization", "action", "by", "from", "target", "detail"), rows)


def _say_link(settings: Settings, token: str, *, as_json: bool) -> None:
    link = join_link(settings.public_url or "http://127.0.0.1:3001", token)
    text = f"{link}\n\nIt works once. It is shown this once; only its hash is kept."
    say(as_json, {"token": token, "url": link}, text)
