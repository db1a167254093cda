"""A right that is taken away ends at once, for open sockets too: in the whole house, by REST or by other processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.oracle.traffic import say
from tests.support.gateway_edge import decoded_event
from tests.support.house import holds
from tests.support.people_world import PASSWORD
from tests.support.plain_socket import PlainSocket, own_page, plain_socket
from tests.support.two_tenants import Somebody, Tenant, TwoTenants, make_key, two_tenants

from ponteio.commands.office import office
from ponteio.foundation import Foundation
from ponteio.model.event import AddressedEvent
from ponteio.model.rights import Role

WITHIN_S = 2.0
ENDED = {"revoked", "access_changed", "organization_disabled"}

TOTAL, EVENT_BYTES = 3_000, 24_000
"""A replay that no buffer between the gateway and a client that does not read can hold: 72 MB."""


class Lag:
    """How long others kept the loop, or the machine, from running since `begin`: no fault of the gateway's."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @asynccontextmanager
    async def measured(self) -> AsyncIterator[Lag]:
        task = asyncio.create_task(self._beat())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _beat(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            await asyncio.sleep(0.01)
            self.seconds += max(0.0, clock() - began - 0.02)


@dataclass
class Open:
    """Sockets that are open, by the name of their credential."""

    here: TwoTenants
    stack: AsyncExitStack
    sockets: dict[str, PlainSocket] = field(default_factory=dict)

    async def add(self, name: str, token: str | None = None, **options: Any) -> PlainSocket:
        client = await self.stack.enter_async_context(plain_socket(self.here.url, token, name=name, **options))
        assert client.named("ready"), f"{name}: {client.texts}"
        self.sockets[name] = client
        return client

    async def person(self, name: str, who: Somebody, **options: Any) -> PlainSocket:
        return await self.add(name, headers=own_page(self.here.url, who.headers["Cookie"]), **options)

    async def end(self, ended: set[str], act: Callable[[], Awaitable[object]]) -> dict[str, str]:
        """After `act` exactly the sockets named in `ended` have been told why and closed, in time: with what codes."""
        clock = asyncio.get_running_loop().time
        async with Lag().measured() as lag:
            await act()
            done_at = clock()
            for name in ended:
                await holds(f"{name} is told", lambda: self.sockets[name].goodbye, within_s=8)  # noqa: B023
            took_s = clock() - done_at
        assert took_s < WITHIN_S + lag.seconds, f"it took {took_s:.2f} s, {lag.seconds:.2f} s of them not ours"
        for name in ended:
            await self.sockets[name].ends()
        for name, client in self.sockets.items():
            if name not in ended:
                assert client.goodbye is None, f"{name} was closed too: {client.goodbye}"
                assert not client.has_ended
        codes = {name: str(self.sockets[name].goodbye) for name in ended}
        assert set(codes.values()) <= ENDED
        return codes


@pytest.fixture
async def here(tmp_path: Path, database_url: str) -> AsyncIterator[TwoTenants]:
    async with two_tenants(tmp_path, database_url, global_events=True) as opened:
        await opened.house.is_linked(opened.operator_key.secret)
        yield opened


@pytest.fixture
async def sockets(here: TwoTenants) -> AsyncIterator[Open]:
    """One socket for each kind of credential of acme, and one of beta's, which nothing here concerns."""
    async with AsyncExitStack() as stack:
        opened = Open(here, stack)
        await opened.add("key", here.acme.keys["all"].secret)
        await opened.add("ticket", await here.ticket(here.acme))
        await opened.add("token", here.acme.jwt())
        for role in (Role.ADMIN, Role.AGENT, Role.VIEWER):
            await opened.person(role.value, here.acme.people[role])
        await opened.add("beta", here.beta.keys["all"].secret)
        yield opened


@pytest.fixture
async def elsewhere(here: TwoTenants) -> AsyncIterator[Foundation]:
    """The same database, as another process has it."""
    async with office(here.house._settings) as opened:
        yield opened


async def is_refused(here: TwoTenants, who: Somebody) -> None:
    answer = await here.ask(who, "GET", "/api/events")
    assert answer.status_code in (401, 403), answer.text


async def test_logging_out(here: TwoTenants, sockets: Open) -> None:
    """I10: that session's sockets, and no other session's of the same person."""
    admin, home = here.acme.admin, await here.session(here.acme.admin, here.acme.organization_id)
    await sockets.person("admin at home", home)
    assert await sockets.end({"admin"}, lambda: here.ok(admin, "DELETE", "/api/session")) == {"admin": "revoked"}
    await is_refused(here, admin)
    ended = f"/api/account/sessions/{home.credential_id}"
    phone = await here.session(admin, here.acme.organization_id)
    del sockets.sockets["admin"]
    assert await sockets.end({"admin at home"}, lambda: here.ok(phone, "DELETE", ended)) == {"admin at home": "revoked"}


async def test_changing_the_password(here: TwoTenants, sockets: Open) -> None:
    """I10: every other session ends; the one in which it was changed goes on."""
    admin, home = here.acme.admin, await here.session(here.acme.admin, here.acme.organization_id)
    await sockets.person("admin at home", home)
    change = {"current": PASSWORD, "new": "another horse and battery"}
    await sockets.end({"admin at home"}, lambda: here.ok(admin, "PUT", "/api/account/password", change))
    await is_refused(here, home)


async def test_a_password_set_by_link(here: TwoTenants, sockets: Open) -> None:
    """I10: every session of the account ends."""
    agent = here.acme.people[Role.AGENT]
    made = await here.ok(here.operator, "POST", f"/api/users/{agent.user_id}/password-reset")
    change = {"token": made["token"], "password": "another horse and battery"}
    await sockets.end({"agent"}, lambda: here.ok(here.operator, "POST", "/api/account/reset", change))
    await is_refused(here, agent)


async def test_disabling_an_account(here: TwoTenants, sockets: Open) -> None:
    viewer = here.acme.people[Role.VIEWER]
    await sockets.end({"viewer"}, lambda: here.ok(here.operator, "POST", f"/api/users/{viewer.user_id}/disable"))
    await is_refused(here, viewer)


async def test_revoking_a_key_ends_its_tickets_too(here: TwoTenants, sockets: Open) -> None:
    """I10: the key's sockets and those of the browsers that it sent."""
    path = f"/api/keys/{here.acme.keys['all'].credential_id}"
    codes = await sockets.end({"key", "ticket"}, lambda: here.ok(here.acme.admin, "DELETE", path))
    assert codes == {"key": "revoked", "ticket": "revoked"}
    await is_refused(here, here.acme.keys["all"])


async def test_a_key_that_expires(here: TwoTenants, sockets: Open) -> None:
    """I10: nobody has to do anything."""
    end = datetime.now(UTC) + timedelta(seconds=1.5)
    key = await make_key(here.base, here.acme, "short", expires_at=end)
    await sockets.add("short", key.secret)

    async def wait() -> None:
        await asyncio.sleep(max(0.0, (end - datetime.now(UTC)).total_seconds()))

    assert await sockets.end({"short"}, wait) == {"short": "revoked"}
    await is_refused(here, key)


async def test_removing_a_member(here: TwoTenants, sockets: Open) -> None:
    path = f"/api/members/{here.acme.people[Role.AGENT].user_id}"
    await sockets.end({"agent"}, lambda: here.ok(here.acme.admin, "DELETE", path))
    await is_refused(here, here.acme.people[Role.AGENT])


async def test_lowering_a_role(here: TwoTenants, sockets: Open) -> None:
    """I10: who comes back sees no more than the new role allows."""
    agent = here.acme.people[Role.AGENT]
    path, instance = f"/api/members/{agent.user_id}", here.acme.instances[0]
    codes = await sockets.end({"agent"}, lambda: here.ok(here.acme.admin, "PATCH", path, {"role": "viewer"}))
    assert codes == {"agent": "access_changed"}
    again = await sockets.person("agent again", agent)
    say(here.simulator, instance, 1, "only for who may read content")
    await again.has(1)
    await sockets.sockets["admin"].has(1)
    assert "only for who may" not in again.events[0]
    assert "only for who may" in sockets.sockets["admin"].events[0]


async def test_acting_for_another_organization(here: TwoTenants, sockets: Open) -> None:
    """I10: a session's sockets are its organization's; it hears nothing of both."""
    admin = here.acme.admin
    assert admin.user_id is not None
    await here.base.memberships.add(here.beta.organization_id, admin.user_id, Role.VIEWER)
    wanted = {"organization": here.beta.organization_id}
    await sockets.end({"admin"}, lambda: here.ok(admin, "PUT", "/api/session/organization", wanted))
    again = await sockets.person("admin of beta", admin)
    assert again.named("ready")[0]["organization"] == here.beta.organization_id


async def test_disabling_an_organization(here: TwoTenants, sockets: Open) -> None:
    """I10: everybody who acts for it, whatever they came with."""
    everybody = set(sockets.sockets) - {"beta"}
    path = f"/api/organizations/{here.acme.organization_id}"
    codes = await sockets.end(everybody, lambda: here.ok(here.operator, "PATCH", path, {"disabled": True}))
    assert codes["key"] == codes["ticket"] == codes["token"] == "organization_disabled"
    for who in here.acme.everybody():
        await is_refused(here, who)


@pytest.mark.parametrize("change", ["removed", "replaced"])
async def test_changing_who_signs_tokens(here: TwoTenants, sockets: Open, change: str) -> None:
    new = {"secret": "a new secret of more than thirty-two bytes"}
    if change == "removed":
        await sockets.end({"token"}, lambda: here.ok(here.acme.admin, "DELETE", "/api/token-signer"))
    else:
        await sockets.end({"token"}, lambda: here.ok(here.acme.admin, "PUT", "/api/token-signer", new))


@pytest.mark.parametrize("new_owner", [False, True])
async def test_taking_an_instance_away(here: TwoTenants, sockets: Open, new_owner: bool) -> None:
    """I4: from the answer on its events are not the former owner's any more, who keeps what there was."""
    taken, kept = here.acme.instances
    say(here.simulator, taken, 1, "before")
    await sockets.sockets["key"].has(1)
    path, move = f"/api/instances/{taken}", {"organization": here.beta.organization_id, "move": True}
    if new_owner:
        await here.ok(here.operator, "POST", f"{path}/assign", move)
    else:
        await here.ok(here.operator, "POST", f"{path}/unassign")
    await taken_away(here, sockets, taken, kept, new_owner=new_owner)
    assert (await here.ask(here.acme.admin, "GET", path)).status_code == 404


async def taken_away(here: TwoTenants, sockets: Open, taken: str, kept: str, *, new_owner: bool) -> None:
    mine, other = sockets.sockets["key"], sockets.sockets["beta"]
    before = mine.count
    say(here.simulator, taken, 2, "after")
    say(here.simulator, kept, 3, "after")
    await mine.has(before + 1)
    assert [told["instance"] for told in mine.bodies()][before:] == [kept]
    if new_owner:
        await other.has(1)
        assert [told["instance"] for told in other.bodies()] == [taken]
        assert "before" not in "".join(other.events)
    log = await here.whole_log(here.acme.keys["all"])
    assert [told["instance"] for told in log][before:] == [kept]


async def test_an_instance_that_another_process_takes_away(
    here: TwoTenants, sockets: Open, elsewhere: Foundation
) -> None:
    """I4: the gateway learns of it within two seconds; until then it is as before."""
    taken, kept = here.acme.instances
    clock = asyncio.get_running_loop().time
    async with Lag().measured() as lag:
        await elsewhere.directory.unassign(taken)
        done_at = clock()
        await holds("it is known", lambda: here.base.directory.find("main", taken).organization_id is None)  # type: ignore[union-attr]
        assert clock() - done_at < WITHIN_S + lag.seconds
    await taken_away(here, sockets, taken, kept, new_owner=False)


async def test_what_another_process_takes_away(here: TwoTenants, sockets: Open, elsewhere: Foundation) -> None:
    """I10: keys, roles, accounts, signers and organizations, changed by the command line or a second gateway."""
    acme, signers = here.acme, elsewhere.signers
    agent, viewer = acme.people[Role.AGENT], acme.people[Role.VIEWER]
    assert agent.user_id is not None
    assert viewer.user_id is not None
    key_id, agent_id, viewer_id = acme.keys["all"].credential_id, agent.user_id, viewer.user_id
    steps: list[tuple[set[str], Callable[[], Awaitable[object]]]] = [
        ({"key", "ticket"}, lambda: elsewhere.keys.revoke(key_id)),
        ({"agent"}, lambda: elsewhere.memberships.remove(acme.organization_id, agent_id)),
        ({"viewer"}, lambda: elsewhere.accounts.disable(viewer_id)),
        ({"token"}, lambda: signers.remove(acme.organization_id)),
        ({"admin"}, lambda: elsewhere.directory.set_disabled(acme.organization_id, True)),
    ]
    for ended, act in steps:
        await sockets.end(ended, act)
        for name in ended:
            del sockets.sockets[name]
    assert list(sockets.sockets) == ["beta"]


async def fill(here: TwoTenants, tenant: Tenant) -> str:
    """A long log; the cursor before its first event."""
    instance = here.base.directory.find("main", tenant.instances[0])
    assert instance is not None
    data = b'{"message":{"conversation":"' + b"x" * EVENT_BYTES + b'"}}'
    for _ in range(TOTAL // 100):
        batch = [decoded_event(instance.name, "messages.upsert", data) for _ in range(100)]
        events = [AddressedEvent(tenant.organization_id, instance.instance_id, event) for event in batch]
        await here.base.events.append(events)
    head = await here.base.events.head(here.base.directory.scope_of(tenant.organization_id))
    assert head.seq == TOTAL
    return f"{head.epoch}-0"


async def test_in_the_middle_of_a_replay_the_rest_is_never_sent(here: TwoTenants) -> None:
    """I10: sockets that lag far behind when their right ends get no page more; another one gets everything."""
    acme = here.acme
    cursor = await fill(here, acme)
    agent, viewer = acme.people[Role.AGENT], acme.people[Role.VIEWER]
    key = await make_key(here.base, acme, "of a ticket")
    ticket = (await here.base.tickets.mint(await here.principal(key)))[1]
    ends: dict[str, tuple[dict[str, Any], Callable[[], Awaitable[object]]]] = {
        "key": ({"token": acme.keys["all"].secret}, lambda: here.base.keys.revoke(acme.keys["all"].credential_id)),
        "ticket": ({"token": ticket}, lambda: here.base.keys.revoke(key.credential_id)),
        "token": ({"token": acme.jwt()}, lambda: here.base.signers.remove(acme.organization_id)),
        "member": (
            {"headers": own_page(here.url, agent.headers["Cookie"])},
            lambda: here.base.memberships.remove(acme.organization_id, str(agent.user_id)),
        ),
        "session": (
            {"headers": own_page(here.url, acme.admin.headers["Cookie"])},
            lambda: here.ok(acme.admin, "DELETE", "/api/session"),
        ),
    }
    scope = here.base.directory.scope_of(acme.organization_id)
    count = here.gateway._live.socket_count
    async with AsyncExitStack() as stack:
        sockets = Open(here, stack)
        for name, (way, _) in ends.items():
            client = await sockets.add(name, **way, cursor=cursor, most=10)
            await client.has(10)
        reader = await sockets.add("reader", acme.keys["reader"].secret, cursor=cursor, judge=lambda _text: None)
        await reader.has(TOTAL, within_s=40)
        await sockets.person("viewer", viewer, cursor=cursor)
        for number, (name, (_, act)) in enumerate(ends.items()):
            clock = asyncio.get_running_loop().time
            async with Lag().measured() as lag:
                await act()
                done_at = clock()
                left = len(ends) - number - 1 + 2
                await holds(f"{name} is gone", lambda: count(scope) == left)  # noqa: B023
                assert clock() - done_at < WITHIN_S + lag.seconds
            sockets.sockets[name].read_on()
            await sockets.sockets[name].ends()
            assert 10 <= sockets.sockets[name].count < TOTAL // 2
        assert reader.goodbye is None
        assert not reader.has_ended
