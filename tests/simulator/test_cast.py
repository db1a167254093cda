from __future__ import annotations

from ponteio.simulator.cast import Pen


def test_the_same_seed_and_name_write_the_same() -> None:
    one, two = (Pen(3, "loja-01", "id") for _ in range(2))
    assert one.people == two.people
    assert one.groups == two.groups
    assert [one.next_id(), one.text(), one.blob(8)] == [two.next_id(), two.text(), two.blob(8)]


def test_instances_write_with_different_hands() -> None:
    one, two = Pen(3, "loja-01", "id"), Pen(3, "loja-02", "id")
    assert one.people != two.people
    assert one.next_id() != two.next_id()


def test_ids_and_texts_carry_the_serial() -> None:
    pen = Pen(1, "loja-01", "id")
    ids = [pen.next_id() for _ in range(300)]
    assert len(set(ids)) == 300
    assert ids[-1].endswith("0000012C")
    assert pen.text().endswith("(loja-01 #000300)")


def test_longs_are_halves() -> None:
    assert Pen(1, "x", "id").long(2**32 + 5) == {"low": 5, "high": 1, "unsigned": True}
