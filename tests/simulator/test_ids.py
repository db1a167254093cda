from __future__ import annotations

import uuid

from ponteio.simulator.ids import IdMint


def test_the_same_seed_gives_the_same_ids() -> None:
    one, two = IdMint("7"), IdMint("7")
    assert [one.uuid(), one.token(), one.row_id()] == [two.uuid(), two.token(), two.row_id()]


def test_another_seed_gives_other_ids() -> None:
    assert IdMint("7").token() != IdMint("8").token()


def test_ids_have_evolutions_forms() -> None:
    mint = IdMint("1")
    assert uuid.UUID(mint.uuid()).version == 4
    assert len(mint.token()) == 48
    assert len(mint.row_id()) == len("cmwtdahhx00019d7de0bhuvzn")


def test_row_ids_never_repeat() -> None:
    mint = IdMint("1")
    assert len({mint.row_id() for _ in range(1000)}) == 1000
