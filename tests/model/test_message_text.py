from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.message_text import texts


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"conversation": "Oi"}, ["Oi"]),
        ({"conversation": 7}, []),
        ({"speechToText": "dito"}, ["dito"]),
        ({"extendedTextMessage": {"text": "Oi", "title": "Site"}}, ["Oi", "Site"]),
        ({"imageMessage": {"caption": "foto", "url": "https://x"}}, ["foto"]),
        ({"documentMessage": {"fileName": "boleto.pdf", "caption": "segue"}}, ["segue", "boleto.pdf"]),
        ({"documentWithCaptionMessage": {"message": {"documentMessage": {"title": "t"}}}}, ["t"]),
        ({"reactionMessage": {"text": "👍"}}, ["👍"]),
        ({"pollCreationMessageV3": {"name": "Qual?", "options": [{"optionName": "A"}, {}]}}, ["Qual?", "A"]),
        (
            {
                "listMessage": {
                    "title": "Menu",
                    "sections": [{"title": "S", "rows": [{"title": "R", "description": "D"}]}],
                }
            },
            ["Menu", "S", "R", "D"],
        ),
        ({"listResponseMessage": {"title": "Escolhi"}}, ["Escolhi"]),
        ({"buttonsMessage": {"contentText": "C", "buttons": [{"buttonText": {"displayText": "B"}}]}}, ["C", "B"]),
        ({"buttonsResponseMessage": {"selectedDisplayText": "Sim"}}, ["Sim"]),
        ({"templateMessage": {"hydratedTemplate": {"hydratedContentText": "H"}}}, ["H"]),
        ({"interactiveMessage": {"body": {"text": "corpo"}}}, ["corpo"]),
        ({"editedMessage": {"message": {"conversation": "novo"}}}, ["novo"]),
        ({"protocolMessage": {"editedMessage": {"conversation": "novo"}}}, ["novo"]),
        (
            {"editedMessage": {"message": {"protocolMessage": {"editedMessage": {"conversation": "novo"}}}}},
            ["novo"],
        ),
        ({"viewOnceMessage": {"message": {"videoMessage": {"caption": "v"}}}}, ["v"]),
        ({"base64": "AAAA", "messageContextInfo": {"text": "x"}}, []),
        ({"imageMessage": None, "listMessage": {"sections": 5}}, []),
        ("Oi", []),
        (None, []),
    ],
)
def test_words_are_found_where_people_put_them(message: Any, expected: list[str]) -> None:
    assert list(texts({"message": message})) == expected


def test_an_edit_says_the_new_text() -> None:
    assert list(texts({"key": {"id": "1"}, "type": 14, "editedMessage": {"conversation": "novo"}})) == ["novo"]


@pytest.mark.parametrize("part", [None, "Oi", 7, ["Oi"], {"conversation": "Oi"}, {}])
def test_what_is_no_message_says_nothing(part: Any) -> None:
    assert list(texts(part)) == []


def test_messages_wrapped_too_often_say_nothing() -> None:
    message: dict[str, Any] = {"conversation": "fundo"}
    for _ in range(10):
        message = {"ephemeralMessage": {"message": message}}
    assert list(texts({"message": message})) == []


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["message", "listMessage", "sections", "rows", "title", "protocolMessage", "editedMessage"]
            ),
            inner,
            max_size=3,
        )
    ),
)


@given(_json)
def test_no_shape_breaks_the_reading(data: Any) -> None:
    assert all(isinstance(text, str) for text in texts(data))
