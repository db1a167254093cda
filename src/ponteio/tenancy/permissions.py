"""Who may do what: one table, for routes, sockets, history and exports alike. `docs/permissions.md` shows the same one;
a test compares them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.identity import OrganizationScope, Principal
from ponteio.model.outcome import FORBIDDEN, OPERATOR_ONLY, ORGANIZATION_ONLY, RefusalError
from ponteio.model.rights import KeyScope, Right, Role
from ponteio.model.sight import Sight

_EVERY_ORGANIZATION_RIGHT = frozenset(Right) - {Right.OPERATE, Right.LIMITS_SET}

ROLE_RIGHTS: Mapping[Role, frozenset[Right]] = MappingProxyType(
    {
        Role.OPERATOR: frozenset(
            {
                Right.OPERATE,
                Right.LIMITS_SET,
                Right.LIMITS_READ,
                Right.AUDIT_READ,
                Right.INSTANCES_READ,
                Right.INSTANCES_MANAGE,
                Right.LINKS_MANAGE,
                Right.PAIRING,
                Right.MEMBERS_MANAGE,
                Right.KEYS_MANAGE,
                Right.EVENTS_CONFIGURE,
            }
        ),
        Role.ADMIN: _EVERY_ORGANIZATION_RIGHT - {Right.TICKETS_MINT},
        Role.AGENT: frozenset(
            {Right.EVENTS_READ, Right.CONTENT_READ, Right.INSTANCES_READ, Right.PAIRING, Right.ALERTS_READ}
        ),
        Role.VIEWER: frozenset({Right.EVENTS_READ, Right.INSTANCES_READ, Right.ALERTS_READ}),
    }
)
"""What a person may do. The operator reads nobody's events: for that an operator must be a member, as anybody else."""

KEY_RIGHTS: Mapping[KeyScope, frozenset[Right]] = MappingProxyType(
    {
        KeyScope.EVENTS_READ: frozenset(
            {Right.EVENTS_READ, Right.CONTENT_READ, Right.INSTANCES_READ, Right.TICKETS_MINT, Right.LIMITS_READ}
        ),
        KeyScope.LINKS_MANAGE: frozenset({Right.LINKS_MANAGE, Right.INSTANCES_READ}),
        KeyScope.INSTANCES_MANAGE: frozenset(
            {Right.INSTANCES_MANAGE, Right.INSTANCES_READ, Right.PAIRING, Right.EVENTS_CONFIGURE}
        ),
        KeyScope.ADMIN: _EVERY_ORGANIZATION_RIGHT,
    }
)
"""What an organization's key may do: all that its scopes allow together."""

OPERATOR_KEY_RIGHTS = ROLE_RIGHTS[Role.OPERATOR]

BROWSER_RIGHTS = frozenset({Right.EVENTS_READ, Right.CONTENT_READ, Right.INSTANCES_READ, Right.PAIRING})
"""The most that a ticket or a signed token can give: it looks, and pairs if its maker says so, but manages nothing."""

NARROWED_OUT = frozenset(
    {
        Right.MEMBERS_MANAGE,
        Right.KEYS_MANAGE,
        Right.AUDIT_READ,
        Right.INSTANCES_MANAGE,
        Right.EVENTS_CONFIGURE,
        Right.ALERTS_READ,
        Right.ALERTS_MANAGE,
    }
)
"""What a key limited to some instances, events or metadata cannot do: it could lift its own limits that way."""


def key_rights(scopes: Collection[KeyScope], allowed: EventFilter, *, metadata_only: bool) -> frozenset[Right]:
    """What an organization's key with these scopes and limits may do."""
    rights = frozenset[Right]().union(*(KEY_RIGHTS[scope] for scope in scopes))
    if metadata_only:
        rights -= {Right.CONTENT_READ}
    if metadata_only or not allowed.is_everything:
        rights -= NARROWED_OUT
    return rights


def scope_for(organization_id: str, rights: Collection[Right], allowed: EventFilter = EVERYTHING) -> OrganizationScope:
    """The scope of somebody with these rights in the organization."""
    sight = Sight(content=Right.CONTENT_READ in rights, pairing=Right.PAIRING in rights)
    return OrganizationScope(organization_id, allowed, sight)


def require(principal: Principal, right: Right) -> None:
    """Raises `RefusalError` FORBIDDEN, with the missing right, unless the principal has it."""
    if right not in principal.rights:
        raise RefusalError(FORBIDDEN, f"This needs the right {right.value}.", {"needs": right.value})


def require_operator(principal: Principal) -> None:
    """Raises `RefusalError` OPERATOR_ONLY unless the operator asks."""
    if not principal.is_operator:
        raise RefusalError(OPERATOR_ONLY)


def require_organization(principal: Principal) -> OrganizationScope:
    """The scope that is acted in; raises `RefusalError` ORGANIZATION_ONLY where there is none."""
    if principal.scope is None:
        raise RefusalError(ORGANIZATION_ONLY)
    return principal.scope
