"""How the first operator gets in: by a one-time link, because there is no default password."""

from __future__ import annotations

from ponteio.foundation import Foundation
from ponteio.model.rights import Role

FIRST_RUN = "first-run"
"""Who invited: nobody but the house itself."""


async def first_operator_token(base: Foundation) -> str | None:
    """A new one-time token for the first operator, in place of any that was made before; None once there is one."""
    if await base.accounts.has_operator():
        return None
    for invitation in await base.invitations.list(None):
        if invitation.created_by == FIRST_RUN:
            await base.invitations.revoke(None, invitation.invitation_id)
    _, token = await base.invitations.create(None, Role.OPERATOR, created_by=FIRST_RUN)
    return token
