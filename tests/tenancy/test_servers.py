from __future__ import annotations

import logging
from collections.abc import Awaitable

import pytest
from sqlalchemy import select, update
from tests.support.directory_world import id_of
from tests.support.log_world import SERVER

from ponteio.model.identity import InstanceChange
from ponteio.model.link import LinkTarget
from ponteio.model.outcome import INVALID_REQUEST, SECRET_UNREADABLE, SERVER_NOT_FOUND, Outcome, RefusalError
from ponteio.storage.database import Database
from ponteio.storage.tables import servers as table
from ponteio.storage.vault import Vault
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.link_intents import LinkIntents
from ponteio.tenancy.servers import Servers, is_public_default

KEY = "a global key of Evolution 1234"
URL = "http://evolution-2.test:8080"


@pytest.fixture
def servers(database: Database, directory: Directory) -> Servers:
    return Servers(database, directory, Vault([Vault.new_key()]))


async def _refused(call: Awaitable[object]) -> Outcome:
    with pytest.raises(RefusalError) as refused:
        await call
    assert KEY not in str(refused.value)
    return refused.value.outcome


async def _row(database: Database, server_id: str) -> dict[str, object]:
    async with database.read() as connection:
        row = (await connection.execute(select(table).where(table.c.server_id == server_id))).one()
    return dict(row._mapping)


async def test_a_server_is_kept_with_its_key_sealed(
    servers: Servers, directory: Directory, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """I5: the key is in no row and no answer as it is."""
    caplog.set_level(logging.DEBUG)
    made = await servers.add(f" {URL}/ ", KEY, label=" two ", global_events=True)
    assert made.server_id.startswith("srv_")
    assert (made.url, made.label, made.key_last4) == (URL, "two", "1234")
    assert (made.global_events, made.allow_private, made.is_from_environment) == (True, False, False)
    assert directory.server(made.server_id) == made
    assert made in directory.servers()
    assert await servers.key(made.server_id) == KEY
    assert KEY not in str(await _row(database, made.server_id)) + repr(made) + caplog.text


async def test_of_a_short_key_nothing_is_shown(servers: Servers) -> None:
    assert (await servers.add(URL, "12345678901")).key_last4 is None
    assert (await servers.add("http://three.test", "123456789012")).key_last4 == "9012"


async def test_what_is_no_server_is_refused(servers: Servers, directory: Directory) -> None:
    for url, key, label in (
        ("ftp://evolution", KEY, ""),
        ("http://user@evolution", KEY, ""),
        (URL, "", ""),
        (URL, f"{KEY}\r\nx: y", ""),
        (URL, KEY, "x" * 101),
    ):
        assert await _refused(servers.add(url, key, label=label)) is INVALID_REQUEST
    assert len(directory.servers()) == 1


async def test_one_address_is_one_server(servers: Servers) -> None:
    """I4: an instance of a server that is there twice could have two owners."""
    made = await servers.add(URL, KEY)
    other = await servers.add("http://three.test", KEY)
    assert await _refused(servers.add("http://EVOLUTION-2.test:8080/", KEY)) is INVALID_REQUEST
    assert await _refused(servers.change(other.server_id, url=URL)) is INVALID_REQUEST
    assert (await servers.change(made.server_id, url=URL.upper().replace("HTTP", "http"))).server_id == made.server_id
    await servers.remove(made.server_id)
    assert (await servers.add(URL, KEY)).server_id != made.server_id


async def test_a_change_leaves_what_it_does_not_name(servers: Servers) -> None:
    made = await servers.add(URL, KEY, label="two", global_events=True, allow_private=True)
    changed = await servers.change(made.server_id, label="")
    assert (changed.label, changed.url, changed.global_events, changed.allow_private) == ("", URL, True, True)
    changed = await servers.change(made.server_id, url="http://moved.test", global_events=False, allow_private=False)
    assert (changed.url, changed.global_events, changed.allow_private) == ("http://moved.test", False, False)
    assert await servers.key(made.server_id) == KEY
    assert (changed.key_last4, changed.key_mark) == ("1234", made.key_mark)
    changed = await servers.change(made.server_id, key="another one with the end 1234")
    assert changed.key_last4 == "1234"
    assert changed.key_mark not in (None, made.key_mark)
    assert await _refused(servers.change(made.server_id, url="nonsense")) is INVALID_REQUEST
    assert await _refused(servers.change("srv_none", label="x")) is SERVER_NOT_FOUND


async def test_the_environments_server_is_changed_there(servers: Servers) -> None:
    assert await _refused(servers.change(SERVER, label="x")) is INVALID_REQUEST
    assert await _refused(servers.remove(SERVER)) is INVALID_REQUEST
    assert await _refused(servers.key(SERVER)) is SECRET_UNREADABLE


async def test_instances_of_a_removed_server_count_as_removed(
    servers: Servers, directory: Directory, database: Database
) -> None:
    made = await servers.add(URL, KEY)
    alpha = id_of(directory, "alpha")
    await directory.assign("shop", alpha, server_id=made.server_id)
    intents = LinkIntents(database)
    await intents.put(LinkTarget(made.server_id, "shop"), False)
    await servers.remove(made.server_id)
    assert directory.server(made.server_id) is None
    assert [server.server_id for server in directory.removed_servers()] == [made.server_id]
    assert directory.instance(directory.scope_of(alpha), "shop") is None
    assert directory.namesakes("shop") == []
    kept = directory.find(made.server_id, "shop")
    assert kept is not None
    assert kept.organization_id == alpha
    assert await intents.all(made.server_id) == {}
    assert (await _row(database, made.server_id))["sealed_key"] is None
    assert await _refused(servers.key(made.server_id)) is SERVER_NOT_FOUND
    assert await _refused(servers.remove(made.server_id)) is SERVER_NOT_FOUND
    assert await directory.register(made.server_id, {"shop": InstanceChange(upstream_id="u")}) == []
    assert await _refused(directory.assign("shop", alpha, server_id=made.server_id)) is INVALID_REQUEST
    assert (await directory.assign("shop", alpha, server_id=SERVER)).organization_id == alpha


async def test_what_is_assigned_while_its_server_is_removed_elsewhere_is_refused(
    servers: Servers, directory: Directory, elsewhere: Directory, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await servers.add(URL, KEY)
    await elsewhere.refresh()
    await servers.remove(made.server_id)

    async def stale() -> bool:
        return False

    monkeypatch.setattr(elsewhere, "refresh", stale)
    assign = elsewhere.assign("shop", id_of(directory, "alpha"), server_id=made.server_id)
    assert await _refused(assign) is SERVER_NOT_FOUND
    await directory.refresh()
    assert directory.find(made.server_id, "shop") is None


async def test_a_key_opens_only_in_its_own_row(servers: Servers, database: Database) -> None:
    """I5: whoever can write rows cannot have another server's key sent to an address of theirs."""
    one, other = await servers.add(URL, KEY), await servers.add("http://three.test", "k" * 20)
    async with database.write() as connection:
        sealed = (await _row(database, one.server_id))["sealed_key"]
        await connection.execute(update(table).where(table.c.server_id == other.server_id).values(sealed_key=sealed))
    assert await _refused(servers.key(other.server_id)) is SECRET_UNREADABLE


async def test_other_keys_do_not_open_it(servers: Servers, directory: Directory, database: Database) -> None:
    made = await servers.add(URL, KEY)
    assert (
        await _refused(Servers(database, directory, Vault([Vault.new_key()])).key(made.server_id)) is SECRET_UNREADABLE
    )


def test_the_keys_of_evolutions_examples_are_known() -> None:
    assert is_public_default("429683C4C977415CAAFCCE10F7D57E11")
    assert is_public_default("BQYHJGJHJ")
    assert not is_public_default(KEY)
