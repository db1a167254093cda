"""A history as a file, fetched from a running gateway, and gone on with where the connection broke."""

from __future__ import annotations

import asyncio
import json
import os
import random
import ssl
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode, urlsplit

from ponteio.commands.event_line import clean
from ponteio.commands.export_records import LastWord, Records
from ponteio.commands.runner import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from ponteio.commands.tail_filter import WordsError, filter_of, told
from ponteio.observe.clock import utc_now

READ_BYTES = 64 * 1024
QUIET_S = 60.0
"""A gateway that says nothing for so long is taken for gone."""
TRIES = 8
"""In a row that brought nothing, before it is given up."""
RETRY_FIRST_S = 0.5
RETRY_LAST_S = 10.0


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """`output` None is standard output. `form` is `ndjson` or `csv`."""

    url: str
    api_key: str
    form: str = "ndjson"
    filter: str = ""
    output: Path | None = None
    after: str = ""
    separator: str = ","


class ExportError(Exception):
    """It cannot go on; the text is for a person."""


class _BrokenError(Exception):
    """The connection broke off, or the gateway asks to come back: going on can help."""


async def export_until(options: ExportOptions, stop: asyncio.Event) -> int:
    """Write the export; `stop` ends it. The answer is an exit status: 0 only if the file is whole. A file appears under
    its name only then.
    """
    try:
        wanted = told(filter_of(options.filter, (), (), utc_now()))
    except WordsError as error:
        print(f"ponteio: {error}", file=sys.stderr)
        return EXIT_USAGE
    fetch = Fetch(options, wanted)
    work = asyncio.ensure_future(asyncio.to_thread(fetch.run))
    ended = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({work, ended}, return_when=asyncio.FIRST_COMPLETED)
        fetch.stop()
        return await work
    except ExportError as error:
        print(f"ponteio: {clean(str(error))}", file=sys.stderr)
        return EXIT_FAILED
    finally:
        ended.cancel()
        await asyncio.gather(ended, return_exceptions=True)
        if fetch.cursor and not fetch.is_whole:
            print(f"--after {clean(fetch.cursor)}", file=sys.stderr)


class Fetch:
    """One export. `cursor` is that of the last event written."""

    def __init__(
        self,
        options: ExportOptions,
        wanted: str | None,
        jitter: Callable[[float], float] = lambda most: random.uniform(0, most),  # noqa: S311
    ) -> None:
        self.cursor = options.after
        self.is_whole = False
        self._options = options
        self._wanted = wanted
        self._jitter = jitter
        self._count = 0
        self._has_head = False
        self._told_to_stop = threading.Event()

    def stop(self) -> None:
        """End as soon as something arrives, or after the next wait. To be called from any thread."""
        self._told_to_stop.set()

    def run(self) -> int:
        """Fetch it all, in the thread of the caller; the answer is an exit status. Raises `ExportError`."""
        with _target(self._options.output) as (out, finish):
            while not self._told_to_stop.is_set():
                last = self._with_patience(out)
                if last is None:
                    continue
                if not last.is_whole:
                    raise ExportError(f"the gateway ended the export [{last.code}]")
                self.is_whole = True
                out.write(self._end(last))
                out.flush()
                finish()
                print(f"ponteio: {self._count} events", file=sys.stderr)
                return 0
        return EXIT_INTERRUPTED

    def _with_patience(self, out: BinaryIO) -> LastWord | None:
        """The export's last word, however often it must be gone on with; None when told to stop."""
        delay_s, tries = RETRY_FIRST_S, 0
        while not self._told_to_stop.is_set():
            before = self.cursor
            try:
                return self._once(out)
            except _BrokenError as error:
                reason = clean(str(error))
            tries, delay_s = (
                (1, RETRY_FIRST_S) if self.cursor != before else (tries + 1, min(delay_s * 2, RETRY_LAST_S))
            )
            if tries >= TRIES:
                raise ExportError(f"{reason}; given up") from None
            print(f"ponteio: {reason}; going on", file=sys.stderr)
            self._told_to_stop.wait(self._jitter(delay_s))
        return None

    def _once(self, out: BinaryIO) -> LastWord | None:
        """One request, to its end. Raises `_BrokenError`, `ExportError`."""
        records = Records(is_csv=self._options.form == "csv")
        try:
            with closing(self._connection()) as connection:
                connection.request("GET", self._path(), headers=self._headers())
                answer = connection.getresponse()
                if answer.status != 200:
                    raise _refusal(answer.status, answer.read(READ_BYTES))
                while not self._told_to_stop.is_set():
                    chunk = answer.read1(READ_BYTES)
                    if not chunk:
                        raise _BrokenError("the export broke off")
                    for record in records.feed(chunk):
                        last = records.last_word(record)
                        if last is None:
                            self._write(out, records, record)
                        elif last.retry:
                            raise _BrokenError(f"the gateway ended the export [{last.code}]")
                        else:
                            return last
        except (OSError, HTTPException) as error:
            if isinstance(error, BrokenPipeError) and self._options.output is None:
                raise
            raise _BrokenError(f"the gateway is not reached ({type(error).__name__})") from None
        return None

    def _write(self, out: BinaryIO, records: Records, record: bytes) -> None:
        cursor = records.cursor(record)
        if cursor is None:  # the names of the columns, which come again with each request
            if not self._has_head:
                out.write(record)
            self._has_head = True
            return
        out.write(record)
        # Only now: what could not be written must come again.
        self.cursor = cursor
        self._count += 1

    def _end(self, last: LastWord) -> bytes:
        """The last line of the whole, however many parts it came in."""
        if self._options.form == "csv":
            cells = ["end", last.cursor, str(self._count), *[""] * 12]
            return (self._options.separator.join(f'"{cell}"' for cell in cells) + "\r\n").encode()
        end = {"end": True, "cursor": last.cursor, "events": self._count}
        return json.dumps(end, separators=(",", ":")).encode() + b"\n"

    def _connection(self) -> HTTPConnection:
        parts = urlsplit(self._options.url)
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host = None
        if parts.scheme not in ("http", "https") or not host:
            raise ExportError("the gateway's address must be such as http://127.0.0.1:3001")
        if parts.scheme == "http":
            return HTTPConnection(host, port, timeout=QUIET_S)
        return HTTPSConnection(host, port, timeout=QUIET_S, context=ssl.create_default_context())

    def _path(self) -> str:
        options = self._options
        asked = {"format": options.form, "filter": self._wanted, "after": self.cursor or None}
        if options.form == "csv":
            asked["separator"] = options.separator
        base = urlsplit(options.url).path.rstrip("/")
        return f"{base}/api/events/export?{urlencode({name: value for name, value in asked.items() if value})}"

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._options.api_key}", "User-Agent": "ponteio-export"}


def _refusal(status: int, body: bytes) -> Exception:
    """What a refused request means."""
    try:
        problem = json.loads(body)
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or "code" not in problem:
        return ExportError(f"what answers there is not a gateway (HTTP {status})")
    text = f"{problem.get('detail') or problem.get('title')} [{problem['code']}]"
    return _BrokenError(text) if problem.get("retry") is True else ExportError(text)


@contextmanager
def _target(output: Path | None) -> Iterator[tuple[BinaryIO, Callable[[], None]]]:
    """Where to write, and what gives the file its name once it is whole; otherwise nothing of it stays."""
    if output is None:
        yield sys.stdout.buffer, lambda: None
        return
    try:
        handle, name = tempfile.mkstemp(prefix=f".{output.name}.", suffix=".partial", dir=output.parent)
    except OSError as error:
        raise ExportError(f"cannot write beside {output}: {error.strerror}") from None
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:

            def finish() -> None:
                out.flush()
                os.fsync(out.fileno())
                partial.replace(output)

            yield out, finish
    except OSError as error:
        raise ExportError(f"cannot write {output}: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)
