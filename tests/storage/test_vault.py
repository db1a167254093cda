from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ponteio.model.outcome import SECRET_UNREADABLE, RefusalError
from ponteio.storage.errors import StorageError
from ponteio.storage.vault import Vault, VaultKeyError, load_keys, prepend_key

_OLD, _NEW = Vault.new_key(), Vault.new_key()
_PLACE = "servers.sealed_key:srv_1"
_SEALED = Vault([_OLD]).seal("secret", _PLACE)


def _unreadable(vault: Vault, sealed: str, place: str = _PLACE) -> bool:
    with pytest.raises(RefusalError) as refused:
        vault.unseal(sealed, place)
    assert refused.value.__context__ is None or refused.value.__suppress_context__
    return refused.value.outcome is SECRET_UNREADABLE


@given(st.text(), st.text())
def test_what_is_sealed_comes_back_at_its_place_only(text: str, place: str) -> None:
    vault = Vault([_OLD])
    sealed = vault.seal(text, place)
    assert vault.unseal(sealed, place) == text
    assert _unreadable(vault, sealed, place + "x")


def test_a_lone_surrogate_survives() -> None:
    vault = Vault([_OLD])
    assert vault.unseal(vault.seal("\ud800\x00", _PLACE), _PLACE) == "\ud800\x00"


def test_what_is_sealed_shows_nothing_and_never_looks_alike() -> None:
    """I5: at rest there is no secret to read."""
    vault = Vault([_OLD])
    sealed = {vault.seal("the key of a server", _PLACE) for _ in range(10)}
    assert len(sealed) == 10
    assert not any("the key" in one or "servers" in one for one in sealed)
    assert _OLD not in repr(vault)


@pytest.mark.parametrize("touched", ["", "x", "gAAAAA", "\ud800", "é", "\x00"])
def test_what_was_never_sealed_does_not_open(touched: str) -> None:
    assert _unreadable(Vault([_OLD]), touched)
    assert not Vault([_OLD]).is_current(touched)


@given(at=st.integers(0, len(_SEALED.rstrip("=")) - 2), other=st.sampled_from("AZaz09-_"))
def test_a_value_that_was_touched_does_not_open(at: int, other: str) -> None:
    assume(other != _SEALED[at])
    assert _unreadable(Vault([_OLD]), _SEALED[:at] + other + _SEALED[at + 1 :])


def test_a_new_key_in_front_seals_and_the_old_one_still_opens() -> None:
    before = Vault([_OLD]).seal("secret", _PLACE)
    both = Vault([_NEW, _OLD])
    assert both.unseal(before, _PLACE) == "secret"
    assert not both.is_current(before)
    after = both.seal("secret", _PLACE)
    assert both.is_current(after)
    assert Vault([_NEW]).unseal(after, _PLACE) == "secret"
    assert _unreadable(Vault([_NEW]), before)
    assert _unreadable(Vault([_OLD]), after)


@pytest.mark.parametrize("keys", [[], [""], ["short"], [_OLD, "x" * 44], [_OLD, _OLD[:-2]], ["é" * 44]])
def test_keys_that_cannot_be_used_are_named_and_not_shown(keys: list[str]) -> None:
    with pytest.raises(VaultKeyError) as refused:
        Vault(keys)
    assert not any(key and key in str(refused.value) for key in keys)
    assert isinstance(refused.value, StorageError)


def test_the_setting_goes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "secret.keys"
    assert load_keys(f" {_NEW} ,{_OLD},, ", file) == [_NEW, _OLD]
    assert not file.exists()
    with pytest.raises(VaultKeyError, match="key 2 of the setting"):
        load_keys(f"{_NEW},nonsense", file)


def test_a_missing_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "secret.keys"
    former = os.umask(0)
    try:
        keys = load_keys("", file)
    finally:
        os.umask(former)
    assert len(keys) == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["secret.keys"]
    assert load_keys("", file) == keys
    assert Vault(keys).is_current(Vault(keys).seal("x", _PLACE))


def test_the_key_is_never_logged(tmp_path: Path) -> None:
    """I5: only where the file is."""
    with capture_logs() as logs:
        keys = load_keys("", tmp_path / "secret.keys")
    assert len(logs) == 1
    assert keys[0] not in repr(logs)


def test_a_file_that_others_may_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "secret.keys"
    keys = load_keys("", file)
    for mode, told in ((0o600, 0), (0o640, 1), (0o604, 1)):
        file.chmod(mode)
        with capture_logs() as logs:
            assert load_keys("", file) == keys
        assert [line["log_level"] for line in logs] == ["warning"] * told


def test_rotation_puts_a_key_in_front_and_keeps_the_others(tmp_path: Path) -> None:
    file = tmp_path / "secret.keys"
    first = load_keys("", file)
    prepend_key(file)
    second = load_keys("", file)
    assert len(second) == 2
    assert second[1:] == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_rotation_makes_the_file_where_there_is_none(tmp_path: Path) -> None:
    prepend_key(tmp_path / "secret.keys")
    assert len(load_keys("", tmp_path / "secret.keys")) == 1


def test_comments_and_empty_lines_are_nothing(tmp_path: Path) -> None:
    file = tmp_path / "secret.keys"
    file.write_text(f"# made in November\n\n  {_NEW}\n{_OLD}\n")
    file.chmod(0o600)
    assert load_keys("", file) == [_NEW, _OLD]


@pytest.mark.parametrize("text", ["", "# nothing\n", "nonsense\n", "\x00\xff"])
def test_a_file_that_cannot_be_used_is_named_and_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / "secret.keys"
    file.write_text(text)
    for work in (lambda: load_keys("", file), lambda: prepend_key(file)):
        with pytest.raises(VaultKeyError, match=r"secret\.keys"):
            work()
    assert file.read_text() == text


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VaultKeyError, match="cannot be used"):
        load_keys("", tmp_path / "file" / "secret.keys")
    (tmp_path / "secret.keys").mkdir()
    with pytest.raises(VaultKeyError, match="cannot be used"):
        load_keys("", tmp_path / "secret.keys")


def test_a_write_that_fails_leaves_the_former_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret.keys"
    keys = load_keys("", file)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        # Stands for a disk that takes nothing.
        patched.setattr(os, "fsync", full)
        with pytest.raises(VaultKeyError, match="No space"):
            prepend_key(file)
    assert load_keys("", file) == keys
    assert [one.name for one in tmp_path.iterdir()] == ["secret.keys"]


def test_a_vault_in_use_notices_a_new_key(tmp_path: Path) -> None:
    """A gateway that runs while somebody rotates opens what is sealed anew, and seals nothing with an old key."""
    file = tmp_path / "secret.keys"
    running = Vault.of("", file)
    before = running.seal("secret", _PLACE)
    prepend_key(file)
    rotator = Vault.of("", file)
    after = rotator.seal("secret", _PLACE)
    assert running.unseal(after, _PLACE) == "secret"
    assert running.unseal(before, _PLACE) == "secret"
    prepend_key(file)
    assert Vault.of("", file).is_current(running.seal("secret", _PLACE))


@pytest.mark.parametrize("fault", ["gone", "", "nonsense"])
def test_keys_that_got_lost_serve_on_where_they_are_known(tmp_path: Path, fault: str) -> None:
    """And no new key takes their place behind everybody's back."""
    file = tmp_path / "secret.keys"
    running = Vault.of("", file)
    sealed = running.seal("secret", _PLACE)
    file.write_text(fault)
    if fault == "gone":
        file.unlink()
    again = running.seal("again", _PLACE)
    assert (running.unseal(sealed, _PLACE), running.unseal(again, _PLACE)) == ("secret", "again")
    assert _unreadable(running, Vault([_OLD]).seal("secret", _PLACE))
    assert file.exists() is (fault != "gone")


def test_keys_of_the_setting_stay_what_they_are(tmp_path: Path) -> None:
    vault = Vault.of(_NEW, tmp_path / "secret.keys")
    assert vault.is_current(vault.seal("secret", _PLACE))
    assert _unreadable(vault, Vault([_OLD]).seal("secret", _PLACE))
    assert list(tmp_path.iterdir()) == []


_STARTER = """
import sys
from pathlib import Path
from ponteio.storage.vault import load_keys, prepend_key
file, rotate = Path(sys.argv[1]), sys.argv[2] == "rotate"
print("ready", flush=True)
sys.stdin.readline()
if rotate:
    prepend_key(file)
print(",".join(load_keys("", file)))
"""


def _start_at_once(file: Path, what: str, count: int) -> Iterator[str]:
    """What each of `count` processes found, all let go at the same moment."""
    command = [sys.executable, "-c", _STARTER, str(file), what]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        yield out.splitlines()[-1]


def test_processes_that_start_at_once_end_with_the_same_key(tmp_path: Path) -> None:
    found = list(_start_at_once(tmp_path / "data" / "secret.keys", "load", 4))
    assert len(set(found)) == 1
    assert load_keys("", tmp_path / "data" / "secret.keys") == [found[0]]


def test_rotations_at_once_lose_no_key(tmp_path: Path) -> None:
    """A key that was lost would leave unreadable what it sealed."""
    file = tmp_path / "secret.keys"
    first = load_keys("", file)
    seen = {key for line in _start_at_once(file, "rotate", 4) for key in line.split(",")}
    keys = load_keys("", file)
    assert len(keys) == len(set(keys)) == 5
    assert keys[-1:] == first
    assert seen <= set(keys)
