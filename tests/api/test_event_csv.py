"""Rows for spreadsheets: whole, readable, and never a formula, whatever separator a spreadsheet goes by."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.live.stored import EPOCH, stored

from ponteio.api.event_csv import BOM, COLUMNS, defused, head, row, stop, tail
from ponteio.model.cursor import Cursor
from ponteio.model.sight import ALL_SEEN, Sight

STARTERS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
MESSAGE = {
    "key": {"remoteJid": "5511988887777@s.whatsapp.net", "fromMe": False, "id": "3EB0", "participant": "p@lid"},
    "pushName": "Maria",
    "messageType": "conversation",
    "status": "DELIVERY_ACK",
    "message": {"conversation": "segue o boleto"},
}


def cells(line: bytes, delimiter: str = ",") -> list[str]:
    (found,) = csv.reader(io.StringIO(line.decode(), newline=""), delimiter=delimiter)
    return found


def named(line: bytes) -> dict[str, str]:
    return dict(zip(COLUMNS, cells(line), strict=True))


def test_a_message_in_its_columns() -> None:
    found = named(row(stored(7, data=orjson.dumps(MESSAGE)), ALL_SEEN, ","))
    assert found == {
        "cursor": f"{EPOCH}-7",
        "received_at": "2026-11-23T14:46:13.999Z",
        "occurred_at": "2026-11-23T14:46:13.999Z",
        "instance": "one",
        "event": "messages.upsert",
        "origin": "live",
        "chat": "5511988887777@s.whatsapp.net",
        "participant": "p@lid",
        "from_me": "false",
        "message_id": "3EB0",
        "message_type": "conversation",
        "status": "DELIVERY_ACK",
        "name": "Maria",
        "text": "segue o boleto",
        "withheld": "",
    }


def test_who_may_not_see_content_gets_none() -> None:
    found = named(row(stored(7, data=orjson.dumps(MESSAGE)), Sight(content=False), ","))
    assert (found["chat"], found["message_id"], found["withheld"]) == ("5511988887777@s.whatsapp.net", "3EB0", "yes")
    assert (found["text"], found["name"]) == ("", "")


OTHERS = [
    (None, "", "", ""),
    ([MESSAGE, MESSAGE], "5511988887777@s.whatsapp.net", "3EB0", "segue o boleto\nsegue o boleto"),
    ([MESSAGE, {**MESSAGE, "key": {"remoteJid": "x@g.us", "id": "2"}}], "", "", "segue o boleto\nsegue o boleto"),
    (["5511@s.whatsapp.net"], "", "", ""),
    ({"id": "5511@g.us"}, "5511@g.us", "", ""),
    ({"id": "no address", "key": 7, "status": 3}, "", "", ""),
]


@pytest.mark.parametrize(("data", "chat", "message_id", "text"), OTHERS)
def test_other_shapes(data: object, chat: str, message_id: str, text: str) -> None:
    event = "messages.set" if isinstance(data, list) else "messages.upsert"
    found = named(row(stored(1, event=event, data=orjson.dumps(data)), ALL_SEEN, ","))
    assert (found["chat"], found["message_id"], found["text"]) == (chat, message_id, text)


def test_a_file_begins_with_its_mark_and_names_and_ends_with_its_end() -> None:
    assert head(";").decode().startswith(BOM + '"cursor";"received_at"')
    assert cells(tail(Cursor(EPOCH, 9), 3, ","))[:3] == ["end", f"{EPOCH}-9", "3"]
    assert cells(stop(Cursor(EPOCH, 9), "revoked", ";"), ";")[:3] == ["stopped", f"{EPOCH}-9", "revoked"]
    assert cells(stop(None, "revoked", ","))[1] == ""
    assert {len(cells(line)) for line in (tail(None, 0, ","), stop(None, "x", ","))} == {len(COLUMNS)}


FORMULAS = [
    ("=1+1", "'=1+1"),
    ("+55 11", "'+55 11"),
    ("-20%", "'-20%"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("\t=1", "'\t'=1"),
    ("\uff1d1", "'\uff1d1"),
    ("a\n\nb", "a\n\nb"),
    ("a;=cmd|' /C calc'!A0", "a;'=cmd|' /C calc'!A0"),
    ('x";"=1', 'x";"\'=1'),
    ("a\n=1", "a\n'=1"),
    ("a, -b", "a, '-b"),
    ("bom dia", "bom dia"),
    ("5511988887777@s.whatsapp.net", "5511988887777@s.whatsapp.net"),
    ("a=b", "a=b"),
    ("a\x00b\x1b[2J", "a b [2J"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), FORMULAS)
def test_formulas_are_defused(text: str, expected: str) -> None:
    assert defused(text) == expected


tricky = st.text(st.sampled_from(STARTERS + ";,|\"' \\a1\x00\xa0") | st.characters(), max_size=30)


def begins_a_formula(cell: str) -> bool:
    return cell.lstrip('" \xa0')[:1] in set(STARTERS) - set("\t\r\n")


@given(tricky, st.sampled_from(",;"), st.sampled_from(",;\t|"))
def test_no_cell_begins_like_a_formula_whatever_the_reader_splits_by(text: str, ours: str, theirs: str) -> None:
    """A spreadsheet of another language splits where we did not, and takes quotes in the middle for text."""
    data = orjson.dumps({**MESSAGE, "pushName": text, "message": {"conversation": text}}, default=str)
    event = replace(stored(1, data=data), instance=text)
    line = row(event, ALL_SEEN, ours).decode()  # type: ignore[arg-type]
    for separator in {ours, theirs}:
        for found in csv.reader(io.StringIO(line, newline=""), delimiter=separator):
            for cell in found:
                assert not cell or cell[0] not in STARTERS, (separator, cell)
        for piece in line.replace("\r\n", "\n").split("\n"):
            for cell in piece.split(separator):
                assert not begins_a_formula(cell), (separator, cell)


@given(st.text(max_size=40))
def test_what_is_harmless_comes_back_as_it_was(text: str) -> None:
    if not any(character in STARTERS or not character.isprintable() for character in text):
        found = named(row(replace(stored(1), instance=text), ALL_SEEN, ","))
        assert found["instance"] == text.encode("utf-8", "replace").decode()
