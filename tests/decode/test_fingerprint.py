from __future__ import annotations

import hashlib

import pytest

from ponteio.decode.fingerprint import canonical_json, fingerprint

PARTS: list[object] = [
    "main",
    "alpha",
    "x",
    "2026-11-23T11:46:12.999Z",
    None,
    {"b": [1, {"d": 1, "c": 2}], "a": "é"},
    {},
]


def made(*parts: object) -> bytes:
    return canonical_json(*parts)  # type: ignore[arg-type]


def test_the_text_is_json_with_members_in_order() -> None:
    assert made(*PARTS) == (
        '["main","alpha","x","2026-11-23T11:46:12.999Z",null,{"a":"é","b":[1,{"c":2,"d":1}]},{}]'.encode()
    )


def test_the_order_of_members_makes_no_difference_and_the_order_of_items_does() -> None:
    turned = [*PARTS[:5], {"a": "é", "b": [1, {"c": 2, "d": 1}]}, {}]
    assert fingerprint(made(*turned)) == fingerprint(made(*PARTS))
    assert fingerprint(made(*PARTS[:5], {"a": "é", "b": [{"c": 2, "d": 1}, 1]}, {})) != fingerprint(made(*PARTS))


@pytest.mark.parametrize("at", range(7))
def test_every_part_makes_a_difference(at: int) -> None:
    other = [*PARTS[:at], "other", *PARTS[at + 1 :]]
    assert fingerprint(made(*other)) != fingerprint(made(*PARTS))


def test_it_is_sha_256() -> None:
    assert fingerprint(b"[]") == hashlib.sha256(b"[]").digest()
    assert len(fingerprint(b"")) == 32
