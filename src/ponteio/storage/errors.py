"""What a caller must know when the database says no. Driver errors become these and go no further.

    StorageError
    ├── StorageUnavailableError   away, busy, full or cut off: the same transaction may succeed later
    ├── StorageConflictError      a row is in the way (unique, foreign key, check)
    ├── StorageValueError         a value is too large or of a kind that no row can hold
    ├── StorageSchemaError        the tables are older or newer than this program
    └── StorageUrlError           the database URL cannot be used

The texts hold driver codes, never SQL, parameters or row contents.
"""

from __future__ import annotations


class StorageError(Exception):
    """The database refused or failed. Nothing of the transaction was kept, unless its commit itself failed: then it
    may have been kept, and the caller must be able to send the same again.
    """


class StorageUnavailableError(StorageError):
    """The database is away, busy, full or cut the connection: the same transaction may succeed later."""


class StorageConflictError(StorageError):
    """A row is in the way: a unique, foreign key or check constraint spoke."""


class StorageValueError(StorageError):
    """A value is too large, or of a kind that no row can hold: sending it again cannot help."""


class StorageSchemaError(StorageError):
    """The tables are older or newer than this program. `ponteio migrate` mends the former."""


class StorageUrlError(StorageError, ValueError):
    """The database URL cannot be used. The text says why, without the password."""
