from __future__ import annotations

from dataclasses import replace

from tests.support.log_world import NOON

from ponteio.model.identity import Instance, InstanceState, Limits
from ponteio.storage.database import Database
from ponteio.tenancy import rows
from ponteio.tenancy.directory import Directory

_FULL = Instance("ins_1", "main", "a\x00,b/ç", None, "id-1", "BAILEYS", InstanceState.CLOSE, NOON, 401, NOON)
_BARE = Instance("ins_2", "main", "bare")


async def test_rows_come_back_as_they_were_saved(database: Database) -> None:
    await Directory(database).ensure_server("main", "http://evolution.test")
    async with database.write() as connection:
        for instance in (_FULL, _BARE):
            await rows.save_instance(connection, None, instance)
        found = await rows.find_instances(connection, "main", [_FULL.name, "bare", "nobody"])
        assert found == {_FULL.name: _FULL, "bare": _BARE}
        moved = replace(_BARE, instance_id="ins_3", state=InstanceState.OPEN)
        await rows.save_instance(connection, _BARE, moved)
    async with database.read() as connection:
        image = await rows.load_image(connection, Limits())
    assert set(image.instances.values()) == {_FULL, moved}
    assert list(image.servers) == ["main"]


async def test_any_number_of_names_can_be_looked_for(database: Database) -> None:
    async with database.read() as connection:
        assert await rows.find_instances(connection, "main", [f"name {n}" for n in range(12_000)]) == {}
