from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.folded_text import folded, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Seu BOLETO já venceu!", ["seu", "boleto", "ja", "venceu"]),
        ("ação", ["acao"]),
        ("ac\u0327a\u0303o", ["acao"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("ﬁm", ["fim"]),
        ("Ελλάδα", ["ελλαδα"]),
        ("one-two_three", ["one", "two", "three"]),
        ("日本語", ["日", "本", "語"]),
        ("ok👍🏽❤️", ["ok", "👍", "🏽", "❤"]),
        ("R$ 1.234,56", ["r", "1", "234", "56"]),
        ("", []),
        ("?!", []),
    ],
)
def test_words_are_found_without_case_and_accents(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text())
def test_what_is_folded_folds_into_itself(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(st.text())
def test_a_word_is_its_own_only_word(text: str) -> None:
    for word in words(text):
        assert words(word) == [word]
        assert " " not in word


@given(st.text(), st.text())
def test_words_of_texts_side_by_side_are_those_of_each(left: str, right: str) -> None:
    assert words(f"{left} {right}") == words(left) + words(right)
