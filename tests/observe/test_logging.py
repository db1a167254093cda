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
from hypothesis import given, settings
from hypothesis import strategies as st

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


def _console(work: object) -> str:
    out = io.StringIO()
    listener = configure_logging("debug", "console", out)
    work(structlog.get_logger("ponteio.test"))  # type: ignore[operator]
    listener.stop()
    return out.getvalue()


@given(st.lists(st.text(st.characters()), min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_no_name_whatsoever_forges_a_line_or_moves_the_cursor(names: list[str]) -> None:
    def work(log: structlog.stdlib.BoundLogger) -> None:
        for name in names:
            log.warning("a line", instance=name, reason=name)

    shown = _console(work)
    assert len(shown.splitlines()) == len(names)
    assert shown.replace("\n", "").isprintable()
    assert shown.count("\n") == len(names)
    lines = _lines("info", work)
    assert [line["instance"] for line in lines] == names


def test_what_looks_like_another_field_stays_inside_its_own() -> None:
    shown = _console(lambda log: log.warning("x", instance="loja state=open", reason="\x1b[2K\rforged"))
    assert "instance='loja state=open'" in shown
    assert "\x1b" not in shown
    assert "\r" not in shown


def _raised() -> ValueError:
    try:
        try:
            raise KeyError("pnt_secret_of_the_cause")
        except KeyError as cause:
            raise ValueError("the text of a message") from cause
    except ValueError as error:
        return error


@pytest.mark.parametrize("form", ["json", "console"])
def test_of_exceptions_the_stack_is_written_and_never_the_text(form: str) -> None:
    """I5: nobody knows what an exception quotes."""
    out = io.StringIO()
    listener = configure_logging("info", form, out)
    logging.getLogger("asyncio").error("broke", exc_info=_raised())
    structlog.get_logger("ponteio.test").error("broke", exc_info=_raised())
    listener.stop()
    shown = out.getvalue()
    for text in ("pnt_secret", "the text of a message"):
        # The stack shows the lines of our own program, in which these texts stand here.
        assert all("raise " in line for line in shown.replace("\\n", "\n").splitlines() if text in line)
    assert shown.index("KeyError") < shown.index("ValueError")
    assert "_raised" in shown


def test_other_libraries_get_one_line() -> None:
    """I5: asyncio quotes the exception of a broken task, and that what it was working on."""

    def work(_log: structlog.stdlib.BoundLogger) -> None:
        logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task ValueError('hello')>")
        logging.getLogger("websockets").warning("x" * 1_000)

    first, second = _lines("debug", work)
    assert first["event"] == "Task exception was never retrieved"
    assert second["event"] == "x" * 300


def test_the_fields_that_tell_of_links_and_owners_are_written() -> None:
    told = {"instance": "loja", "organization": "org_1", "link": "global", "attempt": 2, "duration_s": 0.5}
    (line,) = _lines("debug", lambda log: log.debug("event received", **told))
    assert {name: line[name] for name in told} == told


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
