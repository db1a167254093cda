"""The application of the port of its own. Over real HTTP: tests/test_metrics_desk.py."""

from __future__ import annotations

import httpx2
import pytest

from ponteio.api.metrics_page import metrics_app


async def asked(bound_to: str, host: str) -> httpx2.Response:
    async def text() -> bytes:
        return b"ponteio_sockets 1\n"

    transport = httpx2.ASGITransport(app=metrics_app(text, bound_to))
    async with httpx2.AsyncClient(transport=transport, base_url="http://any") as client:
        return await client.get("/metrics", headers={"Host": host})


@pytest.mark.parametrize("bound_to", ["127.0.0.1", "::1", "localhost"])
async def test_on_the_machine_itself_no_foreign_name_is_answered(bound_to: str) -> None:
    for host in ("127.0.0.1:9464", "localhost:9464", "[::1]:9464"):
        assert (await asked(bound_to, host)).text == "ponteio_sockets 1\n"
    assert (await asked(bound_to, "attacker.example")).status_code == 421


@pytest.mark.parametrize("bound_to", ["0.0.0.0", "10.0.0.5", "ponteio"])
async def test_elsewhere_it_is_reached_by_whatever_name_the_network_gives_it(bound_to: str) -> None:
    assert (await asked(bound_to, "ponteio:9464")).status_code == 200


async def test_anything_but_http_is_let_go() -> None:
    async def nothing() -> None:
        raise AssertionError("nobody asks, nobody is answered")

    await metrics_app(nothing, "127.0.0.1")({"type": "lifespan"}, nothing, nothing)  # type: ignore[arg-type]
