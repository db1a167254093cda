"""A process that appends for ever, tells each committed number on its standard output, and waits to be killed.

python crashing_appender.py DATABASE_URL START
"""

from __future__ import annotations

import asyncio
import sys

from tests.support.log_world import LogWorld, decoded

from ponteio.eventlog.log import EventLog
from ponteio.storage.database import Database
from ponteio.tenancy.directory import Directory


async def main(url: str, start: int) -> None:
    database = await Database.open(url)
    directory = Directory(database)
    await directory.load()
    world = LogWorld(database, directory, EventLog(database))
    while True:
        events = [decoded("alpha", number, data=b'"%s"' % (b"x" * 2_000)) for number in range(start, start + 40)]
        appended = await world.log.append([world.addressed(event) for event in events])
        start += len(events)
        print(appended.stored[-1].seq, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
