from __future__ import annotations

import re

from ponteio.model.cursor import Cursor
from ponteio.tenancy.identifiers import new_epoch, new_id, new_secret


def test_ids_differ_and_say_what_they_are_of() -> None:
    ids = {new_id("org") for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(re.fullmatch(r"org_[0-9a-f]{24}", one) for one in ids)


def test_an_epoch_fits_a_cursor() -> None:
    cursor = Cursor(new_epoch(), 7)
    assert Cursor.parse(str(cursor)) == cursor


def test_a_secret_has_thirty_two_random_bytes() -> None:
    assert re.fullmatch(r"pnt_[A-Za-z0-9_-]{43}", new_secret())
    assert new_secret() != new_secret()
