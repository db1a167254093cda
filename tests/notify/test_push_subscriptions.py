from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select
from tests.support.post_world import VAULT_KEY, PostWorld, post_world, refused
from tests.support.push_endpoint import PushService
from tests.support.webhook_receiver import Receiver

from ponteio.model.outcome import INVALID_REQUEST, NOT_FOUND, SECRET_UNREADABLE
from ponteio.model.rights import Role
from ponteio.notify.push_subscriptions import FAILING_KEPT, MAX_DEVICES, PushSubscriptions, note_push
from ponteio.storage.database import Database
from ponteio.storage.notify_tables import push_subscriptions
from ponteio.storage.vault import Vault
from ponteio.tenancy.sealed_rows import reseal

KEYS = {
    "p256dh": "BFgB9kKuYJPdC1t9cYGdXw2tdYsmsrHNOdGC-8SfLH_i618ufDM2gqkDIzqjXC0SRFKbERoXeTuc_nb7oCHfHZ4",
    "auth": "AAAAAAAAAAAAAAAAAAAAAA",
}


@pytest.fixture
async def world(database: Database) -> AsyncIterator[PostWorld]:
    async with post_world(database) as opened:
        yield opened


def endpoint(name: str) -> str:
    return f"https://push.example/{name}"


async def test_devices_come_and_go(world: PostWorld) -> None:
    ana, bia = await world.person("ana"), await world.person("bia")
    devices = world.office.devices
    made = await devices.add(ana, endpoint("a"), KEYS["p256dh"], KEYS["auth"], "Firefox on Linux")
    assert (made.label, made.host, made.user_id) == ("Firefox on Linux", "push.example", ana)
    assert await devices.list(ana) == [made]
    assert await devices.list(bia) == []
    assert await refused(devices.remove(bia, made.subscription_id)) is NOT_FOUND
    await devices.remove(ana, made.subscription_id)
    assert await refused(devices.remove(ana, made.subscription_id)) is NOT_FOUND
    assert await devices.list(ana) == []


async def test_a_browser_belongs_to_whoever_registered_it_last(world: PostWorld) -> None:
    ana, bia = await world.person("ana"), await world.person("bia")
    devices = world.office.devices
    first = await devices.add(ana, endpoint("a"), **KEYS)
    second = await devices.add(bia, endpoint("a"), **KEYS)
    assert await devices.list(ana) == []
    assert await devices.list(bia) == [second]
    assert first.subscription_id != second.subscription_id
    again = await devices.add(bia, endpoint("a"), **KEYS)
    assert await devices.list(bia) == [again]


async def test_of_one_person_twenty_stay_those_used_last(world: PostWorld) -> None:
    ana = await world.person("ana")
    made = []
    for number in range(MAX_DEVICES):
        made.append(await world.office.devices.add(ana, endpoint(str(number)), **KEYS))
        world.turn(1)
    async with world.database.write() as connection:
        await note_push(connection, made[0].subscription_id, world.clock(), delivered=True)
    for number in range(2):
        world.turn(1)
        made.append(await world.office.devices.add(ana, endpoint(f"new{number}"), **KEYS))
    kept = {one.subscription_id for one in await world.office.devices.list(ana)}
    assert kept == {one.subscription_id for one in made} - {made[1].subscription_id, made[2].subscription_id}


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "http://push.example/a"},
        {"endpoint": "https://user@push.example/a"},
        {"endpoint": "https://push.example/" + "a" * 2_048},
        {"endpoint": ""},
        {"p256dh": "A" * 87},
        {"auth": "AAAA"},
    ],
)
async def test_what_is_no_subscription_is_refused(world: PostWorld, change: dict[str, str]) -> None:
    ana = await world.person("ana")
    given = {"endpoint": endpoint("a"), **KEYS, **change}
    assert await refused(world.office.devices.add(ana, **given)) is INVALID_REQUEST
    assert await world.office.devices.list(ana) == []


async def test_what_is_stored_is_sealed_and_can_be_sealed_anew(world: PostWorld) -> None:
    """I5: whoever has the database has no endpoint and no key of it."""
    ana = await world.person("ana")
    await world.office.devices.add(ana, endpoint("secret-part"), **KEYS)
    async with world.database.read() as connection:
        row = (await connection.execute(select(push_subscriptions))).one()
    assert "secret-part" not in str(row)
    new = Vault.new_key()
    assert await reseal(world.database, Vault([new, VAULT_KEY])) == 1
    (keys,) = (await PushSubscriptions(world.database, Vault([new])).keys_of(ana)).values()
    assert (keys.endpoint, keys.p256dh, keys.auth) == (endpoint("secret-part"), KEYS["p256dh"], KEYS["auth"])
    assert await refused(world.office.devices.keys_of(ana)) is SECRET_UNREADABLE


async def test_who_is_reached(world: PostWorld) -> None:
    """I4: members of the organization while they are, and nobody else."""
    service, org = PushService(Receiver(1, "https", None)), world.organization_id
    ana, vera = await world.person("ana"), await world.person("vera", Role.VIEWER)
    alien = await world.person("otto", Role.ADMIN, world.other_id)
    ids = {who: (await world.device(service, who))[1] for who in (ana, vera, alien)}
    devices = world.office.devices
    assert dict(await devices.reached(org, None)).keys() == {ids[ana], ids[vera]}
    assert dict(await devices.reached(org, [vera, alien])).keys() == {ids[vera]}
    assert await devices.reached(org, []) == []
    mine, hers = await devices.open_for(org, ids[ana], None), await devices.open_for(org, ids[vera], [vera])
    assert mine is not None
    assert hers is not None
    assert (mine[1], hers[1]) == (True, False)
    assert await devices.open_for(org, ids[alien], None) is None
    assert await devices.open_for(org, ids[ana], [vera]) is None
    await world.accounts.disable(vera)
    assert await devices.open_for(org, ids[vera], None) is None
    await world.directory.set_disabled(org, True)
    assert await devices.reached(org, None) == []
    assert await devices.open_for(org, ids[ana], None) is None


async def test_what_nothing_reaches_is_forgotten(world: PostWorld) -> None:
    ana = await world.person("ana")
    ill = await world.office.devices.add(ana, endpoint("a"), **KEYS)
    well = await world.office.devices.add(ana, endpoint("b"), **KEYS)
    async with world.database.write() as connection:
        for one in (ill, well):
            await note_push(connection, one.subscription_id, world.clock(), delivered=False)
    world.turn(FAILING_KEPT.total_seconds() - 1)
    async with world.database.write() as connection:
        await note_push(connection, ill.subscription_id, world.clock(), delivered=False)
        await note_push(connection, well.subscription_id, world.clock(), delivered=True)
    assert await world.office.devices.prune() == 0
    world.turn(2)
    assert await world.office.devices.prune() == 1
    (left,) = await world.office.devices.list(ana)
    assert (left.subscription_id, left.failing_since) == (well.subscription_id, None)
