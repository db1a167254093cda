from __future__ import annotations

import pytest

from ponteio.storage import errors


@pytest.mark.parametrize(
    "kind",
    [
        errors.StorageUnavailableError,
        errors.StorageConflictError,
        errors.StorageValueError,
        errors.StorageSchemaError,
        errors.StorageUrlError,
    ],
)
def test_whoever_catches_storage_error_catches_all(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.StorageError)
