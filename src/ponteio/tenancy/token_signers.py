"""Who may sign tokens (JWT) for an organization: the server of its own product, for the browsers of its own users."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from ponteio.model.filter import EventFilter, FilterError
from ponteio.model.identity import Principal
from ponteio.model.outcome import (
    AUTH_INVALID,
    AUTH_REQUIRED,
    INVALID_REQUEST,
    NOT_FOUND,
    ORGANIZATION_NOT_FOUND,
    RefusalError,
)
from ponteio.model.rights import CredentialKind, Right
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError
from ponteio.storage.script import Load, Script
from ponteio.storage.statements import put_row
from ponteio.storage.tables import token_signers
from ponteio.storage.vault import Vault
from ponteio.tenancy import signed_tokens, versions
from ponteio.tenancy.identifiers import new_id
from ponteio.tenancy.permissions import BROWSER_RIGHTS, scope_for
from ponteio.tenancy.signed_tokens import SECRET_ALGORITHMS, CheckingKey, Terms
from ponteio.tenancy.tickets import SOCKET_LIFE, is_user_label

AUDIENCE = "ponteio"
"""What tokens say in `aud` unless their signer was set up with something else."""
_MAX_AUDIENCE = 256


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """Who may sign tokens for an organization, without the secret. `issuer` is the organization's id: nobody can claim
    another's. `jwks` are the public keys, None where a secret is shared.
    """

    organization_id: str
    signer_id: str
    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    jwks: Mapping[str, Any] | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class _Row:
    organization_id: str
    signer_id: str
    sealed_secret: str | None
    jwks: str | None
    issuer: str
    audience: str
    created_at: datetime


class TokenSigners:
    """One signer for each organization: a shared secret, or public keys. Changing it ends what its tokens opened."""

    def __init__(self, database: Database, vault: Vault, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def put_secret(self, organization_id: str, secret: str, *, audience: str = AUDIENCE) -> TokenSigner:
        """The organization's tokens are signed with HMAC and this secret from now on, and with nothing else.

        Raises `RefusalError` ORGANIZATION_NOT_FOUND, or INVALID_REQUEST for a secret that has not 32 to 1024 bytes or
        is a public key, which is no secret.
        """
        signed_tokens.checked_secret(secret)
        sealed = self._vault.seal(secret, _place(organization_id))
        return await self._put(organization_id, audience, sealed_secret=sealed)

    async def put_jwks(self, organization_id: str, jwks: object, *, audience: str = AUDIENCE) -> TokenSigner:
        """The organization's tokens are signed with one of these keys (RFC 7517) from now on, and with nothing else.

        Raises `RefusalError` ORGANIZATION_NOT_FOUND, or INVALID_REQUEST for what `signed_tokens.checked_set` refuses.
        """
        return await self._put(organization_id, audience, jwks=signed_tokens.checked_set(jwks))

    async def get(self, organization_id: str) -> TokenSigner | None:
        """The organization's signer."""
        row = await self._database.run_reading(_row_of(organization_id))
        return None if row is None else _shown(row)

    async def remove(self, organization_id: str) -> None:
        """Nobody signs tokens for the organization. Raises `RefusalError` NOT_FOUND when nobody did."""
        statement = delete(token_signers).where(token_signers.c.organization_id == organization_id)
        async with self._database.write() as connection:
            await versions.bump(connection)
            if not (await connection.execute(statement)).rowcount:
                raise RefusalError(NOT_FOUND)

    async def authenticate(self, token: object) -> Principal:
        """Whoever holds `token`: the person `sub` of the organization `iss`, for as long as its signer stays.

        Required are `iss`, `sub`, `aud`, `iat` and `exp`, at most five minutes apart; optional `instances` and `events`
        (lists of names and patterns), `content` (true unless said) and `pairing` (false unless said). Raises
        `RefusalError` AUTH_REQUIRED without a token, AUTH_INVALID for one that does not hold, SECRET_UNREADABLE when
        the secret cannot be opened.
        """
        if token is None or token == "":
            raise RefusalError(AUTH_REQUIRED)
        if not isinstance(token, str) or not signed_tokens.is_token(token):
            raise RefusalError(AUTH_INVALID)
        row = await self._database.run_reading(_row_of(signed_tokens.claimed_issuer(token)))
        if row is None:
            raise RefusalError(AUTH_INVALID)
        now = self._clock()
        claims = signed_tokens.verified(token, self._keys(row), Terms(row.issuer, row.audience), now.timestamp())
        return _principal(claims, row, now)

    async def current(self, signer_ids: Collection[str]) -> dict[str, str]:
        """Those of the signers that still are, with the ids of their organizations."""
        asked = set(signer_ids)
        statement = select(token_signers.c.signer_id, token_signers.c.organization_id)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return {row.signer_id: row.organization_id for row in rows if row.signer_id in asked}

    def _keys(self, row: _Row) -> tuple[CheckingKey, ...]:
        if row.sealed_secret is not None:
            secret = self._vault.unseal(row.sealed_secret, _place(row.organization_id))
            return (CheckingKey(secret, SECRET_ALGORITHMS),)
        return signed_tokens.loaded_set(row.jwks or "")

    async def _put(
        self, organization_id: str, audience: str, *, sealed_secret: str | None = None, jwks: str | None = None
    ) -> TokenSigner:
        if not 1 <= len(audience) <= _MAX_AUDIENCE or not audience.isprintable():
            raise RefusalError(INVALID_REQUEST, f"The audience has 1 to {_MAX_AUDIENCE} printable characters.")
        row = _Row(
            organization_id=organization_id,
            signer_id=new_id("sgn"),
            sealed_secret=sealed_secret,
            jwks=jwks,
            issuer=organization_id,
            audience=audience,
            created_at=self._clock(),
        )
        try:
            async with self._database.write() as connection:
                await versions.bump(connection)
                await connection.execute(put_row(token_signers, self._database.dialect, asdict(row)))
        except StorageConflictError:
            raise RefusalError(ORGANIZATION_NOT_FOUND) from None
        return _shown(row)


def _row_of(organization_id: str) -> Script[_Row | None]:
    # Written as a script because every browser of a product that comes back after a restart asks.
    rows = yield Load(token_signers, "organization_id = ?", (organization_id,))
    return _Row(*rows[0]) if rows else None


def _principal(claims: Mapping[str, Any], row: _Row, now: datetime) -> Principal:
    try:
        allowed = EventFilter.of(claims.get("instances"), claims.get("events"))
    except FilterError as error:
        raise RefusalError(AUTH_INVALID, f"The token's claims cannot be used: {error}.") from None
    content, pairing = claims.get("content", True), claims.get("pairing", False)
    if not isinstance(content, bool) or not isinstance(pairing, bool):
        raise RefusalError(AUTH_INVALID, "The token's content and pairing must be true or false.")
    if not is_user_label(claims["sub"]):
        raise RefusalError(AUTH_INVALID, "The token's sub must be a short text that names somebody.")
    rights = BROWSER_RIGHTS
    if not content:
        rights -= {Right.CONTENT_READ}
    if not pairing:
        rights -= {Right.PAIRING}
    return Principal(
        kind=CredentialKind.JWT,
        credential_id=row.signer_id,
        rights=rights,
        scope=scope_for(row.organization_id, rights, allowed),
        user=claims["sub"],
        expires_at=now + SOCKET_LIFE,
    )


def _shown(row: _Row) -> TokenSigner:
    algorithms: tuple[str, ...] = SECRET_ALGORITHMS
    if row.jwks is not None:
        algorithms = tuple(sorted({name for key in signed_tokens.loaded_set(row.jwks) for name in key.algorithms}))
    return TokenSigner(
        organization_id=row.organization_id,
        signer_id=row.signer_id,
        issuer=row.issuer,
        audience=row.audience,
        algorithms=algorithms,
        jwks=None if row.jwks is None else json.loads(row.jwks),
        created_at=row.created_at,
    )


def _place(organization_id: str) -> str:
    return f"token_signers.sealed_secret:{organization_id}"
