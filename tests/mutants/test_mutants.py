"""The tests of isolation can fail: each one-line break of it is noticed by the test that is named for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.mutants.mutants import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
AT_LEAST = 12
AT_ONCE = max(2, os.cpu_count() or 2)
WITHIN_S = 600
"""A bound against hanging, not a measure: other tests run beside."""

only_in_full_runs = pytest.mark.skipif(
    os.environ.get("PONTEIO_TEST_ALL") != "1", reason="takes a minute: run ./run test --all"
)


def run(source: Path, killers: list[str], report: Path) -> tuple[int, dict[str, str]]:
    """pytest's status, and how each test ended, with the package taken from `source`."""
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"--junit-xml={report}", *killers]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert report.exists(), done.stdout[-2_000:] + done.stderr[-2_000:]
    return done.returncode, dict(_ends(report))


def _ends(report: Path) -> list[tuple[str, str]]:
    found = []
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - pytest wrote it a moment ago
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        found.append((str(case.get("name")), next(iter(kinds), "passed")))
    return found


def mutated(mutant: Mutant, folder: Path) -> Path:
    """A copy of the sources with the one line changed."""
    source = folder / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    file = source / "ponteio" / mutant.file
    text = file.read_text()
    assert text.count(mutant.old) == 1, f"{mutant.name}: the line is not there any more, once: {mutant.old}"
    file.write_text(text.replace(mutant.old, mutant.new))
    return source


def lives(mutant: Mutant, folder: Path) -> str | None:
    """Why the mutant counts as alive; None when its test has failed, and not for another reason."""
    folder.mkdir()
    status, ends = run(mutated(mutant, folder), [mutant.killer], folder / "report.xml")
    if status == 1 and "failure" in ends.values() and "error" not in ends.values():
        return None
    return f"{mutant.name}: {mutant.killer} ended with {status}, {ends}"


def test_there_are_enough_of_them_and_each_changes_one_line() -> None:
    assert len(MUTANTS) >= AT_LEAST
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    for mutant in MUTANTS:
        assert "\n" not in mutant.old + mutant.new
        assert (ROOT / "src" / "ponteio" / mutant.file).read_text().count(mutant.old) == 1, mutant.name


@only_in_full_runs
@pytest.mark.timeout(2 * WITHIN_S)
def test_each_mutant_is_killed_by_its_test_which_passes_without_it(tmp_path: Path) -> None:
    """I4, I10: the named tests pass with the sources as they are, and fail with each of the breaks."""
    killers = sorted({mutant.killer for mutant in MUTANTS})
    status, ends = run(ROOT / "src", killers, tmp_path / "report.xml")
    assert (status, set(ends.values())) == (0, {"passed"}), ends
    assert len(ends) >= len(killers)
    with ThreadPoolExecutor(AT_ONCE) as several:
        folders = [tmp_path / str(number) for number in range(len(MUTANTS))]
        alive = [found for found in several.map(lives, MUTANTS, folders) if found is not None]
    assert not alive, "\n".join(alive)
