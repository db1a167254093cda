"""The command line as a person types it: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def ponteio(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PONTEIO_", "EVOLUTION_"))}
    return subprocess.run(
        [sys.executable, "-m", "ponteio", *words],
        cwd=folder,
        env={**clean, **environment, "NO_COLOR": "1", "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_help_names_every_command(tmp_path: Path) -> None:
    done = ponteio(tmp_path, "--help")
    assert done.returncode == 0
    for command in ("serve", "demo", "simulate", "tail", "doctor", "migrate", "org", "key", "instance"):
        assert command in done.stdout
    assert ponteio(tmp_path, "--version").stdout.startswith("ponteio ")


def test_from_nothing_to_a_key(tmp_path: Path) -> None:
    made = ponteio(tmp_path, "org", "create", "Acme", "--json")
    assert made.returncode == 0, made.stderr
    key = ponteio(tmp_path, "key", "create", "--org", "Acme", "--json")
    assert json.loads(key.stdout)["api_key"].startswith("pnt_")
    assert ponteio(tmp_path, "instance", "assign", "loja-01", "Acme").returncode == 0
    assert "loja-01" in ponteio(tmp_path, "instance", "list", "--json").stdout
    assert ponteio(tmp_path, "migrate").returncode == 0


def test_refusals_are_sentences_with_a_code(tmp_path: Path) -> None:
    ponteio(tmp_path, "org", "create", "Acme")
    again = ponteio(tmp_path, "org", "create", "acme")
    assert again.returncode == 1
    assert "[name_taken]" in again.stderr
    assert "Traceback" not in again.stderr


def test_settings_faults_are_listed_and_exit_with_2(tmp_path: Path) -> None:
    done = ponteio(tmp_path, "serve", PONTEIO_PORT="x", PONTEIO_PRT="1")
    assert done.returncode == 2
    for name in ("EVOLUTION_API_URL", "EVOLUTION_API_KEY", "PONTEIO_PORT", "did you mean PONTEIO_PORT"):
        assert name in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("key", "create"),
        ("key", "create", "--org", "A", "--operator"),
        ("tail",),
        ("tail", "--key", "k", "--tui", "--json"),
        ("tail", "--key", "k", "event:call", "colour:red"),
        ("tail", "--key", "k", "--since", "nonsense"),
        ("events",),
        ("events", "export"),
        ("events", "export", "--key", "k", "--filter", "colour:red"),
        ("events", "export", "--key", "k", "--format", "xml"),
        ("nonsense",),
    ],
)
def test_wrong_use_exits_with_2(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert ponteio(tmp_path, *words).returncode == 2


def test_a_filter_that_is_none_is_pointed_at(tmp_path: Path) -> None:
    for words in (("tail",), ("events", "export")):
        done = ponteio(tmp_path, *words, "--key", "k", "event:call", "colour:red")
        line, finger = done.stderr.splitlines()[-2:]
        assert line[finger.index("^") :] == "colour:red"
        assert done.stdout == ""


def test_textual_is_loaded_for_the_view_alone(tmp_path: Path) -> None:
    """Half a second that nobody else should pay."""
    code = "import sys, ponteio.cli, ponteio.commands.tail, ponteio.commands.export; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False, timeout=50).returncode == 0


def test_unusable_database_is_one_sentence(tmp_path: Path) -> None:
    done = ponteio(tmp_path, "org", "list", PONTEIO_DATABASE_URL="postgresql://nobody@127.0.0.1:1/x?connect_timeout=1")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
