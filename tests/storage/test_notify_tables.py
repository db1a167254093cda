from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert
from tests.support.log_world import NOON, log_world

from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError
from ponteio.storage.notify_tables import channels, deliveries, push_subscriptions, vapid_keys

KEY = {"row_id": 2, "public_key": "x", "sealed_private_key": "x", "created_at": NOON}
DEVICE = {
    "subscription_id": "psh_1", "user_id": "nobody", "endpoint_hash": b"x" * 32, "host": "a", "label": "",
    "sealed_subscription": "x", "created_at": NOON,
}  # fmt: skip
CHANNEL = {"channel_id": "chn_1", "kind": "webhook", "name": "", "address": "", "created_at": NOON, "failures": 0}
DELIVERY = {
    "delivery_id": "msg_1", "channel_id": "chn_1", "lane": "x", "attempts": 0, "due_at": NOON, "expires_at": NOON,
    "created_at": NOON, "message": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (vapid_keys, KEY),
        (push_subscriptions, DEVICE),
        (push_subscriptions, {**DEVICE, "endpoint_hash": b"short"}),
        (channels, {**CHANNEL, "organization_id": "nobody"}),
        (channels, {**CHANNEL, "kind": "pigeon"}),
        (channels, {**CHANNEL, "failures": -1}),
        (channels, {**CHANNEL, "disabled_at": NOON}),
        (channels, {**CHANNEL, "disabled_reason": "gone"}),
        (deliveries, {**DELIVERY, "organization_id": "nobody"}),
        (deliveries, {**DELIVERY, "attempts": -1}),
    ],
)
async def test_the_database_refuses_what_is_not_true(database: Database, table: Any, row: dict[str, object]) -> None:
    organization_id = (await log_world(database, "alpha")).scope("alpha").organization_id
    owned = {"organization_id": organization_id} if "organization_id" in table.c else {}
    with pytest.raises(StorageConflictError):
        async with database.write() as connection:
            await connection.execute(insert(table).values({**owned, **row}))


async def test_the_database_takes_what_is_true(database: Database) -> None:
    organization_id = (await log_world(database, "alpha")).scope("alpha").organization_id
    async with database.write() as connection:
        await connection.execute(insert(vapid_keys).values({**KEY, "row_id": 1}))
        for table, row in ((channels, CHANNEL), (deliveries, DELIVERY)):
            await connection.execute(insert(table).values({"organization_id": organization_id, **row}))
