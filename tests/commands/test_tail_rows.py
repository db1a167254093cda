"""Rows of the live view: bounded, searchable, and nothing in them that a terminal obeys."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.commands.tail_rows import DETAIL_CHARS, Row, Rows

HOSTILE = "\x1b[2J\x1b]0;owned\x07\r\n\x9b31m\u202eevil\u2066\x00\x7f"


def envelope(seq: int = 1, text: str = "bom dia", **more: Any) -> dict[str, Any]:
    return {
        "cursor": f"0123abcd-{seq}",
        "seq": seq,
        "instance": "loja-01",
        "event": "messages.upsert",
        "received_at": "2026-11-23T14:46:13.999Z",
        "data": {"key": {"remoteJid": "5511988887777@s.whatsapp.net"}, "message": {"conversation": text}},
        **more,
    }


def row(seq: int = 1, text: str = "bom dia", **more: Any) -> Row:
    return Row.of(envelope(seq, text, **more))


def is_harmless(text: str) -> bool:
    return all(char.isprintable() or char in "\n\t" for char in text)


def test_a_row_says_when_what_and_where() -> None:
    found = row()
    assert (found.event, found.instance) == ("messages.upsert", "loja-01")
    assert "5511•••7777 bom dia" in found.summary
    assert found.at.endswith(":13.999")
    assert '"conversation": "bom dia"' in found.detail


def test_hostile_content_is_written_out() -> None:
    found = row(text=HOSTILE, instance=f"loja{HOSTILE}", event=f"messages.upsert{HOSTILE}")
    for text in (found.summary, found.instance, found.event, found.at):
        assert text.isprintable()
    assert is_harmless(found.detail)
    assert "\\u001b[2J" in found.detail
    assert "\\u202e" in found.detail


@given(st.text(max_size=60), st.text(max_size=20))
def test_no_text_reaches_the_terminal_as_a_command(text: str, name: str) -> None:
    found = row(text=text, instance=name or "x", event=name or "x")
    assert is_harmless(found.detail)
    assert f"{found.summary}{found.instance}{found.event}".isprintable()


def test_a_long_event_is_cut() -> None:
    found = row(text="x" * (2 * DETAIL_CHARS))
    assert len(found.detail) < DETAIL_CHARS + 60
    assert "more characters" in found.detail.splitlines()[-1]


def test_search_looks_into_line_and_data_whatever_the_case() -> None:
    rows = Rows()
    for seq, text in enumerate(["bom dia", "o Boleto", "tchau", "boleto de novo"], 1):
        rows.add(row(seq, text))
    assert rows.find("BOLETO", 0, 1) == 1
    assert rows.find("boleto", 2, 1) == 3
    assert rows.find("boleto", 4, 1) == 1
    assert rows.find("boleto", 0, -1) == 3
    assert rows.find("0123ABCD-3", 0, 1) == 2
    assert rows.find("nowhere", 0, 1) is None
    assert Rows().find("x", 0, 1) is None


def test_the_oldest_make_room() -> None:
    rows = Rows(most_rows=3)
    for seq in range(1, 6):
        rows.add(row(seq))
    assert [rows[index].seq for index in range(len(rows))] == [3, 4, 5]
    assert rows.dropped == 2


def test_bytes_are_bounded_but_one_row_stays() -> None:
    rows = Rows(most_bytes=5_000)
    for seq in range(1, 10):
        rows.add(row(seq, "x" * 1_000))
    assert 1 < len(rows) < 5
    rows.add(row(10, "x" * 9_000))
    assert [one.seq for one in (rows[0],)] == [10]


def test_a_pause_loses_nothing_and_says_when_it_is_full() -> None:
    rows = Rows(most_rows=4)
    rows.add(row(1))
    rows.pause()
    for seq in (2, 3, 4):
        rows.add(row(seq))
        assert not rows.is_full
    rows.add(row(5))
    assert (len(rows), rows.waiting, rows.is_full) == (1, 4, True)
    rows.resume()
    assert [rows[index].seq for index in range(len(rows))] == [2, 3, 4, 5]
    assert (rows.waiting, rows.is_full, rows.is_paused) == (0, False, False)


@pytest.mark.parametrize("size", [10, 3_000])
def test_what_waits_is_bounded_in_bytes_too(size: int) -> None:
    rows = Rows(most_bytes=6_000)
    rows.pause()
    amount = 0
    while not rows.is_full:
        rows.add(row(amount, "x" * size))
        amount += 1
    assert amount == (2 if size == 3_000 else amount)
    assert rows.waiting == amount
