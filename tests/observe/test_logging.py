"""Log lines: allow-listed fields, one line each, never blocking."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import time
from collections.abc import Iterator

import pytest
import structlog
import structlog.testing

from ponteio.observe.logging import configure_logging, log_to_stderr


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("ponteio").setLevel(logging.NOTSET)
    structlog.reset_defaults()


def _lines(level: str, work: object) -> list[dict[str, object]]:
    out = io.StringIO()
    listener = configure_logging(level, "json", out)
    work(structlog.get_logger("ponteio.test"))  # type: ignore[operator]
    listener.stop()
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_line_has_time_level_and_fields() -> None:
    (line,) = _lines("info", lambda log: log.info("link connected", instance="loja", attempt=2))
    assert line["event"] == "link connected"
    assert (line["instance"], line["attempt"], line["level"], line["logger"]) == ("loja", 2, "info", "ponteio.test")
    assert str(line["timestamp"]).endswith("Z")


def test_unknown_fields_do_not_slip_out() -> None:
    """I5: a key or content handed to a log call by mistake is not written."""
    (line,) = _lines("info", lambda log: log.info("x", apikey="pnt_secret", payload={"text": "hello"}))
    assert "pnt_secret" not in json.dumps(line)
    assert "hello" not in json.dumps(line)


def test_control_characters_cannot_forge_a_line() -> None:
    lines = _lines("info", lambda log: log.info("x", instance='loja\n{"event":"forged"}'))
    assert len(lines) == 1


def test_level_is_kept_and_libraries_are_quiet() -> None:
    def work(log: structlog.stdlib.BoundLogger) -> None:
        log.debug("hidden")
        logging.getLogger("socketio.server").info("payload of somebody")
        logging.getLogger("socketio.server").warning("trouble")

    assert [line["event"] for line in _lines("info", work)] == ["trouble"]


def test_console_form_is_text() -> None:
    out = io.StringIO()
    listener = configure_logging("info", "console", out)
    structlog.get_logger("ponteio.test").warning("look", state="open")
    listener.stop()
    assert "look" in out.getvalue()
    assert "state=open" in out.getvalue()


def test_blocked_pipe_blocks_neither_the_caller_nor_the_end() -> None:
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w", buffering=1)
    listener = configure_logging("info", "json", stream)
    log = structlog.get_logger("ponteio.test")
    for _ in range(11_000):
        log.info("a line that nobody reads", detail="x" * 20)
    began = time.monotonic()
    listener.stop()
    assert time.monotonic() - began < 10
    os.close(reading)  # the writer's thread gets an error and ends
    with contextlib.suppress(OSError):
        stream.close()


def test_a_commands_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.reset_defaults()
    with structlog.testing.capture_logs():
        pass  # leaves a configuration behind that prints to standard output
    log_to_stderr()
    structlog.get_logger("ponteio.test").info("a line of the house")
    said = capsys.readouterr()
    assert said.out == ""
    assert "a line of the house" in said.err
    log_to_stderr()
    structlog.reset_defaults()
