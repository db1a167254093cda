"""An edge with quick deadlines, on SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.gateway_edge import GatewayEdge, gateway_edge

from ponteio.live.options import LiveOptions
from ponteio.storage.database import Database

QUICK = LiveOptions(
    look_every_s=0.05,
    heal_every_s=0.05,
    refused_s=0.15,
    farewell_s=0.15,
    tip_pause_s=0.1,
    sockets_per_address=1_000,
    arrivals_per_s=1_000,
)
"""All clients of a test come from one address, and many at once."""


@pytest.fixture
async def gateway(sqlite_database: Database) -> AsyncIterator[GatewayEdge]:
    """An edge for the organizations `acme` and `beta`, one key each."""
    async with gateway_edge(sqlite_database, QUICK, ("acme", "beta")) as opened:
        yield opened


@pytest.fixture
async def clean(gateway: GatewayEdge) -> AsyncIterator[GatewayEdge]:
    """An edge that must be empty again when its clients have gone."""
    yield gateway
    await gateway.is_empty()
