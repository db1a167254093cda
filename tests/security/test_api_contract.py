"""The REST API against its own description: generated requests, good and bad, from every kind of caller."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.oracle.traffic import message, rouse
from tests.support.two_tenants import Somebody, TwoTenants, described_api, two_tenants

from ponteio.model.rights import Role

EXAMPLES = {GenerationMode.POSITIVE: 4, GenerationMode.NEGATIVE: 2}
"""Of each operation, good ones and bad ones, each sent by everybody."""
SENT_AT_LEAST = 1_500
UPSTREAM_S_OWN = {502, 504}
"""What a generated request may make of Evolution's answer; a fault of ours is another status."""
AGREES = [status_code_conformance, content_type_conformance, response_schema_conformance]
AnyCase = Case[Any]
_T = TypeVar("_T")


@dataclass
class Elsewhere:
    """A loop in a thread of its own: what generates requests does not await."""

    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, _T], within_s: float = 60) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(within_s)

    @contextmanager
    def inside(self, opened: AbstractAsyncContextManager[_T]) -> Iterator[_T]:
        value = self.run(opened.__aenter__())
        try:
            yield value
        finally:
            self.run(opened.__aexit__(None, None, None))


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield Elsewhere(loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def everybody(here: TwoTenants) -> list[Somebody | None]:
    """One caller of each kind that differs from the others in what it may do."""
    acme = here.acme
    keys = [acme.keys[name] for name in ("all", "reader", "linker", "manager", "narrowed", "metadata")]
    return [None, *acme.everybody()[:1], *keys, acme.admin, acme.people[Role.VIEWER], here.operator, here.operator_key]


def speak(here: TwoTenants) -> Coroutine[Any, Any, None]:
    async def say_something() -> None:
        rouse(here.simulator, here.acme.instances)
        await here.house.is_linked(here.acme.keys["all"].secret, *here.acme.instances)
        for number in range(20):
            here.simulator.emit(here.acme.instances[0], "messages.upsert", message("one", number, "x"))
        await here.all_stored(here.acme, 20)

    return say_something()


async def mend(here: TwoTenants) -> None:
    """What a generated request took from those who ask is theirs again."""
    acme = here.acme
    await here.base.signers.put_secret(acme.organization_id, acme.signing_secret)
    for instance in acme.instances:
        await here.base.directory.assign(instance, acme.organization_id, server_id="main")


def probe(operation: Any, send: Callable[[AnyCase], None]) -> None:
    """`send` gets the same few requests of this operation in every run."""

    for mode, amount in EXAMPLES.items():
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query or operation.path_parameters):
            continue  # there is nothing to get wrong

        @settings(
            max_examples=amount,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def sent(case: AnyCase) -> None:
            send(case)

        sent()


@pytest.mark.timeout(180)
def test_every_answer_is_as_described_and_none_is_a_fault_of_ours(tmp_path: Path, sqlite_file_url: str) -> None:
    """No 5xx of our own; statuses, media types and bodies as the description says, for whoever asks."""
    schema = schemathesis.openapi.from_dict(described_api().openapi())
    counts: dict[int, int] = {}
    with elsewhere() as there, there.inside(two_tenants(tmp_path, sqlite_file_url)) as here, requests.Session() as http:
        there.run(speak(here))
        callers = everybody(here)

        def send(case: AnyCase) -> None:
            for who in callers:
                leaves = case.operation.definition.raw["operationId"] in ("logOut", "switchOrganization")
                if leaves and who is not None and who.is_person:
                    continue
                headers = {} if who is None else dict(who.headers)
                answer = case.call(base_url=here.url, session=http, headers=headers)
                http.cookies.clear()
                counts[answer.status_code] = counts.get(answer.status_code, 0) + 1
                told = f"{who and who.name} at {case.method} {case.formatted_path}: {answer.text[:300]}"
                assert answer.status_code < 500 or answer.status_code in UPSTREAM_S_OWN, told
                case.validate_response(answer, checks=AGREES)

        operations = list(schema.get_all_operations())
        assert len(operations) > 50
        for operation in operations:
            assert isinstance(operation, Ok)
            probe(operation.ok(), send)
            there.run(mend(here))
    assert sum(counts.values()) > SENT_AT_LEAST
    assert {200, 201, 401, 403, 404, 422} <= set(counts)
