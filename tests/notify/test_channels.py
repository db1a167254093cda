from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import select
from tests.support.post_world import SECRET_WORDS, VAULT_KEY, PostWorld, post_world, refused

from ponteio.model.outcome import (
    INVALID_REQUEST,
    NOT_FOUND,
    NOT_INSTALLED,
    SECRET_UNREADABLE,
    TOO_MANY_CHANNELS,
    RefusalError,
)
from ponteio.notify.channels import MAX_CHANNELS, MAX_OVERLAP, Channels
from ponteio.storage.database import Database
from ponteio.storage.notify_tables import channels, deliveries
from ponteio.storage.vault import Vault
from ponteio.tenancy.sealed_rows import reseal


@pytest.fixture
async def world(database: Database) -> AsyncIterator[PostWorld]:
    async with post_world(database) as opened:
        yield opened


async def target_of(world: PostWorld, channel_id: str, desk: Channels | None = None):  # type: ignore[no-untyped-def]
    opened = await (desk or world.office.channels).opened(world.organization_id, channel_id)
    assert opened is not None
    return opened.target


async def test_a_webhook_is_made_changed_and_removed(world: PostWorld) -> None:
    desk, org = world.office.channels, world.organization_id
    made, secret = await world.webhook(SECRET_WORDS, header=("X-Key", "header secret"))
    assert (made.address, made.header_name, made.name) == ("https://n8n.example/…", "X-Key", "hook")
    assert await desk.list(org) == [made]
    assert await desk.get(org, made.channel_id) == made
    target = await target_of(world, made.channel_id)
    assert (target.url, target.secrets, target.header) == (SECRET_WORDS, (secret,), ("X-Key", "header secret"))
    changed = await desk.change(org, made.channel_id, {"name": " other ", "url": "http://n8n.example", "header": None})
    assert (changed.name, changed.address, changed.header_name) == ("other", "http://n8n.example", None)
    target = await target_of(world, made.channel_id)
    assert (target.url, target.secrets, target.header) == ("http://n8n.example", (secret,), None)
    await world.send(made)
    await desk.remove(org, made.channel_id)
    assert await desk.list(org) == []
    async with world.database.read() as connection:
        assert (await connection.execute(select(deliveries))).all() == []
    assert await refused(desk.remove(org, made.channel_id)) is NOT_FOUND


async def test_another_organizations_channel_is_not_there(world: PostWorld) -> None:
    """I4: whatever is asked about it, as about one that nobody has."""
    desk = world.office.channels
    made, _ = await world.webhook(SECRET_WORDS)
    for channel_id in (made.channel_id, "chn_0123456789abcdef01234567"):
        for call in (
            desk.get(world.other_id, channel_id),
            desk.change(world.other_id, channel_id, {"enabled": False}),
            desk.rotate(world.other_id, channel_id, timedelta(0)),
            desk.remove(world.other_id, channel_id),
        ):
            assert await refused(call) is NOT_FOUND
        assert await desk.opened(world.other_id, channel_id) is None
        assert await desk.unknown(world.other_id, [channel_id]) == {channel_id}
    assert await desk.list(world.other_id) == []
    assert await desk.get(world.organization_id, made.channel_id) == made
    assert await desk.unknown(world.organization_id, [made.channel_id, "chn_x"]) == {"chn_x"}


async def test_nothing_secret_is_stored_in_the_open_and_all_of_it_can_be_sealed_anew(world: PostWorld) -> None:
    """I5: a vault key that got out is worthless once everything is sealed anew."""
    made, secret = await world.webhook(SECRET_WORDS, header=("X-Key", "header secret"))
    async with world.database.read() as connection:
        text = str((await connection.execute(select(channels))).all())
    assert not any(word in text for word in (secret, "a-secret-path", "header secret"))
    new = Vault.new_key()
    assert await reseal(world.database, Vault([new, VAULT_KEY])) == 1
    desk = world.another(vault=Vault([new])).channels
    assert (await target_of(world, made.channel_id, desk)).secrets == (secret,)
    assert await refused(world.office.channels.opened(world.organization_id, made.channel_id)) is SECRET_UNREADABLE
    off = await world.office.channels.change(world.organization_id, made.channel_id, {"enabled": False, "name": "x"})
    assert off.disabled_reason == "by_hand"
    call = world.office.channels.change(world.organization_id, made.channel_id, {"url": SECRET_WORDS})
    assert await refused(call) is SECRET_UNREADABLE


async def test_while_a_secret_is_replaced_both_are_used(world: PostWorld) -> None:
    desk, org = world.office.channels, world.organization_id
    made, first = await world.webhook(SECRET_WORDS)
    changed, second = await desk.rotate(org, made.channel_id, timedelta(hours=1))
    assert changed.old_secret_until == world.clock() + timedelta(hours=1)
    assert (await target_of(world, made.channel_id)).secrets == (second, first)
    world.turn(3_601)
    assert (await target_of(world, made.channel_id)).secrets == (second,)
    _, third = await desk.rotate(org, made.channel_id, timedelta(days=99))
    assert (await target_of(world, made.channel_id)).secrets == (third, second)
    world.turn(MAX_OVERLAP.total_seconds() + 1)
    assert (await target_of(world, made.channel_id)).secrets == (third,)
    changed, fourth = await desk.rotate(org, made.channel_id, timedelta(0))
    assert changed.old_secret_until is None
    assert (await target_of(world, made.channel_id)).secrets == (fourth,)
    people = await world.web_push()
    assert await refused(desk.rotate(org, people.channel_id, timedelta(0))) is INVALID_REQUEST


async def test_a_change_does_not_undo_what_somebody_else_sealed_meanwhile(world: PostWorld) -> None:
    desk, org = world.office.channels, world.organization_id
    made, _ = await world.webhook(SECRET_WORDS)
    row = await desk._row(org, made.channel_id)
    _, secret = await desk.rotate(org, made.channel_id, timedelta(0))
    assert await refused(desk._put(org, made.channel_id, row.sealed_settings, {"name": "late"})) is NOT_FOUND
    assert (await target_of(world, made.channel_id)).secrets == (secret,)


async def test_web_push_reaches_members_alone(world: PostWorld) -> None:
    desk, org = world.office.channels, world.organization_id
    ana, stranger = await world.person("ana"), await world.person("otto", organization_id=world.other_id)
    made = await world.web_push(users=[ana, ana])
    assert made.user_ids == (ana,)
    assert (await desk.change(org, made.channel_id, {"users": None})).user_ids is None
    for users in ([stranger], ["usr_0123456789abcdef01234567"], [ana, stranger], [f"usr_{n}" for n in range(300)]):
        assert await refused(desk.create(org, "web_push", "people", users=users)) is INVALID_REQUEST
        assert await refused(desk.change(org, made.channel_id, {"users": users})) is INVALID_REQUEST


@pytest.mark.parametrize(
    "wanted",
    [
        {"kind": "webhook"},
        {"kind": "apprise"},
        {"kind": "webhook", "url": "ftp://a.example"},
        {"kind": "webhook", "url": "https://user:pw@a.example"},
        {"kind": "webhook", "url": SECRET_WORDS, "users": ["usr_1"]},
        {"kind": "webhook", "url": SECRET_WORDS, "header": ("Host", "x")},
        {"kind": "webhook", "url": SECRET_WORDS, "header": ("X", "a\nb")},
        {"kind": "webhook", "url": SECRET_WORDS, "name": " "},
        {"kind": "webhook", "url": SECRET_WORDS, "name": "x" * 101},
        {"kind": "web_push", "url": SECRET_WORDS},
        {"kind": "web_push", "header": ("X", "y")},
        {"kind": "apprise", "url": "json://a.example"},
        {"kind": "apprise", "url": "tgram://nonsense"},
        {"kind": "apprise", "url": "ntfy://topic", "header": ("X", "y")},
    ],
)
async def test_what_cannot_be_is_refused_and_repeats_nothing(world: PostWorld, wanted: dict[str, object]) -> None:
    given = {"name": "channel", **wanted}
    with pytest.raises(RefusalError) as error:
        await world.office.channels.create(world.organization_id, **given)  # type: ignore[arg-type]
    assert error.value.outcome is INVALID_REQUEST
    assert "secret" not in str(error.value)
    assert await world.office.channels.list(world.organization_id) == []


async def test_apprise_is_a_channel_like_others(world: PostWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, org = world.office.channels, world.organization_id
    made, secret = await desk.create(org, "apprise", "phone", url="ntfys://ntfy.example/a-secret-topic")
    assert (made.address, secret) == ("ntfys://ntfy.example/…", None)
    assert (await target_of(world, made.channel_id)).url == "ntfys://ntfy.example/a-secret-topic"
    assert dict(desk.kinds) == {"web_push": True, "webhook": True, "apprise": True}
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert dict(desk.kinds) == {"web_push": True, "webhook": True, "apprise": False}
    assert await refused(desk.create(org, "apprise", "phone", url="ntfy://x")) is NOT_INSTALLED


async def test_switched_off_and_on(world: PostWorld) -> None:
    desk, org = world.office.channels, world.organization_id
    made = await world.web_push()
    off = await desk.change(org, made.channel_id, {"enabled": False})
    assert (off.disabled_at, off.disabled_reason) == (world.clock(), "by_hand")
    world.turn(5)
    assert await desk.change(org, made.channel_id, {"enabled": False}) == off
    assert await desk.change(org, made.channel_id, {}) == off
    assert await desk.change(org, made.channel_id, {"enabled": True}) == made


async def test_there_are_not_too_many(world: PostWorld) -> None:
    for _ in range(MAX_CHANNELS):
        await world.web_push()
    assert await refused(world.web_push()) is TOO_MANY_CHANNELS
    await world.webhook(SECRET_WORDS, organization_id=world.other_id)
