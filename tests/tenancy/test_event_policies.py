from __future__ import annotations

import pytest

from ponteio.model.event_policy import FOREVER_DAYS, PRESETS, EventPolicy
from ponteio.model.outcome import INVALID_REQUEST, ORGANIZATION_NOT_FOUND, RefusalError
from ponteio.storage.database import Database
from ponteio.tenancy.directory import Directory

PRESENCE = EventPolicy("presence.*", store=False)


def _id(directory: Directory, name: str) -> str:
    found = directory.organization(name)
    assert found is not None
    return found.organization_id


async def test_what_is_chosen_holds_here_at_once_and_elsewhere_after_a_look(
    directory: Directory, elsewhere: Directory
) -> None:
    mine, other = _id(directory, "alpha"), _id(directory, "beta")
    assert directory.choices(mine).policies == ()
    told: list[str] = []
    directory.on_change(lambda: told.append("changed"))
    chosen = await directory.set_policies(mine, [PRESENCE, EventPolicy("call", keep_days=7, push=False)])
    assert chosen is directory.choices(mine)
    assert chosen.policies == (EventPolicy("call", keep_days=7, push=False), PRESENCE)
    assert told == ["changed"]
    assert elsewhere.choices(mine).policies == ()
    assert await elsewhere.refresh()
    assert elsewhere.choices(mine).policies == chosen.policies
    assert directory.choices(other).policies == elsewhere.choices(other).policies == ()
    await elsewhere.set_policies(mine, PRESETS["all"])
    await directory.refresh()
    assert directory.choices(mine).of("presence.update").store


async def test_the_same_answer_is_given_until_something_changes(directory: Directory) -> None:
    """It is asked for each event: no work is done again."""
    mine = _id(directory, "alpha")
    assert directory.choices(mine) is directory.choices(mine)


async def test_the_operators_ceiling_holds_at_once(directory: Directory) -> None:
    mine = _id(directory, "alpha")
    await directory.set_policies(mine, [EventPolicy("messages.*", keep_days=FOREVER_DAYS)])
    assert directory.choices(mine).kept_days("messages.upsert") == FOREVER_DAYS
    await directory.set_limits(mine, {"keep_days": 30})
    assert directory.choices(mine).kept_days("messages.upsert") == 30
    assert directory.choices(mine).kept_days("call") == 30
    await directory.set_limits(mine, {"keep_days": None})
    assert directory.choices(mine).kept_days("call") == 90
    for value in (0, -1, FOREVER_DAYS + 1):
        with pytest.raises(RefusalError) as refused:
            await directory.set_limits(mine, {"keep_days": value})
        assert refused.value.outcome is INVALID_REQUEST


async def test_the_deployments_default_is_for_whoever_chose_nothing(database: Database) -> None:
    directory = Directory(database, default_keep_days=5)
    await directory.load()
    mine = (await directory.create_organization("gamma")).organization_id
    assert directory.choices(mine).kept_days("call") == 5
    assert directory.choices_if(mine, [EventPolicy("*", keep_days=50)]).kept_days("call") == 50
    assert directory.choices(mine).policies == ()


async def test_what_cannot_be_chosen_is_refused(directory: Directory) -> None:
    mine = _id(directory, "alpha")
    await directory.set_policies(mine, [PRESENCE])
    for policies in ([EventPolicy("a*")], [PRESENCE, PRESENCE]):
        with pytest.raises(RefusalError) as refused:
            await directory.set_policies(mine, policies)
        assert refused.value.outcome is INVALID_REQUEST
    assert directory.choices(mine).policies == (PRESENCE,)
    with pytest.raises(RefusalError) as refused:
        await directory.set_policies("org_none", [])
    assert refused.value.outcome is ORGANIZATION_NOT_FOUND
