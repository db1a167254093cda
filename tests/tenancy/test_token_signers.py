from __future__ import annotations

import asyncio
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from sqlalchemy import select
from tests.support.log_world import NOON
from tests.support.machine_world import SHARED_SECRET, VAULT_KEY, MachineWorld, refused

from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.identity import OrganizationScope, Principal
from ponteio.model.outcome import (
    AUTH_INVALID,
    AUTH_REQUIRED,
    INVALID_REQUEST,
    NOT_FOUND,
    ORGANIZATION_NOT_FOUND,
    SECRET_UNREADABLE,
)
from ponteio.model.rights import CredentialKind, Right
from ponteio.model.sight import Sight
from ponteio.storage.database import Database
from ponteio.storage.tables import token_signers
from ponteio.storage.vault import Vault
from ponteio.tenancy.permissions import BROWSER_RIGHTS
from ponteio.tenancy.tickets import SOCKET_LIFE
from ponteio.tenancy.token_signers import TokenSigners

KEY = ec.generate_private_key(ec.SECP256R1())
JWKS = {"keys": [{**ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "one"}]}


@pytest.fixture
async def world(database: Database) -> MachineWorld:
    world = await MachineWorld.make(database)
    await world.signers.put_secret(world.organization_id, SHARED_SECRET)
    return world


async def test_a_token_gives_its_holder_a_look_at_the_organization(world: MachineWorld) -> None:
    signer = await world.signers.get(world.organization_id)
    assert signer is not None
    assert await world.signers.authenticate(world.token()) == Principal(
        kind=CredentialKind.JWT,
        credential_id=signer.signer_id,
        rights=BROWSER_RIGHTS - {Right.PAIRING},
        scope=OrganizationScope(world.organization_id, EVERYTHING, Sight(content=True, pairing=False)),
        user="ana",
        expires_at=NOON + SOCKET_LIFE,
    )


async def test_a_token_says_what_it_is_narrowed_to(world: MachineWorld) -> None:
    token = world.token(instances=["alpha"], events=["messages.*"], content=False, pairing=True)
    principal = await world.signers.authenticate(token)
    allowed = EventFilter.of(["alpha"], ["messages.*"])
    assert principal.scope == OrganizationScope(world.organization_id, allowed, Sight(content=False, pairing=True))
    assert principal.rights == BROWSER_RIGHTS - {Right.CONTENT_READ}


async def test_a_token_can_ask_for_no_more_than_a_look(world: MachineWorld) -> None:
    """I4: claims that we do not know give nothing."""
    token = world.token(rights=["operate"], scope="admin", role="admin", organization="org_other", is_operator=True)
    principal = await world.signers.authenticate(token)
    assert principal.rights <= BROWSER_RIGHTS
    assert principal.scope is not None
    assert principal.scope.organization_id == world.organization_id


@pytest.mark.parametrize(
    "claims",
    [
        {"instances": []},
        {"instances": "alpha"},
        {"instances": [7]},
        {"instances": {"alpha": 1}},
        {"events": ["*.upsert"]},
        {"events": [""]},
        {"events": [None]},
        {"content": "false"},
        {"content": 0},
        {"pairing": 1},
        {"pairing": "true"},
        {"sub": ""},
        {"sub": " "},
        {"sub": "x" * 129},
        {"sub": "a\x00b"},
        {"sub": "a\nb"},
        {"sub": "\ud800"},
    ],
)
async def test_limits_that_are_not_understood_are_not_taken_for_none(
    world: MachineWorld, claims: dict[str, object]
) -> None:
    assert await refused(world.signers.authenticate(world.token(**claims))) is AUTH_INVALID


async def test_whatever_is_no_token_is_refused(world: MachineWorld) -> None:
    assert await refused(world.signers.authenticate(None)) is AUTH_REQUIRED
    assert await refused(world.signers.authenticate("")) is AUTH_REQUIRED
    token = world.token()
    wrongs: tuple[object, ...] = (7, [token], token[:-2], token + "A", "a.b.c", "..", "\ud800.a.b", "x" * 10**6)
    for wrong in wrongs:
        assert await refused(world.signers.authenticate(wrong)) is AUTH_INVALID


async def test_a_token_is_of_the_organization_whose_signer_signed_it(world: MachineWorld, database: Database) -> None:
    """I4: neither the own name on a foreign signature nor a foreign name on the own one."""
    other = await MachineWorld.make(database, "Other")
    foreign_secret = "another secret of at least 32 bytes"
    await other.signers.put_secret(other.organization_id, foreign_secret)
    for organization_id, secret in (
        (world.organization_id, foreign_secret),
        (other.organization_id, SHARED_SECRET),
        ("org_nobody", SHARED_SECRET),
        ("org_nobody", ""),
    ):
        token = jwt.encode(world.claims(iss=organization_id), secret or "x" * 32, algorithm="HS256")
        assert await refused(world.signers.authenticate(token)) is AUTH_INVALID
    mine = await world.signers.authenticate(world.token())
    assert mine.scope is not None
    assert mine.scope.organization_id == world.organization_id


async def test_two_organizations_with_the_same_secret_stay_apart(world: MachineWorld, database: Database) -> None:
    """I4: the issuer decides, and nobody can claim another's."""
    other = await MachineWorld.make(database, "Other")
    await other.signers.put_secret(other.organization_id, SHARED_SECRET)
    principal = await world.signers.authenticate(other.token())
    assert principal.scope is not None
    assert principal.scope.organization_id == other.organization_id


async def test_times_are_those_of_our_clock(world: MachineWorld) -> None:
    token = world.token()
    world.clock.turn(seconds=64)
    await world.signers.authenticate(token)
    world.clock.turn(seconds=1)
    assert await refused(world.signers.authenticate(token)) is AUTH_INVALID
    ahead = int((world.clock() + timedelta(seconds=10)).timestamp())
    assert await refused(world.signers.authenticate(world.token(iat=ahead, exp=ahead + 60))) is AUTH_INVALID


async def test_public_keys_take_the_place_of_the_secret(world: MachineWorld) -> None:
    """I10: what the former signer signed is worth nothing."""
    before = await world.signers.get(world.organization_id)
    await world.signers.put_jwks(world.organization_id, JWKS)
    after = await world.signers.get(world.organization_id)
    assert before is not None
    assert after is not None
    assert after.signer_id != before.signer_id
    assert (before.algorithms, after.algorithms) == (("HS256", "HS384", "HS512"), ("ES256",))
    assert (before.jwks, after.jwks) == (None, JWKS)
    assert await refused(world.signers.authenticate(world.token())) is AUTH_INVALID
    token = jwt.encode(world.claims(), KEY, algorithm="ES256", headers={"kid": "one"})
    assert (await world.signers.authenticate(token)).credential_id == after.signer_id
    assert await world.signers.current([before.signer_id, after.signer_id, "sgn_x"]) == {
        after.signer_id: world.organization_id
    }


async def test_the_same_secret_again_is_another_signer(world: MachineWorld) -> None:
    """I10: whoever changes it wants what it opened to end."""
    before = await world.signers.authenticate(world.token())
    await world.signers.put_secret(world.organization_id, SHARED_SECRET)
    assert (await world.signers.authenticate(world.token())).credential_id != before.credential_id
    assert await world.signers.current([before.credential_id]) == {}


async def test_a_removed_signer_opens_nothing(world: MachineWorld) -> None:
    """I10: at once, in every process."""
    principal = await world.signers.authenticate(world.token())
    elsewhere = await MachineWorld.elsewhere(world.database, world.organization_id, world.clock)
    await elsewhere.signers.remove(world.organization_id)
    assert await refused(world.signers.authenticate(world.token())) is AUTH_INVALID
    assert await world.signers.current([principal.credential_id]) == {}
    assert await world.signers.get(world.organization_id) is None
    assert await refused(world.signers.remove(world.organization_id)) is NOT_FOUND


async def test_the_secret_is_shown_and_stored_nowhere(world: MachineWorld) -> None:
    """I5: sealed at rest, never given back."""
    signer = await world.signers.get(world.organization_id)
    async with world.database.read() as connection:
        row = (await connection.execute(select(token_signers))).one()
    assert SHARED_SECRET not in repr(row) + repr(signer)
    place = f"token_signers.sealed_secret:{world.organization_id}"
    assert Vault([VAULT_KEY]).unseal(row.sealed_secret, place) == SHARED_SECRET


async def test_a_sealed_secret_moved_to_another_row_opens_nothing(world: MachineWorld, database: Database) -> None:
    """I4: whoever can write rows cannot give one organization the signer of another."""
    other = await MachineWorld.make(database, "Other")
    await other.signers.put_secret(other.organization_id, "another secret of at least 32 bytes")
    async with database.write() as connection:
        sealed = (
            await connection.execute(
                select(token_signers.c.sealed_secret).where(token_signers.c.organization_id == world.organization_id)
            )
        ).scalar_one()
        await connection.execute(
            token_signers.update()
            .where(token_signers.c.organization_id == other.organization_id)
            .values(sealed_secret=sealed)
        )
    assert await refused(world.signers.authenticate(other.token())) is SECRET_UNREADABLE


async def test_with_other_keys_the_secret_cannot_be_opened(world: MachineWorld) -> None:
    elsewhere = TokenSigners(world.database, Vault([Vault.new_key()]), world.clock)
    assert await refused(elsewhere.authenticate(world.token())) is SECRET_UNREADABLE
    assert await elsewhere.get(world.organization_id) is not None


async def test_another_audience_can_be_agreed_on(world: MachineWorld) -> None:
    signer = await world.signers.put_secret(world.organization_id, SHARED_SECRET, audience="https://events.example")
    assert (signer.audience, signer.issuer) == ("https://events.example", world.organization_id)
    assert await refused(world.signers.authenticate(world.token())) is AUTH_INVALID
    await world.signers.authenticate(world.token(aud="https://events.example"))


@pytest.mark.parametrize("audience", ["", "x" * 257, "a\nb", "\ud800"])
async def test_an_audience_is_a_short_text(world: MachineWorld, audience: str) -> None:
    work = world.signers.put_secret(world.organization_id, SHARED_SECRET, audience=audience)
    assert await refused(work) is INVALID_REQUEST


async def test_what_is_refused_changes_nothing(world: MachineWorld) -> None:
    assert await refused(world.signers.put_secret(world.organization_id, "short")) is INVALID_REQUEST
    assert await refused(world.signers.put_jwks(world.organization_id, {"keys": []})) is INVALID_REQUEST
    assert await refused(world.signers.put_secret("org_nobody", SHARED_SECRET)) is ORGANIZATION_NOT_FOUND
    assert await refused(world.signers.put_jwks("org_nobody", JWKS)) is ORGANIZATION_NOT_FOUND
    await world.signers.authenticate(world.token())


async def test_of_two_changes_at_once_one_holds_whole(world: MachineWorld) -> None:
    made = await asyncio.gather(
        world.signers.put_secret(world.organization_id, SHARED_SECRET),
        world.signers.put_jwks(world.organization_id, JWKS),
    )
    kept = await world.signers.get(world.organization_id)
    assert kept in made
    async with world.database.read() as connection:
        row = (await connection.execute(select(token_signers))).one()
    assert (row.sealed_secret is None) != (row.jwks is None)


async def test_every_change_raises_the_version(world: MachineWorld) -> None:
    """I10: other processes notice by it."""
    before = await world.keys.version()
    await world.signers.put_secret(world.organization_id, SHARED_SECRET)
    await world.signers.put_jwks(world.organization_id, JWKS)
    await world.signers.remove(world.organization_id)
    assert await world.keys.version() == before + 3
