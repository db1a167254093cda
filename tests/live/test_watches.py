"""Who reads for long hears of the end of the right to it."""

from __future__ import annotations

import asyncio

from tests.support.gateway_edge import GatewayEdge

from ponteio.live.watches import Watches
from ponteio.model.identity import Principal
from ponteio.model.outcome import REVOKED, SHUTTING_DOWN
from ponteio.model.rights import CredentialKind

ONE = Principal(CredentialKind.KEY, "one", frozenset())
TWO = Principal(CredentialKind.KEY, "two", frozenset())


async def test_only_those_whose_right_ended_hear_of_it_and_only_once() -> None:
    watches = Watches()
    with watches.watch(ONE) as first, watches.watch(ONE) as again, watches.watch(TWO) as other:
        assert watches.principals() == {ONE, TWO}
        waiting = asyncio.create_task(first.ended())
        await asyncio.sleep(0)
        watches.end({ONE: REVOKED})
        assert await waiting is REVOKED
        assert [watch.outcome for watch in (again, other)] == [REVOKED, None]
        watches.end_all(SHUTTING_DOWN)
        assert [watch.outcome for watch in (first, other)] == [REVOKED, SHUTTING_DOWN]
    assert len(watches) == 0


async def test_a_cancelled_wait_leaves_the_watch_whole() -> None:
    watches = Watches()
    with watches.watch(ONE) as watch:
        waiting = asyncio.create_task(watch.ended())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert watch.outcome is None
        watches.end({ONE: REVOKED})
        assert await watch.ended() is REVOKED


async def test_the_edge_enforces_watches_too(gateway: GatewayEdge) -> None:
    """I10: a right that is taken away ends what is read with it, socket or not."""
    principal = await gateway.keys.authenticate(gateway.tokens["acme"])
    with gateway.edge.watch(principal) as watch:
        ended = asyncio.create_task(watch.ended())
        await gateway.edge.enforce()
        assert not ended.done()
        await gateway.keys.revoke(gateway.key_ids["acme"])
        await gateway.edge.enforce()
        assert await ended is REVOKED
    beta = await gateway.keys.authenticate(gateway.tokens["beta"])
    with gateway.edge.watch(beta) as watch:
        await gateway.edge.close()
        assert watch.outcome is SHUTTING_DOWN
