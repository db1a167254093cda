from __future__ import annotations

import asyncio

from tests.support.directory_world import id_of
from tests.support.log_world import SERVER

from ponteio.model.identity import InstanceChange, InstanceState
from ponteio.tenancy.directory import Directory


async def test_another_process_sees_a_change_when_it_looks(directory: Directory, elsewhere: Directory) -> None:
    assert await elsewhere.refresh() is False
    await directory.assign("alpha", id_of(directory, "beta"))
    assert await elsewhere.refresh() is True
    assert await elsewhere.refresh() is False
    assert elsewhere.all_instances() == directory.all_instances()
    assert elsewhere.organizations() == directory.organizations()


async def test_own_changes_do_not_hide_those_of_others(directory: Directory, elsewhere: Directory) -> None:
    await elsewhere.create_organization("gamma")
    await directory.create_organization("delta")
    assert [one.name for one in directory.organizations()] == ["alpha", "beta", "delta", "gamma"]
    assert await directory.refresh() is False
    await directory.assign("new", id_of(directory, "delta"))
    await elsewhere.assign("new", id_of(elsewhere, "gamma"))
    assert [one.name for one in elsewhere.organizations()] == ["alpha", "beta", "delta", "gamma"]


async def test_an_organization_of_another_process_can_be_given_an_instance(
    directory: Directory, elsewhere: Directory
) -> None:
    made = await elsewhere.create_organization("gamma")
    assert (await directory.assign("new", made.organization_id)).organization_id == made.organization_id


async def test_listeners_hear_of_every_change_once(directory: Directory, elsewhere: Directory) -> None:
    heard: list[int] = []
    directory.on_change(lambda: heard.append(len(directory.organizations())))
    await directory.create_organization("gamma")
    assert heard == [3]
    await elsewhere.create_organization("delta")
    await directory.refresh()
    await directory.refresh()
    assert heard == [3, 4]
    await directory.note(SERVER, "alpha", InstanceChange(InstanceState.OPEN))
    await directory.note(SERVER, "alpha", InstanceChange(InstanceState.OPEN))
    assert heard == [3, 4, 4]


async def test_changes_from_all_sides_end_in_one_truth(directory: Directory, elsewhere: Directory) -> None:
    sides = (directory, elsewhere)
    await asyncio.gather(
        *(
            sides[number % 2].note(SERVER, f"instance {number % 7}", InstanceChange(reason=number, upstream_id="id"))
            for number in range(60)
        ),
        *(sides[number % 2].create_organization(f"organization {number}") for number in range(10)),
    )
    for side in sides:
        await side.refresh()
    assert directory.all_instances() == elsewhere.all_instances()
    assert directory.organizations() == elsewhere.organizations()
    assert len(directory.organizations()) == 12
