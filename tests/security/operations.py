"""The operations of the REST application, and how to ask for one of them in the whole house."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
from fastapi import FastAPI
from tests.support.route_rights import BODIES, NEEDS, OPERATOR, Need
from tests.support.two_tenants import Somebody, TwoTenants

from ponteio.model.outcome import CATALOGUE
from ponteio.model.rights import Right

SOON_S = 3.0
"""No single request may take longer, whatever is in it."""

GOOD: dict[str, dict[str, Any]] = {
    "claimInstance": {"name": "unheard-of", "token": "a token that nobody has"},
    "createInstance": {"name": "brand new", "integration": "EVOLUTION"},
    "assignInstance": {"organization": "org_0123456789abcdef01234567", "move": True},
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the application's own description."""

    name: str
    method: str
    path: str
    parameters: tuple[str, ...]
    statuses: dict[str, Any]

    @property
    def need(self) -> Need:
        return NEEDS[self.method, self.path]

    @property
    def body(self) -> dict[str, Any] | None:
        return GOOD.get(self.name, BODIES.get((self.method, self.path)))


def operations(app: FastAPI) -> Iterator[Operation]:
    """Every operation; what ends the caller's own session comes last."""
    schema = app.openapi()
    found = []
    for path, methods in schema["paths"].items():
        for method, one in methods.items():
            named = [
                f"{each['in']}:{each['name']}" for each in one.get("parameters", ()) if each["in"] in ("path", "query")
            ]
            named += [f"body:{name}" for body in _bodies(schema, one.get("requestBody")) for name in body["properties"]]
            found.append(Operation(one["operationId"], method.upper(), path, tuple(named), one["responses"]))
    return iter(sorted(found, key=lambda it: (it.name == "logOut", it.name)))


def bodies_of(schema: dict[str, Any], it: Operation) -> Iterator[dict[str, Any]]:
    """The schemas of what the operation may be sent."""
    yield from _bodies(schema, schema["paths"][it.path][it.method.lower()].get("requestBody"))


def _bodies(schema: dict[str, Any], body: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    if body is None:
        return
    content = body["content"]["application/json"]["schema"]
    for choice in (content, *content.get("anyOf", ())):
        if "$ref" in choice:
            yield schema["components"]["schemas"][choice["$ref"].rpartition("/")[2]]


async def soon(here: TwoTenants, who: Somebody | None, method: str, path: str, **options: Any) -> httpx2.Response:
    """The answer, which came quickly, is no fault of ours, and is a whole problem document if it is a refusal."""
    clock = asyncio.get_running_loop().time
    began = clock()
    answer = await here.ask(who, method, path, **options)
    told = f"{who and who.name}: {method} {path[:80]} {str(options)[:200]}: {answer.status_code} {answer.text[:300]}"
    assert answer.status_code < 500, told
    assert clock() - began < SOON_S, told
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", told
        assert CATALOGUE[answer.json()["code"]].status == answer.status_code, told
    return answer


def able(here: TwoTenants, it: Operation) -> Somebody:
    """Somebody who may ask for it."""
    if it.need == Right.TICKETS_MINT:
        return here.acme.keys["all"]
    return here.operator if it.need in (OPERATOR, Right.LIMITS_SET) else here.acme.admin


def filled(it: Operation, part: str = "no-such-thing") -> str:
    """The operation's address with `part` for whatever it names."""
    path = it.path
    for place in it.parameters:
        if place.startswith("path:"):
            path = path.replace("{" + place.removeprefix("path:") + "}", part)
    return path
