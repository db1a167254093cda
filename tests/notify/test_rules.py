from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.alert_world import AlertWorld, alert_world, process_of

from ponteio.model.alert import Condition, Hours, Maker, QuietHours, RuleTerms
from ponteio.model.outcome import INVALID_RULE, NOT_FOUND, TOO_MANY_RULES, Outcome, RefusalError
from ponteio.notify.rule import MAX_RULES
from ponteio.storage.database import Database

NIGHT = Hours(frozenset(range(7)), 22 * 60, 7 * 60, "America/Sao_Paulo")


@pytest.fixture
async def world(database: Database) -> AsyncIterator[AlertWorld]:
    async with alert_world(database) as made:
        yield made


async def refused(call: object) -> Outcome:
    with pytest.raises(RefusalError) as refusal:
        await call  # type: ignore[misc]
    return refusal.value.outcome


async def test_a_rule_is_kept_changed_and_removed_and_each_is_told(world: AlertWorld) -> None:
    rules, heard = world.process.rules, []
    rules.on_change(lambda: heard.append(1))
    made = await world.rule(name="Shops", quiet=QuietHours(NIGHT), hours=NIGHT)
    assert await process_of(world.post, world.options).rules.list(world.acme) == [made]
    world.clock.turn(seconds=5)
    other = Maker("key_1", is_key=True)
    terms = RuleTerms(Condition.QR)
    changed = await rules.change(world.acme, made.rule_id, terms, other, may_read_content=False)
    assert (changed.terms, changed.maker, changed.created_at) == (terms, other, made.created_at)
    assert changed.updated_at > made.updated_at
    assert await rules.get(world.acme, made.rule_id) == changed
    await rules.remove(world.acme, made.rule_id)
    assert await rules.all() == []
    assert len(heard) == 3


async def test_a_foreign_rule_is_none(world: AlertWorld) -> None:
    """I4: nobody reads, changes or removes another organization's rule."""
    theirs, rules = await world.rule(owner=world.rival), world.process.rules
    for rule_id in (theirs.rule_id, "alr_0123456789abcdef01234567"):
        assert await refused(rules.get(world.acme, rule_id)) is NOT_FOUND
        assert await refused(rules.remove(world.acme, rule_id)) is NOT_FOUND
        changed = rules.change(world.acme, rule_id, theirs.terms, world.maker, may_read_content=True)
        assert await refused(changed) is NOT_FOUND
    assert await rules.list(world.rival) == [theirs]


async def test_a_rule_tells_channels_of_its_organization_alone(world: AlertWorld) -> None:
    mine = (world.channel.channel_id,)
    assert await refused(world.rule(owner=world.rival, channels=mine)) is NOT_FOUND
    assert await refused(world.rule(channels=(*mine, "chn_0123456789abcdef01234567"))) is NOT_FOUND
    rules = world.process.rules
    terms = RuleTerms(Condition.DOWN, mine)
    assert await rules.check(world.acme, terms, may_read_content=True) == terms
    assert await refused(rules.check(world.rival, terms, may_read_content=True)) is NOT_FOUND
    assert await refused(rules.channel_quiet(world.rival, mine[0])) is NOT_FOUND
    assert await refused(rules.set_channel_quiet(world.rival, mine[0], None)) is NOT_FOUND


async def test_rules_are_bounded(world: AlertWorld) -> None:
    for _ in range(MAX_RULES):
        await world.rule()
    assert await refused(world.rule()) is TOO_MANY_RULES
    await world.rule(owner=world.rival)


async def test_quiet_hours_of_channels(world: AlertWorld) -> None:
    rules, mine = world.process.rules, world.channel.channel_id
    assert await rules.channel_quiet(world.acme, mine) is None
    for is_held in (True, False):
        await rules.set_channel_quiet(world.acme, mine, QuietHours(NIGHT, is_held))
        assert await rules.channel_quiet(world.acme, mine) == QuietHours(NIGHT, is_held)
    assert await rules.quiet_channels() == {(world.acme, mine): QuietHours(NIGHT, False)}
    assert await rules.quiet_channels(world.rival) == {}
    nowhere = QuietHours(Hours(frozenset({0}), 0, 0, "Nowhere"))
    assert await refused(rules.set_channel_quiet(world.acme, mine, nowhere)) is INVALID_RULE
    await rules.set_channel_quiet(world.acme, mine, None)
    assert await rules.quiet_channels() == {}
