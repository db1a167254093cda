"""What is kept for so many days and no longer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.support.log_world import NOON, SERVER, decoded

from ponteio.config import Settings
from ponteio.expiry import expiries
from ponteio.foundation import Foundation
from ponteio.model.event import AddressedEvent, Refusal
from ponteio.model.event_policy import EventPolicy
from ponteio.model.link import Gap, GapKind, LinkTarget
from ponteio.model.outcome import MALFORMED_JSON

DAY = timedelta(days=1)


async def _fill(base: Foundation, organization_id: str) -> None:
    """Of everything one that is 11 days old, and one of today; of the gaps one that is still open, too."""
    await base.directory.ensure_server(SERVER, "http://evolution.test")
    await base.directory.assign("alpha", organization_id)
    target = LinkTarget(SERVER)
    for number, at in enumerate((NOON - 11 * DAY, NOON)):
        for event in ("call", "presence.update"):
            placed = base.directory.address(replace(decoded("alpha", number, event), received_at=at))
            assert isinstance(placed, AddressedEvent)
            await base.events.append([placed])
        await base.quarantine.put([Refusal(MALFORMED_JSON, target, at, "bad", 3)])
        await base.gaps.record(Gap(target, GapKind.LINK_DOWN, at - DAY, at))
    await base.gaps.open(target, GapKind.NAMESPACE_PENDING, NOON - 100 * DAY)


async def test_everything_has_its_days(tmp_path: Path) -> None:
    base = await Foundation.open(Settings(data_dir=tmp_path, keep_days=10, _env_file=None), checkpoints=True)
    try:
        mine = (await base.directory.create_organization("Acme")).organization_id
        await base.directory.set_policies(mine, [EventPolicy("presence.*", keep_days=20)])
        await _fill(base, mine)
        for expire in expiries(base, 10, clock=lambda: NOON + timedelta(seconds=1)):
            await expire()
            await expire()
        assert len(await base.quarantine.list(9)) == 1
        assert [gap.to_at for gap in await base.gaps.list(SERVER, 9)] == [None, NOON]
        page = await base.events.read_after(base.directory.scope_of(mine), None)
        assert [event.seq for event in page.events] == [2, 3, 4]
    finally:
        await base.close()
