"""The words of administration as a person types them: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def ponteio(folder: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PONTEIO_", "EVOLUTION_"))}
    return subprocess.run(
        [sys.executable, "-m", "ponteio", *words],
        cwd=folder,
        env={**clean, "NO_COLOR": "1", "COLUMNS": "100"},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_from_nothing_to_a_working_deployment(tmp_path: Path) -> None:
    assert ponteio(tmp_path, "org", "create", "Acme").returncode == 0
    made = ponteio(tmp_path, "user", "create", "op@b.co", "--operator", "--stdin", stdin="a long enough password\n")
    assert made.returncode == 0, made.stderr
    invited = ponteio(tmp_path, "user", "invite", "--org", "Acme", "--role", "viewer", "--json")
    assert json.loads(invited.stdout)["token"].startswith("pni_")
    scopes = ("--scope", "events:read", "--instance", "loja-1", "--event", "messages.*", "--days", "30")
    key = ponteio(tmp_path, "key", "create", "--org", "Acme", *scopes, "--json")
    assert json.loads(key.stdout)["api_key"].startswith("pnt_"), key.stderr
    listed = json.loads(ponteio(tmp_path, "key", "list", "--json").stdout)
    assert listed["scopes"] == "events:read"
    assert listed["expires_at"]
    limits = ponteio(tmp_path, "org", "limits", "Acme", "sockets=3", "--json")
    assert {"limit": "sockets", "value": "3"} in map(json.loads, limits.stdout.splitlines())
    assert ponteio(tmp_path, "audit", "--json").stdout.count("\n") == 5


@pytest.mark.parametrize(
    "words",
    [
        ("user", "create", "a@b.co"),
        ("user", "create", "a@b.co", "--org", "Acme", "--operator"),
        ("user", "invite", "--org", "Acme", "--role", "operator"),
        ("key", "create", "--operator", "--scope", "admin"),
        ("key", "create"),
    ],
)
def test_contradictions_are_usage_faults(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = ponteio(tmp_path, *words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_bad_limit_is_a_sentence(tmp_path: Path) -> None:
    ponteio(tmp_path, "org", "create", "Acme")
    for change in ("sockets", "sockets=many", "colours=3"):
        done = ponteio(tmp_path, "org", "limits", "Acme", change)
        assert done.returncode == 1
        assert "[invalid_request]" in done.stderr
