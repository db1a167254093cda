from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.cursor import Cursor, CursorError

EPOCHS = st.text("0123456789abcdef", min_size=8, max_size=8)
SEQS = st.integers(0, 2**63 - 1)


@given(EPOCHS, SEQS)
def test_text_and_cursor_are_the_same_place(epoch: str, seq: int) -> None:
    """I3: a cursor is `(epoch, seq)` and survives the way over the wire."""
    assert Cursor.parse(str(Cursor(epoch, seq))) == Cursor(epoch, seq)


def test_the_text_form() -> None:
    assert str(Cursor("0123abcd", 17)) == "0123abcd-17"
    assert Cursor.parse("0123abcd-0") == Cursor("0123abcd", 0)


@pytest.mark.parametrize(
    "text",
    [
        None,
        17,
        b"0123abcd-17",
        ["0123abcd-17"],
        "",
        "17",
        "0123abcd",
        "0123abcd-",
        "-17",
        "0123abcd--17",
        "0123abcd-+17",
        "0123abcd-017",
        "0123abcd-1_7",
        "0123abcd-1.0",
        "0123abcd-\u0661\u0667",
        "0123ABCD-17",
        "0123abc-17",
        "0123abcde-17",
        " 0123abcd-17",
        "0123abcd-17 ",
        "0123abcd-17\n",
        "0123abcd-9223372036854775808",
        "0123abcd-" + "9" * 5000,
    ],
)
def test_nothing_else_is_a_cursor(text: object) -> None:
    with pytest.raises(CursorError):
        Cursor.parse(text)


def test_the_last_number_that_a_database_holds_is_one() -> None:
    assert Cursor.parse("0123abcd-9223372036854775807").seq == 2**63 - 1


@given(st.text(max_size=30))
def test_what_is_taken_is_written_back_the_same(text: str) -> None:
    try:
        cursor = Cursor.parse(text)
    except CursorError:
        return
    assert str(cursor) == text


def test_another_place_in_the_same_life_of_the_log() -> None:
    assert Cursor("0123abcd", 17).at(18) == Cursor("0123abcd", 18)
    assert len({Cursor("0123abcd", 1), Cursor("0123abcd", 1), Cursor("0123abce", 1)}) == 2
