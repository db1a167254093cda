from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ponteio.notify import apprise_child
from ponteio.notify.apprise_child import Guard, addresses_of
from ponteio.outbound.address_policy import AddressRefusedError


class Sock:
    """What the hook is handed where a socket is about to be connected."""

    def __init__(self, family: socket.AddressFamily) -> None:
        self.family = family


INET, INET6, UNIX = Sock(socket.AF_INET), Sock(socket.AF_INET6), Sock(socket.AF_UNIX)


def test_a_connection_goes_to_public_addresses_and_those_that_were_named() -> None:
    guard = Guard((), {("10.0.0.5", 8080), ("10.0.0.6", None)})
    for address in (("1.1.1.1", 443), ("10.0.0.5", 8080), ("10.0.0.6", 1)):
        guard("socket.connect", (INET, address))
    guard("socket.connect", (INET6, ("2606:4700::1111", 443, 0, 0)))
    guard("socket.sendmsg", (INET, None))
    assert not guard.refused


@pytest.mark.parametrize(
    ("sock", "address"),
    [
        (INET, ("127.0.0.1", 80)),
        (INET, ("10.0.0.5", 8081)),
        (INET, ("169.254.169.254", 80)),
        (INET6, ("::1", 80, 0, 0)),
        (INET6, ("::ffff:127.0.0.1", 80, 0, 0)),
        (INET, ("a.name.example", 80)),
        (INET, "what"),
        (UNIX, "/var/run/docker.sock"),
    ],
)
@pytest.mark.parametrize("event", ["socket.connect", "socket.sendto", "socket.sendmsg"])
def test_every_other_connection_is_refused(sock: Sock, address: Any, event: str) -> None:
    guard = Guard((), {("10.0.0.5", 8080)})
    with pytest.raises(AddressRefusedError):
        guard(event, (sock, address))
    assert guard.refused


def test_a_host_that_was_named_is_no_way_to_metadata() -> None:
    guard = Guard((), {("169.254.169.254", None)})
    with pytest.raises(AddressRefusedError):
        guard("socket.connect", (INET, ("169.254.169.254", 80)))


def test_only_what_was_named_can_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    folder.mkdir()
    guard = Guard((str(folder), ""), ())
    guard("open", (str(folder / "x.py"), "r", 0))
    guard("open", (str(folder / "x.py").encode(), "r", 0))
    guard("open", (3, "r", 0))
    link = folder / "link"
    link.symlink_to(tmp_path / "secret")
    for path in (tmp_path / "secret", f"{folder}-other/x", f"{folder}/../secret", link, "/etc/passwd", "relative"):
        with pytest.raises(PermissionError):
            guard("open", (path, "r", 0))


@pytest.mark.parametrize("event", ["subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"])
def test_nothing_can_be_started(event: str) -> None:
    with pytest.raises(PermissionError):
        Guard((), ())(event, ())


def test_other_events_pass() -> None:
    Guard((), ())("import", ("x", None, None, None, None))


def test_addresses_of_names() -> None:
    assert addresses_of(["127.0.0.1:80", "127.0.0.2"]) == {("127.0.0.1", 80), ("127.0.0.2", None)}
    assert addresses_of(["a-name-that-nobody-has.invalid"]) == set()


def test_of_what_the_library_logs_only_the_status_is_kept() -> None:
    heard = apprise_child._StatusOnly()
    for text, status in (("Sending to tgram://a-secret", None), ("Failed: Unauthorized, error=401.", 401)):
        heard.emit(logging.LogRecord("apprise", logging.WARNING, "", 0, text, None, None))
        assert heard.status == status


ORDER = {"url": "gotify://push.example/x", "title": "", "body": "", "type": "info", "private_hosts": []}


def child(order: dict[str, Any], *words: str) -> dict[str, Any]:
    """What the real process answers."""
    done = subprocess.run(
        [sys.executable, *(words or ("-I", "-m", "ponteio.notify.apprise_child"))],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={},
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_process_answers_whatever_happens() -> None:
    assert child({**ORDER, "check_only": True}) == {"ok": True}
    assert child({**ORDER, "url": "gotify://x", "check_only": True}) == {"ok": False, "reason": "unusable"}
    assert child({**ORDER, "check_only": False, "url": 5}) == {"ok": False, "reason": "unusable"}
    hidden = "import sys; sys.modules['apprise'] = None; import ponteio.notify.apprise_child as it; it.main()"
    assert child({**ORDER, "check_only": True}, "-c", hidden) == {"ok": False, "reason": "not_installed"}


def test_the_process_cannot_write_files_or_start_others(tmp_path: Path) -> None:
    """What the guard and the limits forbid, tried by code that would."""
    attempts = f"""
import io, json, subprocess, sys
import ponteio.notify.apprise_child as it
def evil(order, guard):
    sys.addaudithook(guard)
    found = []
    for act in (lambda: open({str(tmp_path / "x")!r}, "w"), lambda: open("/etc/hostname"),
                lambda: subprocess.run(["true"]), lambda: __import__("os").system("true")):
        try:
            act()
        except OSError as error:
            found.append(type(error).__name__)
        else:
            found.append("done")
    return {{"ok": True, "reason": found}}
it.carried_out = evil
it.main()
"""
    assert child({**ORDER, "check_only": False}, "-c", attempts)["reason"] == ["PermissionError"] * 4
    assert not (tmp_path / "x").exists()
