"""Callers of the REST API. Whatever they are answered is checked: form, headers, and that no secret is in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
from fastapi import FastAPI
from tests.support.rest_house import SERVER, RestHouse, rest_house

from ponteio.api.factory import create_api
from ponteio.api.services import ApiServices
from ponteio.live.edge import LiveEdge
from ponteio.model.identity import OrganizationScope
from ponteio.model.outcome import CATALOGUE

CANARIES = ("EAAG-canary-meta-token", "traceback", "Traceback", "sqlalchemy", "SELECT ")


class Caller:
    """Calls with one key, or none."""

    def __init__(self, desk: RestDesk, key: str | None, header: str = "Authorization") -> None:
        self._desk = desk
        self._headers = {} if key is None else {header: f"Bearer {key}" if header == "Authorization" else key}

    async def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        headers = {**self._headers, **options.pop("headers", {})}
        answer = await self._desk.client.request(method, path, headers=headers, **options)
        self._desk.check(answer)
        return answer

    async def get(self, path: str, **options: Any) -> httpx2.Response:
        return await self.call("GET", path, **options)

    async def post(self, path: str, **options: Any) -> httpx2.Response:
        return await self.call("POST", path, **options)

    async def delete(self, path: str, **options: Any) -> httpx2.Response:
        return await self.call("DELETE", path, **options)


class RestDesk:
    """The API over a house, with an organization `acme`, another one, and the operator at it."""

    def __init__(self, house: RestHouse, app: FastAPI, services: ApiServices) -> None:
        self.house = house
        self.app = app
        self.services = services
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway")
        self.api_keys: list[str] = []
        self.nobody = Caller(self, None)
        self.acme: Caller
        self.rival: Caller
        self.operator: Caller
        self.acme_scope: OrganizationScope
        self.rival_scope: OrganizationScope

    async def caller(self, organization_id: str | None, header: str = "Authorization") -> Caller:
        """A caller with a new key."""
        _, secret = await self.house.keys.create(organization_id, "test")
        self.api_keys.append(secret)
        return Caller(self, secret, header)

    def check(self, answer: httpx2.Response) -> None:
        """I5: no answer whatsoever holds a key or a token; each refusal is a whole problem document."""
        shown = answer.text + repr(answer.headers)
        world = self.house.simulator.world
        secrets = [self.house.simulator.api_key, *self.api_keys, *(each.token for each in world if each.token)]
        for secret in (*secrets, *CANARIES):
            assert secret not in shown, f"{answer.request.method} {answer.request.url} shows a secret"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            problem = answer.json()
            assert problem["status"] == answer.status_code
            assert CATALOGUE[problem["code"]].status == answer.status_code
            assert problem["type"] == f"urn:ponteio:problem:{problem['code']}"
            assert problem["title"]
            assert problem["detail"]


def code(answer: httpx2.Response) -> str:
    """The problem's code."""
    return str(answer.json()["code"])


def encoded(name: str) -> str:
    """An instance's name as a part of an address."""
    return quote(name, safe="")


@asynccontextmanager
async def rest_desk(
    folder: Path, *, owned: Sequence[str] = ("loja-01", "loja-02"), allowed_origins: Sequence[str] = (), **options: Any
) -> AsyncIterator[RestDesk]:
    """A desk: `acme` owns `owned`, the rival owns `loja-03`. Options are those of `rest_house`."""
    async with rest_house(folder, **options) as house:
        services = ApiServices(
            server_id=SERVER,
            links=house.links,
            control=house.control,
            test=house.test,
            live=LiveEdge(log=house.log, keys=house.keys, directory=house.directory, counters=house.counters),
            directory=house.directory,
            keys=house.keys,
            events=house.log,
            quarantine=house.quarantine,
            gaps=house.gaps,
            counters=house.counters,
            allowed_origins=allowed_origins,
        )
        desk = RestDesk(house, create_api(services), services)
        desk.acme_scope = await house.organization("acme", *owned)
        desk.rival_scope = await house.organization("rival", "loja-03")
        desk.acme = await desk.caller(desk.acme_scope.organization_id)
        desk.rival = await desk.caller(desk.rival_scope.organization_id)
        desk.operator = await desk.caller(None)
        yield desk
        await desk.client.aclose()
