"""The shapes of Evolution's REST answers and errors, and how they become JSON.

Source: src/exceptions/*.ts and main.ts of 2.3.7. `message` is a string (401 and raw JavaScript errors), a list
(exceptions with a text) or a list in a list (schema violations).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response

_CONTENT_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a JSON body; `is_empty` sends no body at all (JavaScript's `undefined`)."""

    status: int
    body: Any = None
    is_empty: bool = False


class RestError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, error: str, message: Any) -> None:
        super().__init__(f"{status} {error}")
        self.answer = Answer(status, {"status": status, "error": error, "response": {"message": message}})


def bad_request(message: str) -> RestError:
    """400 with the text in a list."""
    return RestError(400, "Bad Request", [message])


def schema_violation(*messages: str) -> RestError:
    """400 with the texts in a list in a list."""
    return RestError(400, "Bad Request", [list(messages)])


def unauthorized() -> RestError:
    """401: the key is wrong, missing, or another instance's."""
    return RestError(401, "Unauthorized", "Unauthorized")


def forbidden(message: str) -> RestError:
    """403 with the text in a list."""
    return RestError(403, "Forbidden", [message])


def not_found(message: str) -> RestError:
    """404 with the text in a list."""
    return RestError(404, "Not Found", [message])


def script_error(message: str, *, in_list: bool = False) -> RestError:
    """500: an exception of JavaScript or Prisma came through."""
    return RestError(500, "Internal Server Error", [message] if in_list else message)


def malformed_json(body: str) -> RestError:
    """400 of the body parser, which calls itself an internal error."""
    rest = body.lstrip()
    if rest.startswith("{") and not rest[1:].lstrip().startswith(('"', "}")):
        message = f"Expected property name or '}}' in JSON at position {body.index('{') + 1}"
    else:
        message = f"Unexpected token '{rest[:1]}', {body[:20]!r} is not valid JSON"
    return RestError(400, "Internal Server Error", message)


#: What connect and restart make of a thrown exception: success, with a stringified object.
SWALLOWED = Answer(200, {"error": True, "message": "[object Object]"})
#: What 2.4 answers to every call before its licence is activated.
LICENCE_REQUIRED = Answer(
    503,
    {
        "error": "service not activated",
        "code": "LICENSE_REQUIRED",
        "register_url": "http://localhost:8080/manager/login",
    },
)
EMPTY_OK = Answer(200, is_empty=True)


def to_response(answer: Answer) -> Response:
    """The HTTP response; bytes become `{"0":…}`, as `JSON.stringify` shows a Uint8Array."""
    body = b"" if answer.is_empty else to_json(answer.body)
    return Response(body, answer.status, headers={"content-type": _CONTENT_TYPE})


def to_json(body: Any) -> bytes:
    """`body` as JSON text."""
    return orjson.dumps(body, default=_indexed)


def _indexed(leaf: Any) -> dict[str, int]:
    if not isinstance(leaf, bytes | bytearray):
        raise TypeError(f"{type(leaf).__name__} is not JSON")
    return {str(index): byte for index, byte in enumerate(leaf)}
