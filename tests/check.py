"""Every check of the project, one after another, with one line of result at the end.

Each static check counts as one test. The last line is `N passed, N failed, N skipped`; the exit status is 1 when
something failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

STATIC = {
    "lint": [str(BIN / "ruff"), "check", "."],
    "format": [str(BIN / "ruff"), "format", "--check", "."],
    "types": [str(BIN / "mypy")],
    "imports": [str(BIN / "lint-imports"), "--no-cache"],
    "dependencies": [str(BIN / "deptry"), "src"],
}


def main(arguments: list[str]) -> int:
    """Run everything; `--all` turns skips into failures; other arguments go to pytest."""
    environment = dict(os.environ, NO_COLOR="1")
    if "--all" in arguments:
        arguments = [argument for argument in arguments if argument != "--all"]
        environment["PONTEIO_TEST_ALL"] = "1"
    passed = failed = skipped = 0
    for name, command in STATIC.items():
        began = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        good = done.returncode == 0
        print(f"{'ok  ' if good else 'FAIL'} {name} ({time.monotonic() - began:.1f} s)", flush=True)
        if not good:
            print(done.stdout + done.stderr, flush=True)
        passed, failed = passed + good, failed + (not good)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        workers = ["-n", "auto", "--dist", "worksteal"]
        command = [sys.executable, "-m", "pytest", "-q", *workers, f"--junit-xml={report}", *arguments]
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        counts = _counts(report)
    if status not in (0, 1) or (status == 1) != (counts["failed"] > 0):
        print(f"pytest ended with status {status}", flush=True)
        counts["failed"] += counts["failed"] == 0
    passed, failed, skipped = passed + counts["passed"], failed + counts["failed"], skipped + counts["skipped"]
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def _counts(report: Path) -> dict[str, int]:
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    if not report.exists():
        return counts
    for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314 - pytest wrote it a moment ago
        tests, bad, skip = (int(suite.get(name, 0)) for name in ("tests", "failures", "skipped"))
        bad += int(suite.get("errors", 0))
        counts["passed"] += tests - bad - skip
        counts["failed"] += bad
        counts["skipped"] += skip
    return counts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
