from __future__ import annotations

from tests.support.post_world import post_world

from ponteio.api.post_protocols import PostOffice
from ponteio.storage.database import Database


async def test_the_real_post_office_is_what_the_routes_take_it_for(sqlite_database: Database) -> None:
    async with post_world(sqlite_database) as world:
        office: PostOffice = world.office
        assert await office.channels.list(world.organization_id) == []
        assert await office.devices.list("usr_1") == []
        assert len(await office.vapid.public()) == 87
