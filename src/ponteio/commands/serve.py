"""Running the gateway until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import sys

import structlog

from ponteio.app import Gateway
from ponteio.commands.runner import EXIT_FAILED
from ponteio.config import GatewaySettings, Settings
from ponteio.foundation import Foundation
from ponteio.observe.logging import configure_logging
from ponteio.tenancy.invitations import join_link

log = structlog.get_logger(__name__)


async def serve(settings: GatewaySettings, stop: asyncio.Event) -> int:
    """Serve until `stop` is set, then store and say what was still on its way. The answer is an exit status: 1 when the
    house broke and must be started anew.
    """
    lines = configure_logging(settings.log_level, settings.log_format)
    try:
        gateway = Gateway(settings)
        await gateway.start()
        await _greet(gateway, settings)
        settle_memory()
        told = asyncio.ensure_future(stop.wait())
        broken = asyncio.ensure_future(gateway.broken())
        try:
            await asyncio.wait({told, broken}, return_when=asyncio.FIRST_COMPLETED)
            return 0 if told.done() else EXIT_FAILED
        finally:
            log.info("stopping")
            for waiting in (told, broken):
                waiting.cancel()
            await gateway.stop()
    finally:
        lines.stop()


async def _greet(gateway: Gateway, settings: GatewaySettings) -> None:
    """Say how the first operator gets in. On standard error and not in the log: whoever reads the token is operator."""
    token = await gateway.first_operator_token()
    if token is None:
        return
    print(
        "\nNobody runs this deployment yet. Make an operator with `ponteio user create EMAIL --operator`,\n"
        f"or with this link, which works once:\n\n  {join_link(settings.public_url or gateway.url, token)}\n",
        file=sys.stderr,
        flush=True,
    )


async def migrate(settings: Settings) -> None:
    """Bring the database to the newest shape."""
    await (await Foundation.open(settings, checkpoints=False)).close()
    print("the database is up to date")


def settle_memory() -> None:
    """Keep the collector from walking what lives as long as the process: that doubles the cost of many sockets."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)
