from __future__ import annotations

import hashlib
import re

import pytest

from ponteio.model.cursor import Cursor
from ponteio.tenancy.identifiers import (
    API_KEY,
    SECRET_LENGTH,
    SECRET_PREFIXES,
    TICKET,
    is_secret,
    new_epoch,
    new_id,
    new_secret,
    secret_hash,
)


def test_ids_differ_and_say_what_they_are_of() -> None:
    ids = {new_id("org") for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(re.fullmatch(r"org_[0-9a-f]{24}", one) for one in ids)


def test_an_epoch_fits_a_cursor() -> None:
    cursor = Cursor(new_epoch(), 7)
    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize("prefix", SECRET_PREFIXES)
def test_a_secret_has_its_kind_and_thirty_two_random_bytes(prefix: str) -> None:
    secret = new_secret(prefix)
    assert re.fullmatch(prefix + r"[A-Za-z0-9_-]{43}", secret)
    assert len(secret) == SECRET_LENGTH
    assert new_secret(prefix) != secret
    assert is_secret(secret, prefix)


def test_kinds_of_secrets_are_told_apart() -> None:
    assert len({prefix[:4] for prefix in SECRET_PREFIXES}) == len(SECRET_PREFIXES)
    assert not is_secret(new_secret(API_KEY), TICKET)


@pytest.mark.parametrize("prefix", ["", "pnt", "xxx_"])
def test_there_are_no_other_kinds(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        new_secret(prefix)


@pytest.mark.parametrize("value", [None, 7, b"pnt_" + b"x" * 43, "pnt_", "pnt_" + "x" * 44, "", ["pnt_"]])
def test_anything_else_is_no_secret(value: object) -> None:
    assert not is_secret(value, API_KEY)


def test_a_hash_takes_whatever_text_a_client_sends() -> None:
    assert secret_hash("pnt_x") == hashlib.sha256(b"pnt_x").digest()
    assert len(secret_hash("\ud800\x00")) == 32
