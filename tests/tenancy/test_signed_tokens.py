from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from ponteio.model.outcome import AUTH_INVALID, INVALID_REQUEST, RefusalError
from ponteio.tenancy.signed_tokens import (
    LEEWAY_S,
    MAX_LIFE_S,
    MAX_TOKEN,
    CheckingKey,
    Terms,
    checked_secret,
    checked_set,
    claimed_issuer,
    is_token,
    loaded_set,
    verified,
)

SECRET = "a secret of at least thirty-two bytes"
LONG_SECRET = SECRET * 2
NOW_S = 1_795_435_200.0
TERMS = Terms(issuer="org_a", audience="ponteio")
BY_SECRET = (checked_secret(SECRET),)


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def ed_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def jwk(key: Any, **members: object) -> dict[str, Any]:
    """The public key of a private one."""
    public = key.public_key()
    made: Any
    if isinstance(key, rsa.RSAPrivateKey):
        made = RSAAlgorithm.to_jwk(public, as_dict=True)
        made.pop("key_ops", None)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        made = ECAlgorithm.to_jwk(public, as_dict=True)
    else:
        made = OKPAlgorithm.to_jwk(public, as_dict=True)
    return {**made, **members}


def claims(**other: object) -> dict[str, Any]:
    usual = {"iss": "org_a", "aud": "ponteio", "sub": "ana", "iat": int(NOW_S), "exp": int(NOW_S) + 60}
    return {name: value for name, value in {**usual, **other}.items() if value is not None}


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forged(header: object, body: object, key: bytes = SECRET.encode(), digest: str = "sha256") -> str:
    """A token put together by hand, signed with HMAC."""
    signed = f"{part(header)}.{part(body)}"
    return f"{signed}.{part(hmac.new(key, signed.encode(), digest).digest())}"


def refused(token: str, keys: tuple[CheckingKey, ...] = BY_SECRET, now_s: float = NOW_S) -> bool:
    with pytest.raises(RefusalError) as error:
        verified(token, keys, TERMS, now_s)
    assert token not in str(error.value)
    return error.value.outcome is AUTH_INVALID


def keys_of(*keys: Mapping[str, Any]) -> tuple[CheckingKey, ...]:
    return loaded_set(checked_set({"keys": list(keys)}))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_shared_secret_signs_with_hmac(algorithm: str) -> None:
    token = jwt.encode(claims(more=1), LONG_SECRET, algorithm=algorithm, headers={"kid": "any name"})
    assert verified(token, (checked_secret(LONG_SECRET),), TERMS, NOW_S) == claims(more=1)


def test_a_secret_too_short_for_an_algorithm_does_not_serve_it() -> None:
    """RFC 7518, section 3.2: at least as long as the hash."""
    for algorithm in ("HS384", "HS512"):
        assert refused(forged({"alg": algorithm}, claims(), digest="sha" + algorithm[2:]))
    assert verified(forged({"alg": "HS256"}, claims()), BY_SECRET, TERMS, NOW_S) == claims()


@pytest.mark.parametrize(
    ("make", "algorithm"), [(rsa_key, "RS256"), (ec_key, "ES256"), (ed_key, "EdDSA")], ids=["rsa", "ec", "ed"]
)
def test_public_keys_check_the_algorithm_of_their_kind_only(make: Callable[[], Any], algorithm: str) -> None:
    key = make()
    keys = keys_of(jwk(key))
    assert verified(jwt.encode(claims(), key, algorithm=algorithm), keys, TERMS, NOW_S) == claims()
    for other in ("RS384", "RS512", "PS256"):
        if algorithm == "RS256":
            assert refused(jwt.encode(claims(), key, algorithm=other), keys)
    assert refused(jwt.encode(claims(), rsa_key(3072), algorithm="RS256"), keys)


def test_a_token_names_its_key() -> None:
    keys = keys_of(jwk(rsa_key(), kid="r"), jwk(ec_key(), kid="e"), jwk(ed_key(), kid="d"))
    for key, algorithm, kid in ((rsa_key(), "RS256", "r"), (ec_key(), "ES256", "e"), (ed_key(), "EdDSA", "d")):
        token = jwt.encode(claims(), key, algorithm=algorithm, headers={"kid": kid})
        assert verified(token, keys, TERMS, NOW_S) == claims()
        for wrong in ("x", "", "e" if kid == "r" else "r"):
            assert refused(jwt.encode(claims(), key, algorithm=algorithm, headers={"kid": wrong}), keys)
        assert refused(jwt.encode(claims(), key, algorithm=algorithm), keys)


def test_an_only_key_needs_no_name_but_a_wrong_one_is_wrong() -> None:
    keys = keys_of(jwk(ec_key(), kid="e"))
    assert verified(jwt.encode(claims(), ec_key(), algorithm="ES256"), keys, TERMS, NOW_S)
    assert refused(jwt.encode(claims(), ec_key(), algorithm="ES256", headers={"kid": "x"}), keys)
    unnamed = keys_of(jwk(ec_key()))
    assert refused(jwt.encode(claims(), ec_key(), algorithm="ES256", headers={"kid": "x"}), unnamed)


# Attacks on the signature.


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None])
@pytest.mark.parametrize("signature", ["", "x", part(b"x" * 32)])
def test_a_token_without_a_signature_is_none(alg: object, signature: str) -> None:
    token = f"{part({'alg': alg, 'typ': 'JWT'})}.{part(claims())}.{signature}"
    for keys in (BY_SECRET, keys_of(jwk(rsa_key()))):
        assert refused(token, keys)


def _pem(key: Any) -> list[bytes]:
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return [pem, pem.strip(), der, json.dumps(jwk(key)).encode(), part(der).encode()]


@pytest.mark.parametrize("make", [rsa_key, ec_key, ed_key])
@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_no_secret_to_sign_with(make: Callable[[], Any], alg: str) -> None:
    """The attack of algorithm confusion: HMAC with what everybody may know."""
    keys = keys_of(jwk(make()))
    for known in _pem(make()):
        assert refused(forged({"alg": alg}, claims(), known, "sha" + alg[2:]), keys)


def test_a_token_that_another_secret_signed_is_refused() -> None:
    assert refused(forged({"alg": "HS256"}, claims(), b"another secret of thirty-two bytes!"))
    assert refused(forged({"alg": "HS256"}, claims(), b""))


@given(st.integers(0, 10_000), st.sampled_from("AQgw059_-"))
def test_a_token_that_was_touched_anywhere_is_refused(at: int, letter: str) -> None:
    token = forged({"alg": "HS256"}, claims())
    at %= len(token) - 1
    if token[at] in (letter, "."):
        return
    assert refused(token[:at] + letter + token[at + 1 :])


def test_another_spelling_of_the_same_signature_is_refused() -> None:
    """The last character of base64 has bits that mean nothing: a token has one spelling only."""
    token = forged({"alg": "HS256"}, claims())
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    taken = [letter for letter in alphabet if letter == token[-1] or not refused(token[:-1] + letter)]
    assert taken == [token[-1]]


@pytest.mark.parametrize(
    "more",
    [
        {"jwk": jwk(ec_key())},
        {"jku": "http://127.0.0.1:1/jwks.json"},
        {"x5u": "http://127.0.0.1:1/cert.pem"},
        {"x5c": ["MIIB"]},
    ],
)
def test_a_token_cannot_bring_its_own_key(more: dict[str, object]) -> None:
    """Nothing that it names is believed or fetched."""
    attacker = ec.generate_private_key(ec.SECP256R1())
    headers = {**more, "jwk": jwk(attacker)} if "jwk" in more else more
    assert refused(jwt.encode(claims(), attacker, algorithm="ES256", headers=headers), keys_of(jwk(ec_key())))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "HS256", "crit": ["x"], "x": 1},
        {"alg": "HS256", "crit": []},
        {"alg": "HS256", "crit": "b64"},
        {"alg": "HS256", "b64": False},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
        {"alg": "HS256", "kid": 7},
        {"alg": ["HS256"]},
        {"alg": {"HS256": 1}},
        {"typ": "JWT"},
        ["HS256"],
        "HS256",
        None,
        b"{",
        b"\xff\xfe",
        b"[" * 4000,
    ],
)
def test_headers_that_mean_something_else_are_refused(header: object) -> None:
    assert refused(forged(header, claims()))


# Attacks on the claims: each token is well signed.


@pytest.mark.parametrize("missing", ["exp", "iat", "aud", "iss", "sub"])
def test_every_required_claim_is_required(missing: str) -> None:
    assert refused(forged({"alg": "HS256"}, claims(**{missing: None})))
    assert refused(forged({"alg": "HS256"}, {**claims(), missing: None}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "org_b"},
        {"iss": ["org_a"]},
        {"iss": "org_a "},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": []},
        {"aud": ""},
        {"aud": {"ponteio": 1}},
        {"aud": ["ponteio", 7]},
        {"sub": 7},
        {"sub": ["ana"]},
        {"jti": 7},
    ],
)
def test_a_token_for_or_from_somebody_else_is_refused(wrong: dict[str, object]) -> None:
    assert refused(forged({"alg": "HS256"}, claims(**wrong)))


def test_a_token_may_have_several_audiences() -> None:
    assert verified(forged({"alg": "HS256"}, claims(aud=["other", "ponteio"])), BY_SECRET, TERMS, NOW_S)


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "value",
    ["1795435230", True, [], {}, float("nan"), float("inf"), -float("inf"), 10**400, -1, 1e300, "", "soon"],
)
def test_a_time_is_a_number_of_seconds(name: str, value: object) -> None:
    assert refused(forged({"alg": "HS256"}, claims(**{name: value})))


@given(st.integers(-1_000, 1_000), st.integers(-1_000, 1_000), st.none() | st.integers(-1_000, 1_000))
def test_a_token_is_good_between_its_times_and_short(issued: int, ends: int, begins: int | None) -> None:
    now = int(NOW_S)
    body = claims(iat=now + issued, exp=now + ends, nbf=None if begins is None else now + begins)
    starts = max(issued, issued if begins is None else begins)
    good = ends - issued <= MAX_LIFE_S and starts <= LEEWAY_S and ends > -LEEWAY_S
    token = forged({"alg": "HS256"}, body)
    if good:
        assert verified(token, BY_SECRET, TERMS, NOW_S) == body
    else:
        assert refused(token)


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"7", b"null", b"\xff", b"[" * 5000, b'{"iss":"org_a"'])
def test_claims_that_are_no_object_are_refused(body: bytes) -> None:
    token = forged({"alg": "HS256"}, body)
    assert refused(token)
    with pytest.raises(RefusalError) as error:
        claimed_issuer(token)
    assert error.value.outcome is AUTH_INVALID


@pytest.mark.parametrize("issuer", [None, 7, [], {}, "", "x" * 65, "org a", "org_a\x00", "\ud800", "org_a\n", "é"])
def test_an_issuer_that_no_organization_has_is_not_looked_up(issuer: object) -> None:
    with pytest.raises(RefusalError) as error:
        claimed_issuer(forged({"alg": "HS256"}, {"iss": issuer}))
    assert error.value.outcome is AUTH_INVALID


def test_what_a_token_claims_can_be_read_before_it_is_checked() -> None:
    assert claimed_issuer(forged({"alg": "HS256"}, {"iss": "org_5f3c"}, b"anything")) == "org_5f3c"


@pytest.mark.parametrize(
    "text",
    [None, 7, b"a.b.c", "", "a.b", "a.b.", ".b.c", "a..c", "a.b.c.d", "a.b.c ", " a.b.c", "a.b.c\n", "a.b.c=", "é.b.c"],
)
def test_what_has_another_form_is_no_token(text: object) -> None:
    assert not is_token(text)


def test_a_token_has_a_bounded_size() -> None:
    """I7: a large one costs nothing but its length."""
    assert is_token("a.b." + "c" * (MAX_TOKEN - 4))
    assert not is_token("a.b." + "c" * (MAX_TOKEN - 3))


@given(st.text(), st.text(), st.text())
def test_whatever_looks_like_a_token_is_refused_and_nothing_else_happens(one: str, two: str, three: str) -> None:
    token = ".".join(part(text.encode()) or "A" for text in (one, two, three))
    assert refused(token)


# What may be set up.


@pytest.mark.parametrize("secret", ["", "x" * 31, "é" * 15, "x" * 1025])
def test_a_secret_is_neither_short_nor_huge(secret: str) -> None:
    with pytest.raises(RefusalError) as error:
        checked_secret(secret)
    assert error.value.outcome is INVALID_REQUEST
    assert not secret or secret not in str(error.value)


@pytest.mark.parametrize("make", [rsa_key, ec_key, ed_key])
def test_a_public_key_cannot_be_set_up_as_a_secret(make: Callable[[], Any]) -> None:
    pem, *_, as_jwk, _ = _pem(make())
    for text in (pem.decode(), as_jwk.decode(), json.dumps({"keys": [jwk(make())]})):
        with pytest.raises(RefusalError) as error:
            checked_secret(text)
        assert error.value.outcome is INVALID_REQUEST


def test_a_set_keeps_nothing_but_what_makes_the_keys() -> None:
    noise = {"use": "sig", "x5u": "http://127.0.0.1/", "x5c": ["MIIB"], "note": "x"}
    kept = json.loads(checked_set({"keys": [jwk(rsa_key(), kid="r", alg="RS256", **noise)], "next": "http://x/"}))
    public = jwk(rsa_key())
    assert kept == {"keys": [{"kty": "RSA", "n": public["n"], "e": public["e"], "kid": "r"}]}


def _private(key: Any) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        return dict(RSAAlgorithm.to_jwk(key, as_dict=True))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return dict(ECAlgorithm.to_jwk(key, as_dict=True))
    return dict(OKPAlgorithm.to_jwk(key, as_dict=True))


@pytest.mark.parametrize("make", [rsa_key, ec_key, ed_key])
def test_a_private_key_is_refused_and_not_repeated(make: Callable[[], Any]) -> None:
    """I5: it must not be stored, and its owner must make a new one."""
    private = _private(make())
    with pytest.raises(RefusalError, match="private") as error:
        checked_set({"keys": [private]})
    assert error.value.outcome is INVALID_REQUEST
    assert private["d"] not in str(error.value)


def _huge_exponent() -> dict[str, Any]:
    exponent = (2**64 + 1).to_bytes(9, "big")
    return {**jwk(rsa_key()), "e": part(exponent)}


UNFIT: list[object] = [
    None,
    [],
    {},
    "keys",
    {"keys": None},
    {"keys": {}},
    {"keys": []},
    {"keys": [jwk(ed_key(), kid=str(number)) for number in range(21)]},
    {"keys": [None]},
    {"keys": ["x"]},
    {"keys": [{}]},
    {"keys": [{"kty": "oct", "k": part(SECRET.encode())}]},
    {"keys": [{"kty": "oct"}]},
    {"keys": [{"kty": ["RSA"]}]},
    {"keys": [{"kty": "EC", "crv": ["P-256"]}]},
    {"keys": [{"kty": "EC", "crv": "P-256"}]},
    {"keys": [{**jwk(ec_key()), "crv": "P-384"}]},
    {"keys": [{**jwk(ec_key()), "x": "AAAA"}]},
    {"keys": [{**jwk(ec_key()), "y": jwk(ec_key())["x"]}]},
    {"keys": [{**jwk(ec_key()), "x": 7}]},
    {"keys": [jwk(ec_key(), use="enc")]},
    {"keys": [jwk(ec_key(), alg="ES384")]},
    {"keys": [jwk(rsa_key(), alg="HS256")]},
    {"keys": [jwk(rsa_key(), alg="PS256")]},
    {"keys": [jwk(rsa_key(), kid=7)]},
    {"keys": [jwk(rsa_key(), kid="x" * 2049)]},
    {"keys": [{**jwk(rsa_key()), "n": "é"}]},
    {"keys": [{**jwk(rsa_key()), "n": "A" * 3000}]},
    {"keys": [{**jwk(rsa_key()), "e": "Ag"}]},
    {"keys": [_huge_exponent()]},
    {"keys": [jwk(rsa_key(1024))]},
    {"keys": [jwk(ed448.Ed448PrivateKey.generate())]},
    {"keys": [{**jwk(ed_key()), "x": "AAAA"}]},
    {"keys": [jwk(ed_key()), jwk(ec_key(), kid="a")]},
    {"keys": [jwk(ed_key(), kid="a"), jwk(ec_key(), kid="a")]},
]


@pytest.mark.parametrize("number", range(len(UNFIT)))
def test_a_set_that_is_unfit_is_refused_with_a_reason(number: int) -> None:
    with pytest.raises(RefusalError) as error:
        checked_set(UNFIT[number])
    assert error.value.outcome is INVALID_REQUEST
    assert error.value.detail.endswith(".")


_json = st.recursive(
    st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(_json)
def test_nothing_that_json_can_say_breaks_the_check(value: Any) -> None:
    for jwks in (value, {"keys": value}, {"keys": [value]}, {"keys": [{"kty": value, "crv": value, "x": value}]}):
        with pytest.raises(RefusalError):
            checked_set(jwks)


def test_where_there_is_no_key_nothing_is_taken() -> None:
    assert refused(forged({"alg": "HS256"}, claims()), ())
