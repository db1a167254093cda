"""The rooms over one database."""

from __future__ import annotations

from pathlib import Path

import pytest

from ponteio.config import Settings
from ponteio.foundation import Foundation
from ponteio.storage.errors import StorageError, StorageUrlError


async def test_opened_twice_it_remembers(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, _env_file=None)
    first = await Foundation.open(settings, checkpoints=True)
    made = await first.directory.create_organization("Acme")
    await first.close()
    second = await Foundation.open(settings, checkpoints=False)
    assert second.directory.organization("Acme") == made
    await second.close()


async def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageUrlError):
        await Foundation.open(Settings.model_construct(database_url="mysql://x"), checkpoints=True)
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StorageError):
        await Foundation.open(
            Settings(data_dir=tmp_path, database_url=f"sqlite:///{tmp_path / 'folder.db'}", _env_file=None),
            checkpoints=True,
        )
