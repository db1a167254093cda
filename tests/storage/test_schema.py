from __future__ import annotations

from pathlib import Path

from ponteio import storage
from ponteio.storage.schema import TABLES


def test_every_file_of_tables_is_part_of_the_schema() -> None:
    found = {path.stem for path in Path(storage.__path__[0]).glob("*_tables.py")}
    assert found == {module.__name__.rsplit(".", 1)[-1] for module in TABLES}
