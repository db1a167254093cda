from __future__ import annotations

from datetime import UTC, datetime

from tests.support.people_world import QUICK

from ponteio.model.alert import AlertRule, Condition, Maker, RuleTerms
from ponteio.model.rights import KeyScope, Role
from ponteio.notify.makers import Makers
from ponteio.storage.database import Database
from ponteio.tenancy.accounts import Accounts
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.memberships import Memberships
from ponteio.tenancy.passwords import Passwords

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def rule(organization_id: str, rule_id: str, maker: str, *, is_key: bool = False) -> AlertRule:
    return AlertRule(organization_id, rule_id, RuleTerms(Condition.EVENT), Maker(maker, is_key), NOW, NOW)


async def test_rights_are_those_of_now(database: Database) -> None:
    """I10: what a rule may tell ends with the right of whoever saved it."""
    directory, keys = Directory(database), KeyRing(database)
    acme = (await directory.create_organization("Acme")).organization_id
    rival = (await directory.create_organization("Rival")).organization_id
    accounts, memberships = Accounts(database, Passwords(QUICK)), Memberships(database)
    people = {}
    for name, role in (("ana", Role.ADMIN), ("bia", Role.AGENT), ("vic", Role.VIEWER), ("out", None)):
        user = await accounts.create(f"{name}@example.com", name, "correct horse battery")
        people[name] = user.user_id
        if role is not None:
            await memberships.add(acme, user.user_id, role)
    key, _ = await keys.create(acme, "all")
    poor, _ = await keys.create(acme, "poor", scopes=frozenset({KeyScope.ADMIN}), metadata_only=True)
    rules = [
        *(rule(acme, name, user_id) for name, user_id in people.items()),
        rule(rival, "elsewhere", people["ana"]),
        rule(acme, "key", key.key_id, is_key=True),
        rule(acme, "poor", poor.key_id, is_key=True),
        rule(rival, "foreign key", key.key_id, is_key=True),
        rule(acme, "no key", "key_gone", is_key=True),
    ]
    makers = Makers(database, keys)
    assert await makers.reading_content(rules) == {"ana", "bia", "key"}
    assert await makers.reading_content([]) == set()
    await memberships.set_role(acme, people["bia"], Role.VIEWER)
    await keys.revoke(key.key_id)
    assert await makers.reading_content(rules) == {"ana"}
