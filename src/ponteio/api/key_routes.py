"""`/api/keys`, `/api/tickets` and `/api/token-signer`: what machines and other products come with."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from ponteio.api.access_schemas import (
    KeyAnswer,
    KeysAnswer,
    NewKeyAnswer,
    NewKeyRequest,
    SignerAnswer,
    SignerRequest,
    TicketAnswer,
    TicketRequest,
)
from ponteio.api.authentication import CHANGING, READING, Needs, NeedsScope, Record, Services, organization_meant
from ponteio.api.event_filters import named
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.people_schemas import Done
from ponteio.api.problems import errors
from ponteio.api.services import ApiServices
from ponteio.model import outcome
from ponteio.model.identity import ApiKey, OrganizationScope, Principal
from ponteio.model.outcome import RefusalError
from ponteio.model.rights import KeyScope, Right
from ponteio.tenancy.audit import Action
from ponteio.tenancy.token_signers import TokenSigner

router = APIRouter(prefix="/api", tags=["keys"], route_class=GuardedRoute)

KeyAdmin = Annotated[Principal, Needs(Right.KEYS_MANAGE)]
SignerAdmin = Annotated[OrganizationScope, NeedsScope(Right.KEYS_MANAGE)]
Minter = Annotated[Principal, Needs(Right.TICKETS_MINT)]
OrganizationId = Annotated[str | None, Query(max_length=200, description="The operator's: this organization's keys.")]
_ABOUT = (outcome.ORGANIZATION_ONLY, outcome.ORGANIZATION_NOT_FOUND)


@router.get("/keys", operation_id="listKeys", responses=errors(*READING, *_ABOUT, outcome.INVALID_REQUEST))
async def list_keys(caller: KeyAdmin, services: Services, organization: OrganizationId = None) -> KeysAnswer:
    """The organization's keys, revoked ones too; the operator's own where the operator names no organization."""
    found = await services.keys.list(_owner(caller, services, organization))
    return KeysAnswer(keys=[_key_answer(key) for key in found])


@router.post(
    "/keys",
    status_code=201,
    operation_id="createKey",
    responses=errors(*CHANGING, *_ABOUT, outcome.INVALID_FILTER, outcome.INVALID_NAME),
)
async def create_key(
    caller: KeyAdmin, services: Services, wanted: NewKeyRequest, record: Record, organization: OrganizationId = None
) -> NewKeyAnswer:
    """Make a key. Its secret is in this answer and nowhere else."""
    owner = _owner(caller, services, organization)
    allowed = named(wanted.instances, wanted.events)
    if owner is None and wanted.model_fields_set - {"label"}:
        raise RefusalError(outcome.INVALID_REQUEST, "The operator's keys take a label alone.")
    key, secret = await services.keys.create(
        owner,
        wanted.label,
        scopes=frozenset(wanted.scopes or (KeyScope.ADMIN,)),
        allowed=allowed,
        metadata_only=wanted.metadata_only,
        expires_at=wanted.expires_at,
        created_by=caller.user_id or caller.credential_id,
        live_per_minute=wanted.live_per_minute,
    )
    await record(Action.KEY_MADE, key.key_id, organization_id=owner, detail={"scopes": sorted(key.scopes)})
    return NewKeyAnswer(key=_key_answer(key), api_key=secret)


@router.delete("/keys/{key_id}", operation_id="revokeKey", responses=errors(*CHANGING, *_ABOUT, outcome.NOT_FOUND))
async def revoke_key(
    key_id: str, caller: KeyAdmin, services: Services, record: Record, organization: OrganizationId = None
) -> Done:
    """Revoke a key. Its sockets, and those of its tickets, close within two seconds."""
    owner = _owner(caller, services, organization)
    await services.keys.revoke(key_id, organization_id=owner)
    await record(Action.KEY_REVOKED, key_id, organization_id=owner)
    return Done()


@router.post(
    "/tickets",
    status_code=201,
    operation_id="mintTicket",
    responses=errors(*CHANGING, outcome.ORGANIZATION_ONLY, outcome.INVALID_FILTER, outcome.INVALID_NAME),
)
async def mint_ticket(caller: Minter, services: Services, wanted: TicketRequest) -> TicketAnswer:
    """Make a one-shot ticket for a browser of yours: it never sees the key."""
    ticket, token = await services.tickets.mint(
        caller,
        allowed=named(wanted.instances, wanted.events),
        content=wanted.content,
        pairing=wanted.pairing,
        user_label=wanted.user_label,
        valid_s=wanted.valid_s,
    )
    return TicketAnswer(ticket=token, expires_at=ticket.expires_at, url=services.web.public_url or None)


@router.get(
    "/token-signer", operation_id="getSigner", responses=errors(*READING, outcome.ORGANIZATION_ONLY, outcome.NOT_FOUND)
)
async def get_signer(scope: SignerAdmin, services: Services) -> SignerAnswer:
    """Who may sign tokens for the organization."""
    found = await services.signers.get(scope.organization_id)
    if found is None:
        raise RefusalError(outcome.NOT_FOUND)
    return _signer_answer(found)


@router.put("/token-signer", operation_id="setSigner", responses=errors(*CHANGING, outcome.ORGANIZATION_ONLY))
async def set_signer(scope: SignerAdmin, services: Services, wanted: SignerRequest, record: Record) -> SignerAnswer:
    """Say who may sign tokens. Tokens and sockets of the former signer end within two seconds."""
    if (wanted.secret is None) is (wanted.jwks is None):
        raise RefusalError(outcome.INVALID_REQUEST, "Give either `secret` or `jwks`.")
    signers = services.signers
    if wanted.secret is not None:
        secret = wanted.secret.get_secret_value()
        made = await signers.put_secret(scope.organization_id, secret, audience=wanted.audience)
    else:
        made = await signers.put_jwks(scope.organization_id, wanted.jwks, audience=wanted.audience)
    await record(Action.SIGNER_SET, detail={"algorithms": list(made.algorithms)})
    return _signer_answer(made)


@router.delete(
    "/token-signer",
    operation_id="removeSigner",
    responses=errors(*CHANGING, outcome.ORGANIZATION_ONLY, outcome.NOT_FOUND),
)
async def remove_signer(scope: SignerAdmin, services: Services, record: Record) -> Done:
    """Nobody may sign tokens. Those there are, and their sockets, end within two seconds."""
    await services.signers.remove(scope.organization_id)
    await record(Action.SIGNER_REMOVED)
    return Done()


def _owner(caller: Principal, services: ApiServices, named: str | None) -> str | None:
    """Whose keys: the operator's own where the operator names nobody."""
    if named is None and caller.is_operator:
        return None
    return organization_meant(caller, services, named)


def _key_answer(key: ApiKey) -> KeyAnswer:
    instances, events = key.allowed.instances, key.allowed.events
    return KeyAnswer(
        id=key.key_id,
        organization=key.organization_id,
        label=key.label,
        prefix=key.prefix,
        scopes=sorted(key.scopes) if key.organization_id else [],
        instances=None if instances is None else sorted(instances),
        events=None if events is None else sorted(events),
        metadata_only=key.metadata_only,
        live_per_minute=key.live_per_minute,
        created_at=key.created_at,
        created_by=key.created_by,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )


def _signer_answer(signer: TokenSigner) -> SignerAnswer:
    return SignerAnswer(
        issuer=signer.issuer,
        audience=signer.audience,
        algorithms=list(signer.algorithms),
        jwks=None if signer.jwks is None else dict(signer.jwks),
        created_at=signer.created_at,
    )
