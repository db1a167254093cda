"""`/healthz` and `/readyz`, for whoever watches the process. They need no key and tell nothing else."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from ponteio.api.authentication import Services
from ponteio.api.problems import errors
from ponteio.api.schemas import Health
from ponteio.model import outcome
from ponteio.model.outcome import RefusalError

router = APIRouter(tags=["health"])

READY_S = 3.0
"""Longest wait for the database before it counts as away."""


@router.get("/healthz", operation_id="health")
async def health() -> Health:
    """The process answers."""
    return Health()


@router.get("/readyz", operation_id="ready", responses=errors(outcome.NOT_READY))
async def ready(services: Services) -> Health:
    """The database answers too."""
    try:
        async with asyncio.timeout(READY_S):
            await services.directory.refresh()
    except TimeoutError:
        raise RefusalError(outcome.NOT_READY) from None
    return Health()
