"""Signed tokens (JWT, RFC 7519) and the keys that check them: the one place that knows the library for them.

The rules of RFC 8725: which algorithms count is fixed by the key, never by the token; nothing that a token names is
ever fetched; each token is for us (`aud`), of its issuer (`iss`), for somebody (`sub`) and short.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jwt
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm

from ponteio.model.outcome import AUTH_INVALID, INVALID_REQUEST, RefusalError

if TYPE_CHECKING:
    from jwt.types import Options

SECRET_ALGORITHMS = ("HS256", "HS384", "HS512")
MAX_TOKEN = 8192
MAX_LIFE_S = 300
LEEWAY_S = 5
MIN_SECRET_BYTES, MAX_SECRET_BYTES = 32, 1024
MAX_KEYS = 20
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
_MAX_EXPONENT_BITS = 32
_MAX_MEMBER = 2048
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_FAR_S = 1e11

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")
_ISSUER = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_HMAC = HMACAlgorithm(HMACAlgorithm.SHA256)
_OPTIONS: Options = {
    "require": ["exp", "iat", "aud", "iss", "sub"],
    "enforce_minimum_key_length": True,
    # Checked here, by our own clock.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


@dataclass(frozen=True, slots=True)
class CheckingKey:
    """What checks signatures, with the algorithms that it is for, and the `kid` by which tokens name it."""

    key: Any
    algorithms: tuple[str, ...]
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a token must say to be taken: for whom it is, and who made it."""

    issuer: str
    audience: str


@dataclass(frozen=True, slots=True)
class _Kind:
    algorithm: str
    members: tuple[str, ...]
    load: Callable[[dict[str, Any]], Any]


_KINDS: Mapping[tuple[object, object], _Kind] = {
    ("RSA", None): _Kind("RS256", ("n", "e"), RSAAlgorithm.from_jwk),
    ("EC", "P-256"): _Kind("ES256", ("crv", "x", "y"), ECAlgorithm.from_jwk),
    ("OKP", "Ed25519"): _Kind("EdDSA", ("crv", "x"), OKPAlgorithm.from_jwk),
}


def checked_secret(secret: str) -> CheckingKey:
    """The key that a shared secret is. Raises `RefusalError` INVALID_REQUEST unless it has 32 to 1024 bytes, and for a
    public key or certificate, which is no secret.
    """
    try:
        size = len(_HMAC.prepare_key(secret))
    except (jwt.PyJWTError, ValueError):
        raise RefusalError(INVALID_REQUEST, "A public key or a certificate is no secret: give it as JWKS.") from None
    if not MIN_SECRET_BYTES <= size <= MAX_SECRET_BYTES:
        raise RefusalError(
            INVALID_REQUEST, f"The secret has between {MIN_SECRET_BYTES} and {MAX_SECRET_BYTES} bytes of UTF-8."
        )
    return CheckingKey(secret, SECRET_ALGORITHMS)


def checked_set(jwks: object) -> str:
    """The JSON of the set that `jwks` is, with nothing but what makes the keys: no addresses, no certificates.

    Raises `RefusalError` INVALID_REQUEST unless it has 1 to 20 keys, all of them public, fit for RS256 (2048 to 8192
    bits), ES256 or EdDSA (Ed25519), and told apart by `kid` where there are several.
    """
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= MAX_KEYS:
        raise RefusalError(INVALID_REQUEST, f"A JWKS is an object whose member keys has 1 to {MAX_KEYS} keys.")
    kept = [_checked(number, key) for number, key in enumerate(keys, 1)]
    key_ids = [key.get("kid") for key in kept]
    if len(kept) > 1 and (None in key_ids or len(set(key_ids)) < len(key_ids)):
        raise RefusalError(INVALID_REQUEST, "Where a JWKS has several keys, each needs a kid of its own.")
    return json.dumps({"keys": kept}, sort_keys=True)


@lru_cache(maxsize=256)
def loaded_set(jwks: str) -> tuple[CheckingKey, ...]:
    """The keys of a set that `checked_set` made."""
    return tuple(_loaded(key) for key in json.loads(jwks)["keys"])


def is_token(value: object) -> bool:
    """Whether `value`, of whatever type a client sent, has the form of a signed token."""
    return isinstance(value, str) and len(value) <= MAX_TOKEN and _TOKEN.match(value) is not None


def claimed_issuer(token: str) -> str:
    """Whose a token says that it is, to be believed only once that issuer's key has checked it. Raises `RefusalError`
    AUTH_INVALID where it does not say.
    """
    part = token.split(".")[1]
    try:
        issuer = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["iss"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise RefusalError(AUTH_INVALID) from None
    if not isinstance(issuer, str) or not _ISSUER.match(issuer):
        raise RefusalError(AUTH_INVALID)
    return issuer


def verified(token: str, keys: tuple[CheckingKey, ...], terms: Terms, now_s: float) -> dict[str, Any]:
    """The claims of a token that one of `keys` signed: the one that it names by its `kid`, or the only one that there
    is. `now_s` is the time in seconds since 1970; clocks may differ by five.

    Raises `RefusalError` AUTH_INVALID; whoever could sign is told which of the times is wrong, nobody is told more.
    """
    try:
        key = _chosen(keys, jwt.get_unverified_header(token).get("kid"))
        claims = jwt.decode(
            token,
            key=key.key,
            algorithms=list(key.algorithms),
            options=_OPTIONS,
            audience=terms.audience,
            issuer=terms.issuer,
        )
    except (jwt.PyJWTError, ValueError, TypeError):
        raise RefusalError(AUTH_INVALID) from None
    _check_times(claims, now_s)
    return claims


def _chosen(keys: tuple[CheckingKey, ...], key_id: object) -> CheckingKey:
    # A shared secret has no name of ours: a token may call it anything.
    if len(keys) == 1 and (key_id is None or keys[0].algorithms == SECRET_ALGORITHMS):
        return keys[0]
    for key in keys:
        if key_id is not None and key.key_id == key_id:
            return key
    raise RefusalError(AUTH_INVALID)


def _check_times(claims: Mapping[str, Any], now_s: float) -> None:
    issued_s, ends_s, begins_s = claims["iat"], claims["exp"], claims.get("nbf", claims["iat"])
    if not all(map(_is_moment, (issued_s, ends_s, begins_s))):
        raise RefusalError(AUTH_INVALID, "The token's iat, exp and nbf must be numbers of seconds.")
    if ends_s - issued_s > MAX_LIFE_S:
        raise RefusalError(AUTH_INVALID, f"The token's exp is more than {MAX_LIFE_S} seconds after its iat.")
    if max(issued_s, begins_s) > now_s + LEEWAY_S:
        raise RefusalError(AUTH_INVALID, "The token is not good yet.")
    if ends_s <= now_s - LEEWAY_S:
        raise RefusalError(AUTH_INVALID, "The token has expired.")


def _is_moment(value: object) -> bool:
    # NaN and infinity, which JSON readers take, are no moments either.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _FAR_S


def _checked(number: int, key: object) -> dict[str, str]:
    if not isinstance(key, Mapping):
        raise _refusal(number, "is not an object")
    if _PRIVATE & set(key):
        raise _refusal(number, "is private or secret: give public keys only, and make a new one in its place")
    named = (key.get("kty"), key.get("crv"))
    kind = _KINDS.get(named) if all(part is None or _is_text(part) for part in named) else None
    if kind is None:
        raise _refusal(number, "is of a kind that is not taken: RSA, EC with P-256 or OKP with Ed25519")
    if key.get("use", "sig") != "sig" or key.get("alg", kind.algorithm) != kind.algorithm:
        raise _refusal(number, f"is not for signatures with {kind.algorithm}")
    members = {name: key.get(name) for name in ("kty", *kind.members)}
    if key.get("kid") is not None:
        members["kid"] = key["kid"]
    if not all(map(_is_text, members.values())):
        raise _refusal(number, "has a member that is not a text, or is missing or too long")
    texts = {name: str(value) for name, value in members.items()}
    try:
        loaded = _loaded(texts).key
    except (jwt.PyJWTError, ValueError, TypeError):
        raise _refusal(number, "cannot be read") from None
    if named == ("RSA", None) and not _is_rsa_good(loaded):
        raise _refusal(number, f"must have {MIN_RSA_BITS} to {MAX_RSA_BITS} bits and a usual exponent")
    return texts


def _loaded(key: Mapping[str, str]) -> CheckingKey:
    kind = _KINDS[key["kty"], key.get("crv")]
    return CheckingKey(kind.load(dict(key)), (kind.algorithm,), key.get("kid"))


def _is_rsa_good(key: Any) -> bool:
    # A huge modulus or exponent would make each check of a signature slow.
    exponent: int = key.public_numbers().e
    return MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS and exponent.bit_length() <= _MAX_EXPONENT_BITS


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_MEMBER


def _refusal(number: int, what: str) -> RefusalError:
    return RefusalError(INVALID_REQUEST, f"Key {number} of the JWKS {what}.")
