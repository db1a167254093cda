"""Who may do what: two kinds of keys, two questions."""

from __future__ import annotations

from ponteio.model.identity import OrganizationScope, Principal
from ponteio.model.outcome import OPERATOR_ONLY, ORGANIZATION_ONLY, RefusalError


def require_operator(principal: Principal) -> None:
    """Raises `RefusalError` OPERATOR_ONLY unless the operator asks."""
    if not principal.is_operator:
        raise RefusalError(OPERATOR_ONLY)


def require_organization(principal: Principal) -> OrganizationScope:
    """The scope of the organization that asks; raises `RefusalError` ORGANIZATION_ONLY for the operator."""
    if principal.scope is None:
        raise RefusalError(ORGANIZATION_ONLY)
    return principal.scope
