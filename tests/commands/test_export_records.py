"""Records out of bytes that come in any pieces."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.live.stored import EPOCH, stored

from ponteio.api.event_export import Csv, Format, Ndjson
from ponteio.commands.export_records import LastWord, Records
from ponteio.model.cursor import Cursor
from ponteio.model.outcome import REVOKED, SHUTTING_DOWN
from ponteio.model.sight import ALL_SEEN

FORMS: list[Format] = [Ndjson(ALL_SEEN), Csv(ALL_SEEN), Csv(ALL_SEEN, ";")]
texts = st.lists(st.text(st.sampled_from('a"\n\r,;=\u2028\x85é') | st.characters(), max_size=20), max_size=5)


def file_of(form: Format, texts: list[str]) -> tuple[list[bytes], bytes]:
    events = [
        stored(seq, data=json.dumps({"message": {"conversation": text}}).encode()) for seq, text in enumerate(texts, 1)
    ]
    lines = [form.line(event) for event in events]
    return lines, form.head() + b"".join(lines) + form.tail(Cursor(EPOCH, len(texts)), len(texts))


@given(st.sampled_from(FORMS), texts, st.lists(st.integers(0, 400), max_size=12))
def test_whatever_the_pieces_the_records_are_those_that_were_written(
    form: Format, texts: list[str], cuts: list[int]
) -> None:
    lines, whole = file_of(form, texts)
    records = Records(is_csv=isinstance(form, Csv))
    places = sorted({0, len(whole), *(cut % (len(whole) + 1) for cut in cuts)})
    found = [record for begin, end in pairwise(places) for record in records.feed(whole[begin:end])]
    assert b"".join(found) == whole
    assert [record for record in found if records.cursor(record)] == lines
    assert [records.cursor(record) for record in found if records.cursor(record)] == [
        f"{EPOCH}-{seq}" for seq in range(1, len(texts) + 1)
    ]
    assert records.last_word(found[-1]) == LastWord(True, f"{EPOCH}-{len(texts)}")
    assert all(records.last_word(record) is None for record in found[:-1])


@pytest.mark.parametrize("form", FORMS)
def test_an_early_end_says_why_and_whether_to_come_back(form: Format) -> None:
    records = Records(is_csv=isinstance(form, Csv))
    stopped = [form.stop(Cursor(EPOCH, 7), outcome) for outcome in (REVOKED, SHUTTING_DOWN)]
    assert [records.last_word(line) for line in stopped] == [
        LastWord(False, f"{EPOCH}-7", "revoked", False),
        LastWord(False, f"{EPOCH}-7", "shutting_down", True),
    ]
    assert records.last_word(form.stop(None, REVOKED)) == LastWord(False, "", "revoked", False)


@pytest.mark.parametrize("form", FORMS)
def test_a_record_that_was_cut_off_is_not_given_out(form: Format) -> None:
    lines, whole = file_of(form, ["one", "two\nlines"])
    records = Records(is_csv=isinstance(form, Csv))
    found = list(records.feed(whole[: whole.index(lines[1]) + len(lines[1]) - 3]))
    assert found[-1] == lines[0]
