"""The directory's image in memory, and how it stays true to the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.event_policy import DEFAULT_KEEP_DAYS
from ponteio.model.identity import Limits
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.tenancy import rows, versions
from ponteio.tenancy.image import DirectoryImage


class DirectoryState:
    """What every part of the directory stands on: one image, one version, one order of changes.

    Questions are answered from the image: true as of the last `load`, `refresh` or own change. An operator or another
    process may have changed things since: whoever owns this object calls `refresh` about once a second.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime] = utc_now,
        default_limits: Limits | None = None,
        default_keep_days: int = DEFAULT_KEEP_DAYS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._default_limits = default_limits or Limits()
        self._default_keep_days = default_keep_days
        self._image = DirectoryImage()
        self._version = -1
        self._listeners: list[Callable[[], None]] = []
        # Changes reach the image in the order in which they were committed.
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """The image is what the database says now."""
        async with self._changing:
            await self._reload()

    async def refresh(self) -> bool:
        """Whether somebody else changed the directory since the last look; if so the image is current again and the
        listeners were called.
        """
        async with self._changing:
            async with self._database.read() as connection:
                version = await versions.current(connection)
            if version == self._version:
                return False
            await self._reload()
        self._tell()
        return True

    def on_change(self, listener: Callable[[], None]) -> None:
        """`listener` is called after each change, our own or seen by `refresh`, when the image has it."""
        self._listeners.append(listener)

    async def _rewrite(self, change: Callable[[AsyncConnection], Awaitable[object]]) -> None:
        """`change` in a transaction of its own; the image is read anew."""
        async with self._changing:
            async with self._database.write() as connection:
                await versions.bump(connection)
                await change(connection)
            await self._reload()
        self._tell()

    async def _adopt(self, version: int, change: Callable[[DirectoryImage], object]) -> None:
        """The image has our own change, which was committed as `version`. Only while `_changing` is held."""
        if version == self._version + 1:
            change(self._image)
            self._version = version
        else:
            await self._reload()

    async def _reload(self) -> None:
        async with self._database.read() as connection:
            version = await versions.current(connection)
            image = await rows.load_image(connection, self._default_limits)
        self._image, self._version = image, version

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()
