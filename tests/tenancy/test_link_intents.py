from __future__ import annotations

from ponteio.model.link import LinkTarget
from ponteio.storage.database import Database
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.link_intents import LinkIntents


async def test_the_last_wish_is_kept_for_each_target(database: Database) -> None:
    intents = LinkIntents(database)
    odd = LinkTarget("main", "a/b, ç '\"\x00")
    for target, wanted in ((LinkTarget("main"), True), (odd, True), (odd, False), (LinkTarget("other"), False)):
        await intents.put(target, wanted)
    assert await intents.all("main") == {LinkTarget("main"): True, odd: False}
    assert await LinkIntents(database).all("other") == {LinkTarget("other"): False}


async def test_a_forgotten_wish_is_gone_and_forgetting_again_is_harmless(database: Database) -> None:
    intents = LinkIntents(database)
    await intents.put(LinkTarget("main", "alpha"), False)
    await intents.put(LinkTarget("main"), False)
    await intents.forget(LinkTarget("main", "alpha"))
    await intents.forget(LinkTarget("main", "alpha"))
    assert await intents.all("main") == {LinkTarget("main"): False}


async def test_what_a_former_owner_wanted_does_not_bind_the_next_one(database: Database) -> None:
    directory, intents = Directory(database), LinkIntents(database)
    await directory.ensure_server("main", "http://evolution")
    first = await directory.create_organization("First")
    second = await directory.create_organization("Second")
    target = LinkTarget("main", "loja")
    await intents.put(target, True)
    await directory.assign("loja", first.organization_id)
    assert await intents.all("main") == {target: True}, "the operator's, for an instance that nobody owned"
    await intents.put(target, False)
    await directory.assign("loja", first.organization_id)
    assert await intents.all("main") == {target: False}
    await directory.assign("loja", second.organization_id)
    assert await intents.all("main") == {}
    await intents.put(target, False)
    await directory.unassign("loja")
    assert await intents.all("main") == {}
