"""The steps of a diagnosis that ask Evolution's REST side: who answers, who we are to it, and the instance."""

from __future__ import annotations

import difflib
import re
import secrets

from ponteio.model import outcome
from ponteio.model.diagnosis import Finding, Value, Verdict
from ponteio.model.identity import InstanceState
from ponteio.model.outcome import RefusalError
from ponteio.outbound.http_client import HttpAnswer
from ponteio.upstream.diagnosis_rest import is_cors, is_evolutions, is_licence, json_of, segment
from ponteio.upstream.diagnosis_walk import Walk, fail, ok, showing, skipped, warn
from ponteio.upstream.evolution_answers import read_connection_state

KNOWN_VERSION = "2.3.7"
"""The version that this gateway was tested with."""
FIRST_THAT_CHECKS_KEYS = (2, 3, 2)
NEAR_NAMES = 3
_NUMBER = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_PROXY_STATUSES = frozenset({502, 503, 504})


async def server(walk: Walk) -> Finding:
    """Whoever answers is Evolution API. Its start page needs no key."""
    try:
        answer = await walk.keyless.get("/")
    except RefusalError as refusal:
        return await _unanswered(walk, refusal)
    walk.start_page, walk.start_page_at = answer, walk.subject.clock()
    found = json_of(answer)
    if (isinstance(found, dict) and isinstance(found.get("version"), str)) or is_licence(answer):
        return ok("server.answers")
    if 300 <= answer.status < 400:
        return _redirected(walk, answer)
    values: dict[str, Value] = {"status": answer.status, **walk.values}
    if is_evolutions(answer) and not _is_unknown_path(found):
        return ok("server.answers")
    if answer.status in _PROXY_STATUSES:
        return fail("server.proxy_error", "tcp.start", **values)
    return fail("server.html" if "html" in answer.content_type else "server.stranger", "server.proxy", **values)


def _is_unknown_path(found: object) -> bool:
    """Whether a JSON answer is Express' own for a path that it does not know: Evolution's root is not there."""
    response = found.get("response") if isinstance(found, dict) else None
    message = response.get("message") if isinstance(response, dict) else None
    return isinstance(message, list) and bool(message) and str(message[0]).startswith("Cannot GET")


async def _unanswered(walk: Walk, refusal: RefusalError) -> Finding:
    if refusal.outcome is outcome.UPSTREAM_BAD_ANSWER:
        return fail("server.not_http", "server.proxy", **walk.values)
    if refusal.outcome is not outcome.UPSTREAM_TIMEOUT:
        return fail("server.broken", "server.proxy", **walk.values)
    try:
        await walk.keyless.get("/socket.io/?EIO=4&transport=none")
    except RefusalError:
        return fail("server.frozen", "server.restart")
    return ok("server.start_page_hangs", "server.whatsapp")


def _redirected(walk: Walk, answer: HttpAnswer) -> Finding:
    values: dict[str, Value] = {"status": answer.status, "location": answer.location[:200], **walk.values}
    found = fail("server.redirect", "server.final", **values)
    if answer.location.startswith("https://") and walk.subject.url.startswith("http://"):
        found = fail("server.redirect_https", "server.https", **values)
    return showing(found, "server.shown") if answer.location else found


async def version(walk: Walk) -> Finding:
    """Its version is one that this gateway can work with."""
    if walk.start_page is None:
        return skipped("version.untold")
    if is_licence(walk.start_page):
        return fail("version.licence", "version.activate")
    found = json_of(walk.start_page)
    told = str(found.get("version", "")) if isinstance(found, dict) else ""
    match = _NUMBER.match(told)
    if match is None:
        return skipped("version.untold")
    walk.version = tuple(int(part) for part in match.groups())
    values = {"version": match[0], "known": KNOWN_VERSION}
    if walk.version < FIRST_THAT_CHECKS_KEYS:
        return warn("version.checks_no_keys", "version.update", **values)
    return ok("version.good" if told == KNOWN_VERSION else "version.other", **values)


async def key(walk: Walk) -> Finding:
    """The key is accepted, and it is the global one: that alone finds that a name nobody has does not exist."""
    nobody = f"ponteio-doctor-{secrets.token_hex(8)}"
    answer, rows = await walk.keyed.rows(instanceName=nobody)
    if (answer.status == 200 and not rows) or (answer.status == 404 and is_evolutions(answer)):
        return ok("key.global")
    if answer.status == 401:
        # An instance's token is refused for a name that is not its own, and accepted without any.
        answer, _ = await walk.keyed.rows()
        text = "key.instance" if answer.status == 200 else "key.wrong"
        return fail(text, "key.set_global", **walk.values)
    if is_cors(answer):
        return fail("key.cors", "key.cors")
    return fail("key.failed", "any.upstream_log", status=answer.status)


async def instance(walk: Walk) -> Finding:
    """Evolution has the instance, and its phone is connected."""
    answer, rows = await walk.keyed.rows(instanceName=walk.name)
    walk.row = next((row for row in rows if row.name == walk.name), None)
    if walk.row is None:
        if answer.status in (200, 404):
            return _absent(walk)
        return fail("instance.failed", "any.upstream_log", status=answer.status)
    state = await _state(walk)
    values = {"integration": walk.row.integration, "state": state.value, "name": walk.name}
    if state is InstanceState.OPEN:
        return ok("instance.open", **values)
    return warn("instance.not_open", "instance.pair", **values)


def _absent(walk: Walk) -> Finding:
    others = sorted({name for name in walk.asked.own_names if name != walk.name})
    by_letters = {name.casefold().strip(): name for name in others}
    close = difflib.get_close_matches(walk.name.casefold().strip(), by_letters, n=NEAR_NAMES)
    evidence = ("instance.absent", *(("instance.near",) if close else ()))
    near = ", ".join(by_letters[each] for each in close)
    return Finding("instance", Verdict.FAIL, evidence, ("instance.spelling",), values={"near": near})


async def _state(walk: Walk) -> InstanceState:
    answer = await walk.keyed.get(f"/instance/connectionState/{segment(walk.name)}")
    try:
        return read_connection_state(json_of(answer))
    except RefusalError:
        return InstanceState.UNKNOWN
