from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.support.post_world import PostWorld, world_with_push, world_with_receiver
from tests.support.push_endpoint import PushService
from tests.support.simulator import until
from tests.support.webhook_receiver import Receiver, answering, receiver, resetting, silent

from ponteio.model.rights import Role
from ponteio.notify.delivery_claims import FAILING_DAYS, LEASE
from ponteio.notify.delivery_worker import WorkerOptions
from ponteio.notify.http_post import PostOptions
from ponteio.notify.retries import DELAYS_S, MAX_TRIES
from ponteio.outbound.address_policy import AddressPolicy
from ponteio.outbound.connector import Connector
from ponteio.storage.database import Database

Here = tuple[PostWorld, Receiver]
Pushing = tuple[PostWorld, PushService]


@pytest.fixture
async def here(database: Database) -> AsyncIterator[Here]:
    async with world_with_receiver(database) as opened:
        yield opened


@pytest.fixture
async def pushing(database: Database, tmp_path: Path) -> AsyncIterator[Pushing]:
    async with world_with_push(database, tmp_path) as opened:
        yield opened


async def test_a_message_arrives_signed_and_nothing_of_it_is_kept(here: Here) -> None:
    world, server = here
    channel, secret = await world.webhook(server.url + "/hook?key=1", header=("X-N8n", "token"))
    async with world.working():
        assert await world.send(channel, data={"instance": "loja-01"}, content="Olá") == 1
        (call,) = await server.has(1)
        await world.settled(channel, "delivered")
    said = call.verified(secret)
    assert said["type"] == "alert.firing"
    assert said["data"] | {} == {
        "title": "loja-01 is down",
        "body": "Since 14:05.",
        "url": "/incidents/1",
        "tag": "incident-1",
        "urgency": "normal",
        "organization": world.organization_id,
        "incident": None,
        "content": "Olá",
        "details": {"instance": "loja-01"},
    }
    assert (call.method, call.path, call.headers["x-n8n"]) == ("POST", "/hook?key=1", "token")
    (record,) = await world.office.deliveries.history(world.organization_id, channel.channel_id, 10)
    assert (record.delivery_id, record.status, record.attempts) == (call.headers["webhook-id"], 204, 1)
    assert record.next_at is None
    assert world.counters.total("deliveries_delivered") == 1
    async with world.database.read() as connection:
        kept = (await connection.exec_driver_sql("SELECT message FROM deliveries")).scalars().all()
    assert kept == [""]
    assert (await world.office.channels.get(world.organization_id, channel.channel_id)).delivered_at is not None


async def test_what_fails_is_tried_again_with_the_same_id_until_it_arrives(here: Here) -> None:
    world, server = here
    channel, secret = await world.webhook(server.url)
    server.behave = answering(503)
    async with world.working():
        await world.send(channel)
        for tries in range(1, 4):
            await world.settled(channel, "rejected", attempts=tries)
            (record,) = await world.office.deliveries.history(world.organization_id, channel.channel_id, 1)
            assert record.next_at is not None
            wait_s = (record.next_at - world.clock()).total_seconds()
            assert 0.8 * DELAYS_S[tries - 1] <= wait_s <= DELAYS_S[tries - 1]
            if tries == 3:
                server.behave = answering(200)
            world.turn(wait_s)
        await world.settled(channel, "delivered", attempts=4)
    ids = {call.headers["webhook-id"] for call in server.calls}
    assert (len(server.calls), len(ids)) == (4, 1)
    for call in server.calls[:1]:
        call.verified(secret)
    assert len({call.body for call in server.calls}) == 1
    channel = await world.office.channels.get(world.organization_id, channel.channel_id)
    assert (channel.failures, channel.failing_since) == (0, None)


async def test_eight_tries_are_enough(here: Here) -> None:
    world, server = here
    channel, _ = await world.webhook(server.url)
    server.behave = answering(500)
    async with world.working():
        await world.send(channel, valid_s=100_000)
        for tries in range(1, MAX_TRIES + 1):
            await world.settled(channel, "rejected", attempts=tries)
            world.turn(DELAYS_S[min(tries, MAX_TRIES - 1) - 1])
        (record,) = await world.office.deliveries.history(world.organization_id, channel.channel_id, 1)
        assert record.finished_at is not None
        assert record.attempts == MAX_TRIES


async def test_what_is_worth_nothing_any_more_is_not_delivered(here: Here) -> None:
    world, server = here
    channel, _ = await world.webhook(server.url)
    await world.send(channel, valid_s=60)
    world.turn(61)
    async with world.working():
        await world.settled(channel, "expired")
    assert server.calls == []


async def test_retry_after_is_kept_to(here: Here) -> None:
    world, server = here
    channel, _ = await world.webhook(server.url)
    server.behave = answering(429, "retry-after: 600")
    async with world.working():
        await world.send(channel)
        await world.settled(channel, "rejected")
        (record,) = await world.office.deliveries.history(world.organization_id, channel.channel_id, 1)
        assert record.next_at is not None
        assert (record.next_at - world.clock()).total_seconds() == pytest.approx(600, abs=1)


@pytest.mark.parametrize("where", ["http://127.0.0.1:9/", "http://169.254.169.254/latest/meta-data"])
async def test_a_redirect_is_not_followed(here: Here, where: str) -> None:
    world, server = here
    channel, _ = await world.webhook(server.url)
    server.behave = answering(302, f"location: {where}")
    async with receiver() as inside, world.working():
        await world.send(channel)
        await world.settled(channel, "rejected")
        assert inside.calls == []
    (record,) = await world.office.deliveries.history(world.organization_id, channel.channel_id, 1)
    assert record.status == 302
    assert "redirects are not followed" in str(record.detail)


async def test_an_address_that_may_not_be_reached_is_not_tried_again(database: Database) -> None:
    async with world_with_receiver(database) as (world, server):
        channel, _ = await world.webhook(server.url)
        office = world.another(post=PostOptions())
        async with world.working(office):
            await world.send(channel)
            await world.settled(channel, "address_refused")
        (record,) = await world.office.deliveries.history(world.organization_id, channel.channel_id, 1)
        assert record.finished_at is not None
        assert server.calls == []


async def test_a_name_that_changes_between_check_and_connection_leads_nowhere(database: Database) -> None:
    """Each connection goes to the address that was checked for it, whatever the name says a moment later."""
    answers = ["203.0.113.9", "127.0.0.1"]

    async def resolver(_host: str, _port: int) -> list[str]:
        return [answers.pop(0)] if len(answers) > 1 else answers[:]

    async with world_with_receiver(database) as (world, server):
        channel, _ = await world.webhook(f"http://rebinding.example:{server.port}/")
        office = world.another(post=PostOptions(connector=Connector(AddressPolicy(), resolver)))
        async with world.working(office):
            await world.send(channel)
            await world.settled(channel, "address_refused")
            await world.send(channel)
            await world.settled(channel, "address_refused", "address_refused")
        assert server.calls == []


async def test_a_dead_server_delays_nobody_else(database: Database) -> None:
    options = WorkerOptions(tries=10, per_organization=8, per_lane=4, idle_s=0.05)
    async with receiver() as dead, world_with_receiver(database, worker=options) as (world, alive):
        dead.behave = silent
        hanging, _ = await world.webhook(dead.url)
        well, _ = await world.webhook(alive.url)
        other, _ = await world.webhook(alive.url, organization_id=world.other_id)
        for _ in range(150):
            await world.send(hanging)
        async with world.working():
            await until(lambda: len(dead.calls) == 4)
            for _ in range(20):
                await world.send(well)
            await world.office.deliveries.send(world.other_id, [other.channel_id], world.message())
            await alive.has(21, timeout_s=5)
        assert len(dead.calls) == 4


async def test_a_server_that_never_answers_is_spared(here: Here) -> None:
    world, server = here
    channel, _ = await world.webhook(server.url)
    server.behave = resetting
    async with world.working():
        for _ in range(30):
            await world.send(channel)
        await until(lambda: world.counters.total("deliveries_unreachable") >= 5)
        await asyncio.sleep(0.3)
    assert 5 <= len(server.calls) <= 9


async def test_killed_between_sending_and_writing_down_it_is_sent_again_with_the_same_id(here: Here) -> None:
    world, server = here
    channel, secret = await world.webhook(server.url)
    await world.send(channel)
    first, second = world.another(), world.another()
    claims = first.worker._claims
    (claim,) = await claims.claim(await claims.due((), ()))
    attempt, _ = await first.worker._dispatcher.attempt(claim)
    assert attempt.is_delivered
    async with world.working(second):
        await asyncio.sleep(0.2)
        assert len(server.calls) == 1
        world.turn(LEASE.total_seconds())
        await world.settled(channel, "delivered", attempts=2)
    assert len({call.headers["webhook-id"] for call in server.calls}) == 1
    server.calls[0].verified(secret)


async def test_several_processes_send_each_message_once(database: Database, database_url: str) -> None:
    async with world_with_receiver(database) as (world, server):
        channel, _ = await world.webhook(server.url)
        elsewhere = await Database.open(database_url, checkpoints=False)
        for _ in range(60):
            await world.send(channel)
        async with world.working(), world.working(world.another(database=elsewhere)), world.working(world.another()):
            await world.settled(channel, *["delivered"] * 60)
        await elsewhere.close()
        assert len({call.headers["webhook-id"] for call in server.calls}) == len(server.calls) == 60


async def test_an_orderly_end_lets_the_next_go_on_at_once(here: Here) -> None:
    world, server = here
    channel, _ = await world.webhook(server.url)
    server.behave = silent
    async with world.working():
        await world.send(channel)
        await server.has(1)
    server.behave = answering(204)
    async with world.working(world.another()):
        await world.settled(channel, "delivered", attempts=2)
    assert len({call.headers["webhook-id"] for call in server.calls}) == 1


async def test_a_channel_that_failed_for_days_is_switched_off_and_says_why(here: Here) -> None:
    world, server = here
    channel, _ = await world.webhook(server.url)
    server.behave = answering(500)
    async with world.working():
        for number in range(2, 11, 2):
            await world.send(channel, valid_s=1)
            await world.send(channel, valid_s=1)
            await world.settled(channel, *["rejected"] * number)
            found = await world.office.channels.get(world.organization_id, channel.channel_id)
            assert found.disabled_at is None
            world.turn(FAILING_DAYS.total_seconds() / 5)
        await world.send(channel)
        await world.settled(channel, *["rejected"] * 10, "stopped")
        async with asyncio.timeout(10):
            while not await world.audit.list(world.organization_id, limit=1):
                await asyncio.sleep(0.01)
    found = await world.office.channels.get(world.organization_id, channel.channel_id)
    assert found.disabled_reason == "failing"
    assert await world.send(channel) == 0
    entries = await world.audit.list(world.organization_id, limit=5)
    assert [(entry.action, entry.target, entry.actor.kind) for entry in entries] == [
        ("channel.stopped", channel.channel_id, "gateway")
    ]
    back = await world.office.channels.change(world.organization_id, channel.channel_id, {"enabled": True})
    assert (back.disabled_at, back.failures, back.failing_since) == (None, 0, None)


async def test_gone_is_gone_and_what_waits_is_stopped(here: Here) -> None:
    world, server = here
    channel, _ = await world.webhook(server.url)
    server.behave = answering(503)
    async with world.working():
        await world.send(channel)
        await world.settled(channel, "rejected")
        server.behave = answering(410)
        await world.send(channel)
        await world.settled(channel, "gone", "stopped")
    found = await world.office.channels.get(world.organization_id, channel.channel_id)
    assert found.disabled_reason == "gone"


async def test_pushes_reach_the_devices_of_all_members_and_are_what_they_should_be(pushing: Pushing) -> None:
    world, service = pushing
    admin, viewer = await world.person("ana"), await world.person("vera", Role.VIEWER)
    stranger = await world.person("otto", Role.ADMIN, world.other_id)
    laptop, _ = await world.device(service, admin)
    phone, _ = await world.device(service, viewer)
    foreign, _ = await world.device(service, stranger)
    channel = await world.web_push()
    async with world.working():
        await world.send(channel, content="Olá, tudo bem?", incident_id="inc_1", valid_s=600)
        await world.settled(channel, "delivered", "delivered")
    (mine,), (hers,) = service.pushes(laptop), service.pushes(phone)
    assert service.pushes(foreign) == []
    assert mine.notification["title"] == "loja-01 is down"
    assert mine.notification["navigate"] == "https://ponteio.example/incidents/1"
    assert mine.notification["body"] == "Since 14:05.\nOlá, tudo bem?"
    assert hers.notification["body"] == "Since 14:05.", "who may not read content is not pushed it"
    assert mine.notification["data"]["incident"] == "inc_1"
    assert mine.claims["sub"] == "mailto:ops@example.com"
    assert (mine.call.headers["ttl"], mine.call.headers["urgency"]) == ("600", "normal")
    assert mine.call.headers["topic"] == hers.call.headers["topic"]
    assert len(mine.plain) == len(hers.plain) == 1024
    assert mine.call.body != hers.call.body


async def test_only_chosen_members_and_only_while_they_are(pushing: Pushing) -> None:
    """I4: who may hear is asked when something is sent, not when it was set up."""
    world, service = pushing
    ana, bia, caio = [await world.person(name) for name in ("ana", "bia", "caio")]
    browsers = {who: (await world.device(service, who))[0] for who in (ana, bia, caio)}
    channel = await world.web_push(users=[ana, bia])
    async with world.working():
        await world.send(channel)
        await world.settled(channel, "delivered", "delivered")
        await world.memberships.remove(world.organization_id, bia)
        await world.send(channel)
        await world.settled(channel, *["delivered"] * 3)
        await world.accounts.disable(ana)
        await world.send(channel)
        await world.settled(channel, *["delivered"] * 3, "no_device")
    assert [len(service.pushes(browsers[who])) for who in (ana, bia, caio)] == [2, 1, 0]


async def test_a_member_who_leaves_while_a_push_waits_does_not_get_it(pushing: Pushing) -> None:
    world, service = pushing
    ana, bia = await world.person("ana"), await world.person("bia")
    browser, _ = await world.device(service, bia)
    service.http.by_path[browser.path] = answering(503)
    channel = await world.web_push()
    async with world.working():
        await world.send(channel)
        await world.settled(channel, "rejected")
        await world.memberships.remove(world.organization_id, bia)
        service.http.by_path[browser.path] = answering(201)
        world.turn(5)
        await world.settled(channel, "stopped", attempts=2)
    assert len(service.http.calls) == 1
    assert ana


async def test_nothing_leaves_a_disabled_organization(here: Here) -> None:
    """I10: what it had handed in before stays where it is."""
    world, server = here
    channel, _ = await world.webhook(server.url)
    await world.send(channel)
    await world.directory.set_disabled(world.organization_id, True)
    async with world.working():
        await world.settled(channel, "stopped")
    assert server.calls == []


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_gone_is_forgotten(pushing: Pushing, status: int) -> None:
    world, service = pushing
    ana = await world.person("ana")
    dead, _ = await world.device(service, ana)
    alive, kept = await world.device(service, ana)
    service.http.by_path[dead.path] = answering(status)
    channel = await world.web_push()
    async with world.working():
        await world.send(channel)
        await world.settled(channel, "delivered", "gone")
    assert [one.subscription_id for one in await world.office.devices.list(ana)] == [kept]
    assert (await world.office.channels.get(world.organization_id, channel.channel_id)).disabled_at is None
    assert len(service.pushes(alive)) == 1


async def test_a_push_that_is_too_large_is_sent_smaller(pushing: Pushing) -> None:
    world, service = pushing
    ana = await world.person("ana")
    browser, _ = await world.device(service, ana)

    async def picky(call, writer):  # type: ignore[no-untyped-def]
        await answering(413 if len(call.body) > 1_500 else 201)(call, writer)

    service.http.by_path[browser.path] = picky
    channel = await world.web_push()
    async with world.working():
        await world.send(channel, content="ã" * 3_000, body="b" * 3_000)
        await world.settled(channel, "delivered")
    large, small = service.pushes(browser)
    assert len(large.call.body) <= 4_096
    assert len(small.call.body) <= 1_500
    assert small.notification["title"] == "loja-01 is down"
    assert "ã" not in small.notification["body"]


async def test_a_busy_push_service_is_asked_later(pushing: Pushing) -> None:
    world, service = pushing
    browser, _ = await world.device(service, await world.person("ana"))
    service.http.by_path[browser.path] = answering(429, "retry-after: 90")
    channel = await world.web_push()
    async with world.working():
        await world.send(channel, valid_s=300)
        await world.settled(channel, "rejected")
        service.http.by_path[browser.path] = answering(201)
        world.turn(89)
        await asyncio.sleep(0.1)
        assert len(service.http.calls) == 1
        world.turn(2)
        await world.settled(channel, "delivered", attempts=2)
    assert service.pushes(browser)[1].call.headers["ttl"] == "209"


async def test_a_database_that_is_away_ends_nothing_and_no_secret_is_logged(here: Here) -> None:
    world, server = here
    channel, secret = await world.webhook(server.url + "/a-secret-path")
    with capture_logs() as lines:
        async with world.working():
            await world.send(channel)
            await world.settled(channel, "delivered")
            await world.database.close()
            world.office.deliveries.wake()
            await until(lambda: any("wait for the database" in line["event"] for line in lines))
    assert secret not in str(lines)
    assert "a-secret-path" not in str(lines)


async def test_a_fault_of_ours_costs_one_try_and_no_more(here: Here) -> None:
    world, server = here
    channel, _ = await world.webhook(server.url)

    async def broken(_claim: object) -> None:
        raise ZeroDivisionError("with a secret in it")

    office = world.another()
    office.worker._dispatcher.attempt = broken  # type: ignore[method-assign, assignment]
    with capture_logs() as lines:
        async with world.working(office):
            await world.send(channel)
            await until(lambda: world.counters.total("deliveries_broken"))
    assert [line["error"] for line in lines if line["log_level"] == "error"] == ["ZeroDivisionError"]
    assert "secret" not in str(lines)
    async with world.working():
        world.turn(LEASE.total_seconds())
        await world.settled(channel, "delivered", attempts=2)


def test_the_options_of_the_house_are_bounded() -> None:
    options = WorkerOptions()
    assert options.per_lane <= options.per_organization <= options.tries <= 100
