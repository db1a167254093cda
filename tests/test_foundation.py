"""The rooms over one database."""

from __future__ import annotations

from pathlib import Path

import pytest

from ponteio.foundation import Foundation
from ponteio.storage.errors import StorageError, StorageUrlError


async def test_opened_twice_it_remembers(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    first = await Foundation.open(url, checkpoints=True)
    made = await first.directory.create_organization("Acme")
    await first.close()
    second = await Foundation.open(url, checkpoints=False)
    assert second.directory.organization("Acme") == made
    await second.close()


async def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageUrlError):
        await Foundation.open("mysql://x", checkpoints=True)
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StorageError):
        await Foundation.open(f"sqlite:///{tmp_path / 'folder.db'}", checkpoints=True)
