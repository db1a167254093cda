"""The architecture itself: what the documents say of the house is true of the code."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ponteio.config import documented
from ponteio.model import outcome
from ponteio.model.rights import KeyScope, Right, Role
from ponteio.tenancy.permissions import KEY_RIGHTS, ROLE_RIGHTS

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "ponteio"
ROOMS = (
    "model",
    "upstream",
    "decode",
    "tenancy",
    "eventlog",
    "live",
    "api",
    "notify",
    "observe",
    "storage",
    "outbound",
    "simulator",
    "commands",
)
INVARIANTS = tuple(f"I{number}" for number in range(1, 13))

# Each type state may be made in one place only: the type is the key to the next door.
MINTS = {
    "RawFrame": ("upstream",),
    "DecodedEvent": ("decode",),
    "AddressedEvent": ("tenancy",),
    "StoredEvent": ("eventlog",),
    "OrganizationScope": ("tenancy",),
    "Principal": ("tenancy",),
}

# Each foreign power has one embassy.
EMBASSIES = {
    "socketio": ("live/socketio_edge.py",),
    "engineio": ("live/engineio_edge.py",),
    "httpx2": ("outbound/http_client.py",),
    "httpcore2": ("outbound/http_client.py",),
    "prometheus_client": ("observe/metrics.py",),
    "argon2": ("tenancy/passwords.py",),
    "jwt": ("tenancy/signed_tokens.py",),
    "cryptography": ("storage/vault.py", "notify/push_crypto.py"),
    "pywebpush": ("notify/push_crypto.py",),
    "standardwebhooks": ("notify/webhooks.py",),
    "apprise": ("notify/apprise_child.py",),
    "aiosqlite": ("storage/sqlite.py",),
    "sqlite3": ("storage/sqlite.py",),
    "psycopg": ("storage/postgres.py",),
    "websockets": ("upstream/websocket_transport.py",),
    "textual": ("commands/tail_app.py",),
}

FILE_LINES = 400
FUNCTION_LINES = 60
APP_LINES = 200


def sources(*, simulator: bool = True) -> Iterator[Path]:
    for path in sorted(SOURCE.rglob("*.py")):
        if simulator or "simulator" not in path.parts:
            yield path


def room_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else ""


def test_imports_go_one_way_only() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_a_sign(room: str) -> None:
    sign = ast.get_docstring(ast.parse((SOURCE / room / "__init__.py").read_text()))
    assert sign, f"{room}/__init__.py says nothing"
    assert "Never" in sign or "never" in sign, f"{room}'s sign does not say what the room never does"
    assert len(sign.splitlines()) <= 12


def test_there_is_no_room_that_the_plan_does_not_know() -> None:
    found = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert found == set(ROOMS)


@pytest.mark.parametrize("name", sorted(MINTS))
def test_type_states_are_made_in_one_room(name: str) -> None:
    makers = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", None)) == name:
                makers.add(room_of(path))
    assert makers <= set(MINTS[name]), f"{name} is made in {sorted(makers)}"


@pytest.mark.parametrize("power", sorted(EMBASSIES))
def test_each_foreign_power_has_one_embassy(power: str) -> None:
    importers = set()
    for path in sources(simulator=False):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            if any(name.split(".")[0] == power for name in names):
                importers.add(str(path.relative_to(SOURCE)))
    assert importers <= set(EMBASSIES[power]), f"{power} is imported by {sorted(importers)}"


def test_only_config_reads_the_environment() -> None:
    readers = {
        str(path.relative_to(SOURCE))
        for path in sources()
        if re.search(r"\bos\.(environ|getenv)\b|\bdotenv\b|envvar=", path.read_text())
    }
    assert readers == {"config.py"}


def test_nothing_waits_with_what_swallows_a_cancellation() -> None:
    """Python 3.11's `asyncio.wait_for` returns instead of ending when both happen at once: the task lives on. What it
    is good for, `asyncio.timeout` does.
    """
    users = {str(path.relative_to(SOURCE)) for path in sources() if re.search(r"\bwait_for\(", path.read_text())}
    assert users == set()


def test_files_and_functions_stay_readable() -> None:
    faults = []
    for path in sources():
        text = path.read_text()
        name = path.relative_to(SOURCE)
        if "migrations/versions" in str(name):
            continue
        lines = len(text.splitlines())
        if lines > (APP_LINES if str(name) == "app.py" else FILE_LINES):
            faults.append(f"{name}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > FUNCTION_LINES:
                    faults.append(f"{name}: {node.name} has {length} lines")
    assert not faults, "\n".join(faults)


def test_every_source_file_has_its_test_file() -> None:
    missing = []
    for path in sources():
        name = path.relative_to(SOURCE)
        if path.name in ("__init__.py", "__main__.py") or "migrations" in name.parts:
            continue
        room = room_of(path)
        expected = ROOT / "tests" / room / f"test_{path.name}" if room else ROOT / "tests" / f"test_{path.name}"
        if not expected.exists():
            missing.append(str(name))
    assert not missing, f"without a test file: {missing}"


def test_every_invariant_is_written_down_and_named_by_a_test() -> None:
    page = (ROOT / "docs" / "invariants.md").read_text()
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py") if path.name != "test_house.py")
    for name in INVARIANTS:
        assert re.search(rf"\*\*{name}\b", page), f"docs/invariants.md does not state {name}"
        assert re.search(rf'"""{name}\b', tests), f"no test says in its docstring that it holds {name}"


def test_every_setting_is_documented() -> None:
    example = (ROOT / ".env.example").read_text()
    readmes = [(ROOT / name).read_text() for name in ("README.md", "README.pt-BR.md")]
    for variable, meaning in documented().items():
        assert re.search(rf"^#?{variable}=", example, re.MULTILINE), f".env.example lacks {variable}"
        assert meaning, f"{variable} has no description"
        for readme in readmes:
            assert variable in readme, f"a README lacks {variable}"
    for variable in re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE):
        assert variable in documented(), f".env.example names {variable}, which nothing reads"


def test_every_outcome_is_documented() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text()
    missing = [code for code in outcome.CATALOGUE if f"`{code}`" not in page]
    assert not missing, f"docs/protocol.md lacks {missing}"


def test_every_outcome_is_used() -> None:
    text = "\n".join(path.read_text() for path in sources() if path.name != "outcome.py")
    names = {name for name, value in vars(outcome).items() if isinstance(value, outcome.Outcome)}
    unused = [name for name in sorted(names) if not re.search(rf"\b{name}\b", text)]
    assert not unused, f"nothing refuses with {unused}"


def test_the_permissions_page_shows_the_table_of_the_code() -> None:
    people, keys = (
        {row[0]: row[1:] for row in table} for table in _tables((ROOT / "docs" / "permissions.md").read_text())
    )
    assert people.pop("Right")[:-1] == [role.value for role in Role]
    assert [scope.strip("`") for scope in keys.pop("Right")] == [scope.value for scope in KeyScope]
    assert list(people) == list(keys)
    assert {name.strip("`") for name in people} == {right.value for right in Right}
    for right in Right:
        shown = people[f"`{right.value}`"][:-1]
        assert shown == ["yes" if right in ROLE_RIGHTS[role] else "" for role in Role], right
        shown = keys[f"`{right.value}`"]
        assert shown == ["yes" if right in KEY_RIGHTS[scope] else "" for scope in KeyScope], right


def _tables(page: str) -> list[list[list[str]]]:
    """The cells of each table of a page, without the line under its head."""
    found: list[list[list[str]]] = []
    former = ""
    for line in page.splitlines():
        if line.startswith("|"):
            if not former.startswith("|"):
                found.append([])
            if not line.startswith("|---"):
                found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        former = line
    return found


def test_code_names_in_documents_exist() -> None:
    faults = []
    for page in [
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "README.md",
        ROOT / "README.pt-BR.md",
        ROOT / "CONTRIBUTING.md",
    ]:
        names = re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", page.read_text())
        known = (SOURCE, ROOT, ROOT / "src")
        faults += [f"{page.name} names {name}" for name in names if not any((base / name).exists() for base in known)]
    assert not faults, "\n".join(faults)


def test_no_file_speaks_of_where_it_was_made() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    forbidden = re.compile(r"pythonhosted\.org|registry\.npmjs|/home/\w+/|/root/\w", re.IGNORECASE)
    faults = []
    for name in listed:
        path = ROOT / name
        if name == "tests/test_house.py" or not path.is_file() or path.stat().st_size > 1_000_000:
            continue
        found = forbidden.search(path.read_text(encoding="utf-8", errors="replace"))
        if found:
            faults.append(f"{name}: {found[0]}")
    assert not faults, "\n".join(faults)


def test_locks_carry_hashes_and_no_addresses() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        pinned = re.findall(r"^[a-z0-9._-]+==", text, re.MULTILINE)
        assert len(pinned) > 20
        assert text.count("--hash=sha256:") >= len(pinned)
    assert "resolved" not in (ROOT / "tests" / "node" / "package-lock.json").read_text()


FLOORS = {
    "python-socketio": (5, 18, 1),
    "python-engineio": (4, 15, 1),
    "starlette": (1, 3, 1),
    "uvicorn": (0, 52, 1),
    "aiohttp": (3, 14, 4),
    "orjson": (3, 11, 6),
    "pyjwt": (2, 12, 0),
}


def test_locked_versions_are_not_below_the_security_floors() -> None:
    text = (ROOT / "requirements-dev.lock").read_text()
    for name, floor in FLOORS.items():
        found = re.search(rf"^{name}==([0-9.]+)", text, re.MULTILINE)
        assert found, f"{name} is not locked"
        assert tuple(map(int, found[1].split("."))) >= floor


def test_run_is_posix_shell() -> None:
    shell = shutil.which("dash") or "/bin/sh"
    for script in ("run", ".ci/run"):
        assert subprocess.run([shell, "-n", str(ROOT / script)], check=False).returncode == 0
        assert os.access(ROOT / script, os.X_OK)


def test_run_takes_this_machines_node() -> None:
    """The version check of `run`, which is skipped with a sentence where there is no Node, must let Node 20 pass."""
    check = re.search(r"node -e '([^']+)'", (ROOT / "run").read_text())
    assert check
    if shutil.which("node"):
        assert subprocess.run(["node", "-e", check[1]], check=False, capture_output=True).returncode == 0
