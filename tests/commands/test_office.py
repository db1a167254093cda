"""What commands share: names that are looked up, secrets that are asked for, answers for people and for programs."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from ponteio.commands.office import office, organization_of, say, secret_from, table, user_of
from ponteio.config import Settings
from ponteio.model.outcome import INVALID_REQUEST, NOT_FOUND, ORGANIZATION_NOT_FOUND, RefusalError


async def test_unknown_names_are_refused(tmp_path: Path) -> None:
    async with office(Settings(data_dir=tmp_path, _env_file=None)) as here:
        with pytest.raises(RefusalError) as caught:
            organization_of(here, "nobody")
        assert caught.value.outcome is ORGANIZATION_NOT_FOUND
        with pytest.raises(RefusalError) as caught:
            await user_of(here, "nobody@example.com")
        assert caught.value.outcome is NOT_FOUND


def test_secret_comes_from_standard_input_or_twice_from_the_keyboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe\nnot this\n"))
    assert secret_from("Password", stdin=True) == "from a pipe"
    typed = iter(["one", "another"])
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(typed))
    with pytest.raises(RefusalError) as caught:
        secret_from("Password", stdin=False, twice=True)
    assert caught.value.outcome is INVALID_REQUEST
    typed = iter(["same", "same"])
    assert secret_from("Password", stdin=False, twice=True) == "same"


def test_programs_get_objects_and_people_get_texts(capsys: pytest.CaptureFixture[str]) -> None:
    say(True, {"a": 1}, "text")
    say(False, {"a": 1}, "text")
    table(True, ("x", "y"), [("1", "2"), ("3", "4")])
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[0]) == {"a": 1}
    assert lines[1] == "text"
    assert [json.loads(line) for line in lines[2:]] == [{"x": "1", "y": "2"}, {"x": "3", "y": "4"}]
    table(False, ("x",), [("1",)])
    assert "1" in capsys.readouterr().out
