from __future__ import annotations

import json

import pytest

from ponteio.simulator.rest_answers import (
    EMPTY_OK,
    Answer,
    bad_request,
    malformed_json,
    schema_violation,
    script_error,
    to_json,
    to_response,
    unauthorized,
)


def test_the_message_is_a_text_a_list_or_a_list_in_a_list() -> None:
    messages = [
        error.answer.body["response"]["message"] for error in (unauthorized(), bad_request("x"), schema_violation("x"))
    ]
    assert messages == ["Unauthorized", ["x"], [["x"]]]
    assert script_error("x").answer.body["response"]["message"] == "x"
    assert script_error("x", in_list=True).answer.body["response"]["message"] == ["x"]


def test_bytes_are_shown_by_their_indexes() -> None:
    assert json.loads(to_json({"key": b"\x0c\x01", "empty": b""})) == {"key": {"0": 12, "1": 1}, "empty": {}}
    with pytest.raises(TypeError):
        to_json(object())


def test_an_empty_answer_is_still_json_by_its_type() -> None:
    response = to_response(EMPTY_OK)
    assert (response.body, response.headers["content-type"]) == (b"", "application/json; charset=utf-8")
    assert to_response(Answer(200, None)).body == b"null"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{bad json", "Expected property name or '}' in JSON at position 1"),
        ("  {x", "Expected property name or '}' in JSON at position 3"),
        ('{"a":', "Unexpected token '{', '{\"a\":' is not valid JSON"),
        ("nope", "Unexpected token 'n', 'nope' is not valid JSON"),
    ],
)
def test_malformed_json_is_a_400_that_calls_itself_internal(text: str, message: str) -> None:
    body = malformed_json(text).answer.body
    assert (body["status"], body["error"]) == (400, "Internal Server Error")
    assert body["response"]["message"] == message
